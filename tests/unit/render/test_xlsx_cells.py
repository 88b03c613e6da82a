"""The data sheet's cells: for every type the value that xlsxwriter itself would have written."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from xlsxwriter import Workbook

from tests.unit.render.sheets import column, column_of, data, document, opened

# (column's name, Postgres type, spooled text, value in the sheet)
CASES: list[tuple[str, str, str | None, Any]] = [
    ("qty", "integer", "42", 42),
    ("qty", "bigint", "-7", -7),
    ("qty", "bigint", "999999999999999", 999999999999999),
    ("qty", "bigint", "9007199254740993", "9007199254740993"),
    ("order_id", "bigint", "1234567", 1234567),
    ("order_id", "bigint", "1234567890123456789", "1234567890123456789"),
    ("phone", "text", "0043123456", "0043123456"),
    ("zip", "text", "01234", "01234"),
    ("amount", "numeric", "1234.50", 1234.5),
    ("amount", "numeric", "-0.01", -0.01),
    ("amount", "numeric", "1234567890123.45", 1234567890123.45),
    ("amount", "numeric", "12345678901234567.89", "12345678901234567.89"),
    ("amount", "numeric", "0.12345678901234567", 0.12345678901234567),
    ("amount", "numeric", "100.0000000000000000", 100),
    ("amount", "numeric", "10000000000000000000000", 1e22),
    ("amount", "numeric", "NaN", "NaN"),
    ("amount", "numeric", "Infinity", "Infinity"),
    ("amount", "double precision", "0.30000000000000004", 0.30000000000000004),
    ("amount", "double precision", "1.5e-07", 1.5e-07),
    ("amount", "double precision", "-Infinity", "-Infinity"),
    ("pass_pct", "numeric", "0.8750", 0.875),
    ("due", "date", "2026-10-31", datetime(2026, 10, 31)),
    ("due", "date", "infinity", "infinity"),
    ("due", "date", "0044-03-15 BC", "0044-03-15 BC"),
    ("due", "date", "1899-12-31", "1899-12-31"),
    ("made_at", "timestamp with time zone", "2026-10-31 12:34:56+01", datetime(2026, 10, 31, 12, 34, 56)),
    ("made_at", "timestamp with time zone", "2026-10-31 12:34:56.5+01", datetime(2026, 10, 31, 12, 34, 56, 500000)),
    ("made_at", "timestamp with time zone", "2026-10-31 23:30:00+00", datetime(2026, 11, 1, 0, 30)),
    ("made_at", "timestamp with time zone", "infinity", "infinity"),
    ("made", "timestamp without time zone", "2026-10-31 00:00:00", datetime(2026, 10, 31)),
    ("opens", "time without time zone", "08:15:00", time(8, 15)),
    ("opens", "time with time zone", "08:15:00+02", "08:15:00+02"),
    ("paid", "boolean", "t", True),
    ("paid", "boolean", "f", False),
    ("note", "text", "plain", "plain"),
    ("note", "text", "Zürich – 東京", "Zürich – 東京"),
    ("note", "text", "=1+1", "=1+1"),
    ("note", "text", "+43", "+43"),
    ("note", "text", "@x", "@x"),
    ("note", "text", "http://example.com", "http://example.com"),
    ("note", "text", "<b>&amp;</b>", "<b>&amp;</b>"),
    ("note", "text", "  kept  ", "  kept  "),
    ("note", "text", "two\nlines", "two\nlines"),
    ("note", "text", "😀 مرحبا", "😀 مرحبا"),
    ("note", "text", "12", "12"),
    ("note", "text", None, None),
    ("tags", "text[]", '{a,"b c"}', '{a,"b c"}'),
    ("body", "jsonb", '{"a": [1, 2]}', '{"a": [1, 2]}'),
    ("took", "interval", "1 day 02:00:00", "1 day 02:00:00"),
]


@pytest.mark.parametrize(("name", "type", "text", "value"), CASES)
def test_a_value_has_its_type_in_the_sheet(tmp_path: Path, name: str, type: str, text: str | None, value: Any) -> None:
    # A batch of its own, and one among NULLs: two ways through the writer.
    columns = [column(name, type), column("n", "integer")]
    alone = data(tmp_path, columns, [[text, "1"]], title="Alone")
    among = data(tmp_path, columns, [[None, "1"], [text, "2"], [None, "3"]], title="Among")
    book = opened(document(alone, among), tmp_path)
    assert column_of(book["Among"]) == [None, value, None]
    assert column_of(book["Alone"]) == [value]
    for cell in (book["Alone"]["A2"], book["Among"]["A3"]):
        assert _kind(cell.value) is _kind(value)
        assert cell.data_type == _TYPES[_kind(value)]


def test_every_cell_is_the_one_that_xlsxwriter_writes(tmp_path: Path) -> None:
    columns = [column(name, type) for name, type, _, _ in CASES]
    row = [text for _, _, text, _ in CASES]
    ours = opened(document(data(tmp_path, columns, [row])), tmp_path)["Orders"]

    book = Workbook(tmp_path / "peer.xlsx", {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for position, (_, _, _, value) in enumerate(CASES):
        cell = ours.cell(2, position + 1)
        style = book.add_format({"num_format": cell.number_format})
        sheet.write(1, position, value, style) if not isinstance(value, str) else sheet.write_string(1, position, value)
    book.close()
    peer = openpyxl.load_workbook(tmp_path / "peer.xlsx").worksheets[0]

    for position in range(1, len(CASES) + 1):
        mine, theirs = ours.cell(2, position), peer.cell(2, position)
        # xlsxwriter rounds to 16 digits; a double needs 17.
        same = pytest.approx(theirs.value, rel=1e-15) if isinstance(theirs.value, float) else theirs.value
        assert (mine.value, mine.data_type) == (same, theirs.data_type), CASES[position - 1]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("bell \x07", "bell _x0007_"),
        ("_x0041_", "_x005F_x0041_"),
        ("carriage\rreturn", "carriage_x000D_return"),
        ("\ufffe", "_xFFFE_"),
        ("\x1f", "_x001F_"),
        ("a_x_b _x12 _xZZZZ_", "a_x_b _x12 _xZZZZ_"),
    ],
)
def test_what_xml_cannot_hold_is_written_as_excel_writes_it(tmp_path: Path, text: str, written: str) -> None:
    book = opened(document(data(tmp_path, [column("note")], [[text], ["plain"]])), tmp_path)
    # openpyxl hands the escape on as it stands in the file; Excel turns it back.
    assert column_of(book["Orders"]) == [written, "plain"]


def test_an_empty_text_is_told_from_null(tmp_path: Path) -> None:
    sheet = opened(
        document(data(tmp_path, [column("note"), column("n", "integer")], [["", "1"], [None, "2"]])), tmp_path
    )["Orders"]
    assert (sheet["A2"].data_type, sheet["A3"].data_type) == ("s", "n")


def test_a_text_too_long_for_a_cell_is_cut_with_a_mark_and_a_note(tmp_path: Path) -> None:
    long, wide = "x" * 40_000, "😀" * 20_000
    book = opened(document(data(tmp_path, [column("note")], [["short"], [long], [wide]])), tmp_path)
    for value, begun in zip(column_of(book["Orders"])[1:], "x😀", strict=True):
        assert value.startswith(begun * 1000)
        assert value.endswith("characters]")
        assert len(value.encode("utf-16-le")) // 2 <= 32_767
    said = [cell.value for cell in book["Summary"]["B"] if cell.value]
    assert "Note: 2 longer than a cell can hold, cut and marked there." in said


def test_a_number_kept_as_text_is_said_on_the_summary(tmp_path: Path) -> None:
    book = opened(document(data(tmp_path, [column("qty", "bigint")], [["9007199254740993"], ["1"]])), tmp_path)
    said = [cell.value for cell in book["Summary"]["B"] if cell.value]
    assert "Qty: 1 that a cell can’t hold exactly, kept as text." in said


def test_only_web_and_mail_addresses_of_a_link_column_can_be_clicked(tmp_path: Path) -> None:
    values = [
        "https://example.com/a?b=1&c=2#there",
        "http://example.com/ä",
        "mailto:me@example.com",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "\\\\server\\share",
        "https://exam ple.com",
        f"https://example.com/{'x' * 2100}",
    ]
    columns = [column("page_url"), column("note")]
    sheet = opened(document(data(tmp_path, columns, [[value, value] for value in values])), tmp_path)["Orders"]
    targets = [cell.hyperlink and cell.hyperlink.target for cell in sheet["A"][1:]]
    assert targets == [
        "https://example.com/a?b=1&c=2",
        "http://example.com/%C3%A4",
        "mailto:me@example.com",
        *[None] * 5,
    ]
    assert sheet["A2"].hyperlink.location == "there"
    assert column_of(sheet) == values
    assert not any(cell.hyperlink for cell in sheet["B"])


def test_links_stop_where_excel_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportd.render.xlsx.cells.LINKS_MAX", 2)
    rows = [[f"https://example.com/{number}"] for number in range(5)]
    book = opened(document(data(tmp_path, [column("url")], rows)), tmp_path)
    assert [bool(cell.hyperlink) for cell in book["Orders"]["A"][1:]] == [True, True, False, False, False]
    said = [cell.value for cell in book["Summary"]["B"] if cell.value]
    assert "URL: 3 addresses are plain text, since a sheet holds no more links." in said


_TYPES = {bool: "b", float: "n", str: "s", datetime: "d", time: "d", type(None): "n"}


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)
