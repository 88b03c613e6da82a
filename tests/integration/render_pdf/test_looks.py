from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reportd.render.layout import MARGIN
from reportd.report.definition import Param
from tests.integration.render_pdf.pages import Printed, printed
from tests.spooled import Given, document

PERIOD = (Param("period", "daterange", "Period"), Param("region", "text", "Region"))
VALUES = {"period": "[2026-10-05,2026-11-01)", "region": "all"}
COLUMNS = {"region": "text", "ordered_on": "date", "customer": "text", "amount_eur": "numeric"}
ROWS = [
    (
        ("North", "South", "West")[number * 3 // 110],
        f"2026-10-{number % 28 + 1:02d}",
        f"Customer {number}",
        Decimal(number * number % 9973 - 700) / 100,
    )
    for number in range(110)
]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """Figures, a chart and a table of 110 rows over three pages."""
    directory = tmp_path_factory.mktemp("long")
    sales = document(
        directory,
        Given("kpi", {"revenue_eur": "numeric", "revenue_eur_prev": "numeric"}, [("1284330.55", "1190022.10")]),
        Given("bar", {"day": "date", "amount": "numeric"}, [(row[1], row[3]) for row in ROWS[:28]], "Sales by day"),
        Given("table", COLUMNS, ROWS, "Orders"),
        params=PERIOD,
        values=VALUES,
        confidentiality="Internal",
        author="Finance",
    )
    return printed(sales, directory / "out")


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """The same rows in three groups with subtotals."""
    directory = tmp_path_factory.mktemp("grouped")
    options = {"group": "region", "subtotal": "amount_eur"}
    return printed(document(directory, Given("table", COLUMNS, ROWS, options=options)), directory / "out")


def test_the_first_page_reads_title_filters_figures_chart_table(long: Printed) -> None:
    lines = long.lines(0)
    assert lines[0] == "Sales by region"
    assert lines[1] == "Period: 5–31 Oct 2026 · Region: all · Data as of 2 Nov 2026 08:00 CET"
    assert lines[2:5] == ["Revenue (EUR)", "1,284,330.55", "▲ +7.9% | vs 1,190,022.10"]
    assert lines.index("Sales by day") < lines.index("Orders")


def test_the_header_is_repeated_on_every_page(long: Printed) -> None:
    for page in range(long.pages):
        assert "Region | Ordered on | Customer | Amount (EUR)" in long.lines(page)


def test_every_page_says_which_of_how_many_it_is(long: Printed) -> None:
    assert long.pages == len(long.reader.pages) == 3
    for page in range(long.pages):
        foot = f"Sales by region · Data as of 2 Nov 2026 08:00 CET | Internal | Page {page + 1} of 3"
        assert foot in long.lines(page)


def test_every_row_is_there_once_and_the_total_is_their_sum(long: Printed) -> None:
    shown = re.findall(r"Customer (\d+) \| (−?[\d,.]+)", long.text)
    assert [int(number) for number, _ in shown] == list(range(110))
    total = sum(Decimal(amount.replace(",", "").replace("−", "-")) for _, amount in shown)
    assert f"Total | {total:,.2f}" in long.lines(2)


def test_figures_end_at_one_edge_and_texts_begin_at_one(long: Printed) -> None:
    words = long.words(1)
    amounts = [word.right for word in words if re.fullmatch(r"−?[\d,]+\.\d\d", word.text)]
    customers = [word.x for word in words if word.text.startswith("Customer")]
    assert len(amounts) > 30
    assert max(amounts) - min(amounts) < 0.2
    assert max(customers) - min(customers) < 0.01


def test_type_is_as_large_as_it_should_be(long: Printed) -> None:
    sizes = {word.text: word.size for word in long.words(0)}
    assert sizes["Sales by region"] == pytest.approx(19, abs=0.1)
    assert sizes["Customer 0"] == pytest.approx(8.5, abs=0.1)


def test_groups_go_on_by_name_and_end_with_their_sums(grouped: Printed) -> None:
    first, second, third = (grouped.lines(page) for page in range(3))
    assert "North" in first
    assert second[0] == "South (continued)"
    assert third[0] == "West (continued)"
    for region in ("North", "South", "West"):
        total = sum(row[3] for row in ROWS if row[0] == region)
        assert f"Subtotal {region} | {total:,.2f}".replace("-", "−") in grouped.text
    groups: Any = grouped.reader.outline[-1]
    assert [group["/Title"] for group in groups] == ["North", "South", "West"]


def test_no_group_heading_ends_a_page_and_no_sum_begins_one(grouped: Printed) -> None:
    heading = "Ordered on | Customer | Amount (EUR)"
    for page in range(grouped.pages):
        lines = grouped.lines(page)
        assert not lines[lines.index(heading) + 1].startswith(("Subtotal", "Total"))
        assert lines[-2] not in ("North", "South", "West")


def test_a_cut_is_announced_on_page_one_and_at_the_cut(tmp_path: Path) -> None:
    orders = document(tmp_path, Given("table", COLUMNS, ROWS, "Orders"))
    short = printed(orders, tmp_path / "out", rows_max=40)
    lines = short.lines(0)
    assert any("the first 40 of 110 rows of “Orders”" in line for line in lines[:4])
    text = short.text
    assert "Cut here: 70 more rows of “Orders” are in the sheet and the CSV file." in text
    assert len(re.findall(r"Customer \d", text)) == 40
    assert f"Total | {sum(row[3] for row in ROWS):,.2f}" in text


def test_nothing_found_is_said_with_the_filters(tmp_path: Path) -> None:
    empty = document(
        tmp_path,
        Given("kpi", {"revenue": "numeric"}, [(None,)]),
        Given("line", {"day": "date", "revenue": "numeric"}, []),
        Given("table", COLUMNS, [], "Orders"),
        params=PERIOD,
        values=VALUES,
    )
    sheet = printed(empty, tmp_path / "out")
    assert sheet.pages == 1
    assert "No rows for 5–31 Oct 2026 · Region: all" in sheet.lines(0)
    assert "–" in sheet.lines(0)
    assert "Total" not in sheet.text


def test_german_documents_are_german(tmp_path: Path) -> None:
    columns = {"umsatz": "numeric", "quote_rate": "numeric", "am": "date", "bezahlt": "boolean"}
    rows = [("1234567.50", "0.125", "2026-10-02", "t"), ("-0.5", "0.5", "2026-10-03", "f")]
    sheet = printed(document(tmp_path, Given("table", columns, rows), locale="de-AT"), tmp_path / "out")
    text = sheet.text.replace("\u00a0", " ")
    assert "1.234.567,50 | 12,5 % | 02.10.2026 | ja" in text
    assert "−0,50 | 50,0 % | 03.10.2026 | nein" in text
    assert "1.234.567,00" in text
    assert "Datenstand 02.11.2026 08:00 CET" in text
    assert "Seite 1 von 1" in text
    assert sheet.reader.trailer["/Root"]["/Lang"] == "de-AT"  # type: ignore[index]


def test_a_wide_table_lies_across_and_nothing_leaves_the_page(tmp_path: Path) -> None:
    columns = {
        "id": "bigint",
        **{f"text_{n}": "text" for n in range(5)},
        **{f"amount_{n}": "numeric" for n in range(7)},
    }
    row = (7, "word " * 80, "x" * 300, "a", "", None, *(f"{n}234567.89" for n in range(1, 8)))
    sheet = printed(document(tmp_path, Given("table", columns, [row] * 4)), tmp_path / "out")
    box = sheet.reader.pages[0].mediabox
    assert box.width > box.height
    words = sheet.words(0)
    assert min(word.x for word in words) >= MARGIN - 0.1
    assert max(word.right for word in words) <= float(box.width) - MARGIN + 1  # kerning is not counted
    assert sum("…" in word.text for word in words) == 8


def test_letter_paper_is_letter(tmp_path: Path) -> None:
    sheet = printed(document(tmp_path, Given("table", {"n": "integer"}, [(1,)]), paper="Letter"), tmp_path / "out")
    box = sheet.reader.pages[0].mediabox
    assert (float(box.width), float(box.height)) == (612, 792)
