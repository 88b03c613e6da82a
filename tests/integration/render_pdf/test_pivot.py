"""Cross-tabs on paper: an outer key stands once per block, and again at the top of a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.render_pdf.pages import printed
from tests.spooled import Given, document

LONG = {"region": "text", "city": "text", "month": "text", "amount": "numeric"}
ACROSS = {"rows": "region,city", "columns": "month"}
_KEYS = re.compile(r"^(Region \d+ )?(City \d+) ", re.MULTILINE)


def _cross(cities: int) -> Given:
    rows = [(f"Region {city // 40}", f"City {city}", month, city) for city in range(cities) for month in ("Jan", "Feb")]
    return Given("pivot", LONG, rows, "Cities by month", options=ACROSS)


@pytest.mark.parametrize("cities", [100, 620], ids=["laid out as a whole", "streamed"])
def test_an_outer_key_stands_where_it_begins_and_at_the_top_of_a_page(tmp_path: Path, cities: int) -> None:
    made = printed(document(tmp_path, _cross(cities)), tmp_path / "out", rows_max=10_000)
    seen = 0
    for page in range(made.pages):
        for place, (region, city) in enumerate(_KEYS.findall("\n".join(made.lines(page)).replace(" |", ""))):
            assert city == f"City {seen}"
            assert region.strip() == (f"Region {seen // 40}" if place == 0 or seen % 40 == 0 else ""), city
            seen += 1
    assert seen == cities
    assert made.pages > 2


def test_parts_of_a_wide_cross_tab_repeat_all_its_keys(tmp_path: Path) -> None:
    rows = [("North", f"City {city}", f"Month {n:02d}", 1_000_000) for city in range(3) for n in range(30)]
    made = printed(document(tmp_path, Given("pivot", LONG, rows, options=ACROSS)), tmp_path / "out")
    heads = [line for line in made.text.splitlines() if line.startswith("Region | City | Month")]
    assert len(heads) > 1
    assert made.text.count("North | City 0") == len(heads)
    assert made.text.count("\nCity 2 | ") == len(heads)
