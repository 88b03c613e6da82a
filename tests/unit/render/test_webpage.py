"""The HTML format: one stand-alone page with every row, parsed as a browser would."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from tests.spooled import Given, document

ORDERS = {"region": "text", "day": "date", "customer": "text", "amount": "numeric"}
ROWS: list[list[object]] = [
    ["North", "2026-09-30", "Ann & <b>Bob</b>", "1234.50"],
    ["North", "2026-10-02", "Çelik", "-2.00"],
    ["South", "2026-10-01", None, None],
]


class Page(HTMLParser):
    """What a browser sees: tables as rows of texts, the keys to sort by, addresses, and every tag that is open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.kinds: list[str] = []
        self.keys: list[str | None] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "rect", "line", "path", "circle", "col"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag == "tr":
            self.rows.append([])
            self.kinds.append(given.get("class") or "")
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            if "data-s" in given:
                self.keys.append(given["data-s"])

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        self.texts.append(data.strip())


def text_of(directory: Path, *blocks: Given, rows_max: int = 100, **fields: object) -> str:
    made = document(directory / "spool", *blocks, **fields)  # type: ignore[arg-type]
    [file] = HTML(rows_max=rows_max).render(made, out=directory, settings=RenderSettings())
    assert (file.format, file.name, file.content_type) == ("html", "sales.html", "text/html; charset=utf-8")
    return Path(file.path).read_text(encoding="utf-8")


def test_a_table_has_all_rows_groups_subtotals_and_its_total_and_markup_in_data_stays_text(tmp_path: Path) -> None:
    options = {"group": "region", "subtotal": "amount"}
    page = Page(text_of(tmp_path, Given("table", ORDERS, ROWS, options=options)))
    assert page.rows == [
        ["Day", "Customer", "Amount"],
        ["North"],
        ["30 Sep 2026", "Ann & <b>Bob</b>", "1,234.50"],
        ["02 Oct 2026", "Çelik", "−2.00"],
        ["Subtotal North", "1,232.50"],
        ["South"],
        ["01 Oct 2026", "–", "–"],
        ["Subtotal South", "0.00"],
        ["Total", "1,232.50"],
    ]
    assert page.kinds == ["", "group", "", "", "subtotal", "group", "", "subtotal", "total"]
    assert page.keys == ["2026-09-30", "2026-10-02", "2026-10-01"], "days sort by the calendar, not by their words"


def test_a_table_past_the_limit_is_cut_and_says_so_on_top_and_at_the_cut(tmp_path: Path) -> None:
    page = Page(text_of(tmp_path, Given("table", ORDERS, ROWS, title="Orders"), rows_max=2))
    assert sum("first 2 of 3 rows" in text for text in page.texts) == 1
    assert page.kinds == ["", "", "", "cut", "total"]
    assert page.rows[-1] == ["Total", "1,232.50"], "a total is of all rows"


def test_the_page_stands_alone_and_lets_its_own_script_run_and_nothing_else(tmp_path: Path) -> None:
    columns = {"site_url": "text", "amount": "numeric"}
    rows = [["https://example.org/a?b=1&c=2", "1"], ["javascript:alert(1)", "2"]]
    text = text_of(tmp_path, Given("table", columns, rows), Given("bar", ORDERS, ROWS, options={"x": "region"}))
    assert Page(text).addresses == ["https://example.org/a?b=1&c=2"], "no file of anybody's, and no script for a link"
    assert not re.search(r"url\(|@import|http-equiv=\"refresh", text)
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in text
    assert "default-src &#39;none&#39;" in text


def test_prose_tiles_and_charts_come_in_the_order_of_the_report(tmp_path: Path) -> None:
    page = Page(
        text_of(
            tmp_path,
            Given("kpi", {"revenue": "numeric"}, [["12.5"]]),
            Given("text", {"words": "text"}, [["First.\n\nSecond & last."]], title="In short"),
            Given("pie", {"region": "text", "amount": "numeric"}, [["North", "3"], ["South", "1"]], title="Shares"),
        )
    )
    words = [
        text for text in page.texts if text in ("Revenue", "12.5", "In short", "First.", "Second & last.", "Shares")
    ]
    assert words == ["Revenue", "12.5", "In short", "First.", "Second & last.", "Shares"]
    assert {"75%", "25%"} <= set(page.texts)
    assert page.open == []


@pytest.mark.parametrize(("count", "empty"), [(0, True), (1, False)])
def test_a_table_without_rows_says_so(tmp_path: Path, count: int, empty: bool) -> None:
    page = Page(text_of(tmp_path, Given("table", ORDERS, ROWS[:count])))
    assert ("No rows" in page.texts) == empty


def test_the_same_document_makes_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = (text_of(tmp_path / name, Given("table", ORDERS, ROWS)) for name in "ab")
    assert one == two


def test_a_wide_table_prints_on_a_page_turned_round(tmp_path: Path) -> None:
    wide = {f"column_number_{n}": "text" for n in range(9)}
    assert "size: A4 landscape" in text_of(tmp_path, Given("table", wide, [["some long words"] * 9]))
    assert "size: A4;" in text_of(tmp_path, Given("table", ORDERS, ROWS))
