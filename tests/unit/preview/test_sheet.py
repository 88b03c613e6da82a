"""A workbook's cells as the browser gets them, held against what openpyxl reads in the same file."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from PIL import Image

from reportd.preview import sheet
from reportd.preview.sheet import Sheet
from reportd.preview.styles import Style
from reportd.render.svg import draw
from reportd.report.assets import Asset
from reportd.report.document import Chart, Condition, Kpi, Kpis
from reportd.report.formats import format_for
from reportd.report.locales import locale_of
from reportd.report.theme import Theme
from tests.unit.render.sheets import Row, column, document, rendered, table

EN = locale_of("en")
COLUMNS = [
    column("order_no", "bigint"),
    column("customer", "text"),
    column("ordered_on", "date"),
    column("amount", "numeric", total="1232.50", decimals=2),
    column("paid", "boolean"),
]
ROWS: list[Row] = [["1", "Ann & <Bob>", "2026-10-01", "1234.50", "t"], ["2", None, "2026-10-02", "-2.00", "f"]]


def read(path: Path, number: int) -> Sheet:
    found = sheet.read(path, number, EN)
    assert found is not None
    return found


def texts(found: Sheet) -> dict[tuple[int, int], str]:
    return {(row.number, cell.column): cell.text for row in found.rows for cell in row.cells}


def styles(found: Sheet) -> dict[tuple[int, int], Style]:
    return {(row.number, cell.column): found.styles[cell.style] for row in found.rows for cell in row.cells}


def test_cells_have_the_texts_that_a_sheet_would_show(tmp_path: Path) -> None:
    path = rendered(document(table(tmp_path, COLUMNS, ROWS)), tmp_path)
    assert sheet.names(path) == tuple(openpyxl.load_workbook(path).sheetnames)
    cells = texts(read(path, 1))
    assert [cells[1, place] for place in range(5)] == ["Order no", "Customer", "Ordered on", "Amount", "Paid"]
    assert [cells[2, place] for place in range(5)] == ["1", "Ann & <Bob>", "01 Oct 2026", "1,234.50", "TRUE"]
    assert (cells[3, 3], cells[3, 4], cells.get((3, 1), "")) == ("−2.00", "FALSE", "")


def test_every_value_is_the_files_own(tmp_path: Path) -> None:
    path = rendered(document(table(tmp_path, COLUMNS, ROWS)), tmp_path)
    for number, other in enumerate(openpyxl.load_workbook(path, data_only=True).worksheets):
        there = {(cell.row, cell.column - 1) for row in other.iter_rows() for cell in row if cell.value is not None}
        assert {place for place, text in texts(read(path, number)).items() if text} == there


def test_looks_widths_and_the_frozen_header_are_the_files_own(tmp_path: Path) -> None:
    path = rendered(document(table(tmp_path, COLUMNS, ROWS)), tmp_path)
    found, book = read(path, 1), openpyxl.load_workbook(path)
    other: Any = book.worksheets[1]
    look = styles(found)
    for (row, place), style in look.items():
        cell = other.cell(row, place + 1)
        assert (style.bold, style.size) == (bool(cell.font.b), cell.font.sz)
        if style.color:
            assert cell.font.color.rgb[-6:].lower() == style.color[1:]
    assert look[2, 3].align == "right"
    assert (look[1, 3].bold, look[1, 3].bottom) == (True, 2)
    assert found.frozen == 1
    assert found.has_grid
    widths = [other.column_dimensions[letter].width for letter in "ABCDE"]
    assert sorted(range(5), key=widths.__getitem__) == sorted(range(5), key=found.widths.__getitem__)


def test_the_summary_has_its_tiles_and_no_grid(tmp_path: Path) -> None:
    tile = Kpi("Revenue", 1234, format_for("revenue", "bigint"))
    path = rendered(document(Kpis("k", "", (tile,)), table(tmp_path, COLUMNS, ROWS)), tmp_path)
    found = read(path, 0)
    assert not found.has_grid
    by_text = {text: place for place, text in texts(found).items()}
    assert styles(found)[by_text["1,234"]].fill is not None
    assert any(row.height == 30 for row in found.rows)


def test_a_marked_value_has_its_sign_and_colour(tmp_path: Path) -> None:
    marked = replace(COLUMNS[3], conditions=(Condition("warn", "<", Decimal(0)),))
    path = rendered(document(table(tmp_path, [marked], [["5.00"], ["-2.00"]])), tmp_path)
    found = read(path, 1)
    cells, look = texts(found), styles(found)
    assert (cells[2, 0], look[2, 0].bold) == ("5.00", False)
    assert cells[3, 0] != "−2.00"
    assert cells[3, 0].endswith("−2.00")
    assert look[3, 0].bold
    assert look[3, 0].color != look[2, 0].color


POINTS: dict[str, tuple[str, list[str]]] = {
    "months": ("date", [f"2026-{month:02}-01" for month in range(1, 7)]),
    "hours": ("timestamp without time zone", ["2026-10-01 10:00:00", "2026-10-01 11:00:00"]),
    "names": ("text", ["Ann & <Bob>", "Dora"]),
}


@pytest.mark.parametrize("kind", ["bar", "line", "area", "pie"])
@pytest.mark.parametrize("across", POINTS)
def test_a_chart_is_drawn_in_its_place_from_the_files_own_values(tmp_path: Path, kind: Any, across: str) -> None:
    type, xs = POINTS[across]
    columns = [column(across, type), column("amount", "numeric", decimals=2), column("cost", "numeric", decimals=2)]
    numbered = [replace(each, index=index) for index, each in enumerate(columns)]
    rows: list[Row] = [[x, f"{number}.25", "7.5"] for number, x in enumerate(xs, start=1)]
    made = table(tmp_path, columns, rows)
    ys = tuple(numbered[1:2] if kind == "pie" else numbered[1:])
    chart = Chart("c", kind, "Amount", numbered[0], ys, made.rows, tuple(numbered))
    theme = Theme(palette=("#123456", "#abcdef", "#456789", "#987654", "#13579b", "#2468ac"))
    found = read(rendered(document(chart, theme=theme), tmp_path), 0)
    [drawing] = found.drawings
    top, left, bottom, right = drawing.area
    assert (top < bottom, left < right, drawing.kind, drawing.title) == (True, True, "chart", "Amount")
    svg = b64decode(drawing.source.removeprefix("data:image/svg+xml;base64,")).decode()
    assert svg == draw(chart, title="Amount", width=560, height=200, locale="en", theme=theme).svg


def test_the_logo_is_a_picture(tmp_path: Path) -> None:
    made = BytesIO()
    Image.new("RGB", (90, 30), "#0b6a4a").save(made, "PNG")
    theme = Theme(logo=Asset("logo.png", "image/png", b64encode(made.getvalue()).decode()))
    [drawing] = read(rendered(document(table(tmp_path, COLUMNS, ROWS), theme=theme), tmp_path), 0).drawings
    assert (drawing.kind, drawing.area[0]) == ("picture", 1)
    assert b64decode(drawing.source.removeprefix("data:image/png;base64,")) == made.getvalue()


def test_a_long_sheet_is_read_as_far_as_it_is_shown(tmp_path: Path) -> None:
    rows: list[Row] = [[str(number), "x", None, "1.00", "t"] for number in range(1, 2001)]
    path = rendered(document(table(tmp_path, COLUMNS, rows)), tmp_path)
    found = read(path, 1)
    assert len(found.rows) == sheet.ROWS_MAX
    assert found.rows_count >= 2001
    assert texts(found)[sheet.ROWS_MAX, 0] == str(sheet.ROWS_MAX - 1)


def test_there_is_no_other_sheet(tmp_path: Path) -> None:
    path = rendered(document(table(tmp_path, COLUMNS, ROWS)), tmp_path)
    assert sheet.read(path, 9, EN) is None
    assert sheet.read(path, -1, EN) is None
