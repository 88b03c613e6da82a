from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reportd.render.fonts import faces, width_em
from reportd.render.layout import SIZES, Page, arrange
from reportd.render.view import Figure, Grid, Tiles, View, view_of
from reportd.render.wrapping import LINES_MAX, clamp
from reportd.report.definition import Param
from tests.spooled import Given, document


def seen(directory: Path, *blocks: Given, rows_max: int = 2000, **fields: Any) -> View:
    return view_of(document(directory, *blocks, **fields), rows_max=rows_max)


def grid_of(view: View) -> Grid:
    return next(part for part in view.parts if isinstance(part, Grid))


def kinds(grid: Grid) -> str:
    return " ".join(line.kind for line in grid.lines)


ROWS = [("North", "a", Decimal("1.50")), ("North", "b", Decimal("2.25")), ("South", "c", Decimal("-4.00"))]
COLUMNS = {"region": "text", "customer": "text", "amount": "numeric"}


def test_a_table_ends_in_its_total(tmp_path: Path) -> None:
    grid = grid_of(seen(tmp_path, Given("table", COLUMNS, ROWS)))
    assert grid.lines[-1].cells == ("Total", "", "−0.25")
    assert grid.lines[-1].span == 2
    assert [line.keep for line in grid.lines] == [False, True, True, False]


def test_one_row_has_no_total(tmp_path: Path) -> None:
    assert kinds(grid_of(seen(tmp_path, Given("table", COLUMNS, ROWS[:1])))) == "row"


def test_groups_have_a_heading_and_an_exact_subtotal(tmp_path: Path) -> None:
    options = {"group": "region", "subtotal": "amount"}
    grid = grid_of(seen(tmp_path, Given("table", COLUMNS, ROWS, options=options)))
    assert kinds(grid) == "group row row subtotal group row subtotal total"
    assert [head.title for head in grid.heads] == ["Customer", "Amount"]
    assert [line.cells for line in grid.lines if line.kind in ("group", "subtotal")] == [
        ("North",),
        ("Subtotal North", "3.75"),
        ("South",),
        ("Subtotal South", "−4.00"),
    ]
    assert [line.keep for line in grid.lines] == [True, False, True, False, True, True, True, False]


def test_a_cut_is_announced_at_the_top_and_at_the_cut(tmp_path: Path) -> None:
    options = {"group": "region", "subtotal": "amount"}
    rows = [("North", str(n), 1) for n in range(1500)]
    view = seen(tmp_path, Given("table", COLUMNS, rows, "Orders", options=options), rows_max=10)
    grid = grid_of(view)
    assert view.banners == (
        "This document shows the first 10 of 1,500 rows of “Orders”. "
        "Totals cover all 1,500 rows; the sheet and the CSV file have every row.",
    )
    assert kinds(grid) == "group " + "row " * 10 + "cut total"
    assert grid.lines[-2].cells == ("Cut here: 1,490 more rows of “Orders” are in the sheet and the CSV file.",)
    assert grid.lines[-1].cells == ("Total", "1,500")


def test_an_empty_table_names_the_filters(tmp_path: Path) -> None:
    params = (Param("period", "daterange", "Period"), Param("region", "text", "Region"))
    values = {"period": "[2026-10-05,2026-11-01)", "region": "North"}
    grid = grid_of(seen(tmp_path, Given("table", COLUMNS, []), params=params, values=values))
    assert grid.empty == "No rows for 5–31 Oct 2026 · Region: North"


def test_cells_are_one_line_and_links_lead_somewhere(tmp_path: Path) -> None:
    rows = [("two\nlines\tand\x01 more", "https://www.example.org/x/"), ("", "javascript:alert(1)"), (None, None)]
    grid = grid_of(seen(tmp_path, Given("table", {"note": "text", "page_url": "text"}, rows)))
    assert [line.cells for line in grid.lines] == [
        ("two lines and more", "example.org/x"),
        ("", "javascript:alert(1)"),
        ("–", "–"),
    ]
    assert [line.links for line in grid.lines] == [("", "https://www.example.org/x/"), ("", ""), ("", "")]


def test_a_change_has_sign_and_arrow(tmp_path: Path) -> None:
    columns = {
        "a": "numeric",
        "a_change": "numeric",
        "b": "numeric",
        "b_change": "numeric",
        "c": "integer",
        "c_prev": "integer",
    }
    view = seen(tmp_path, Given("kpi", columns, [("1.0", "0.5", "1.0", "-0.5", 4, 4)]))
    tiles = next(part for part in view.parts if isinstance(part, Tiles))
    assert [(tile.delta, tile.against) for tile in tiles.tiles] == [("▲ +0.5", ""), ("▼ −0.5", ""), ("± 0.0%", "vs 4")]


def test_tiles_stand_in_even_rows(tmp_path: Path) -> None:
    view = seen(tmp_path, Given("kpi", {f"k{n}": "integer" for n in range(7)}, [tuple(range(7))]))
    tiles = next(part for part in view.parts if isinstance(part, Tiles))
    assert [len(row) for row in tiles.rows] == [4, 3]


def test_a_chart_without_a_title_says_measure_and_dimension(tmp_path: Path) -> None:
    view = seen(tmp_path, Given("bar", {"ordered_on": "date", "revenue": "numeric", "cost": "numeric"}, []))
    figure = next(part for part in view.parts if isinstance(part, Figure))
    assert figure.heading == "Revenue and cost by ordered on"


def test_a_narrow_table_stands_upright_and_fills_the_page(tmp_path: Path) -> None:
    page, view = arrange(seen(tmp_path, Given("table", COLUMNS, ROWS)), paper="A4")
    grid = grid_of(view)
    assert page == Page("A4", landscape=False)
    assert grid.size == SIZES[0]
    assert sum(grid.widths) == pytest.approx(page.inner)


def test_a_wide_table_lies_across(tmp_path: Path) -> None:
    columns = {f"amount_{n}": "numeric" for n in range(10)}
    rows = [tuple(f"{n}234567.89" for n in range(1, 11))]
    page, view = arrange(seen(tmp_path, Given("table", columns, rows)), paper="Letter")
    assert page == Page("Letter", landscape=True)
    assert len(view.parts) == 1


def test_every_figure_fits_its_column_whatever_the_size(tmp_path: Path) -> None:
    for count in (3, 8, 11, 13, 15):
        columns = {"name": "text", **{f"amount_{n}": "numeric" for n in range(count)}}
        rows = [("Someone with a rather long name", *(f"{n + 1}234567.89" for n in range(count)))] * 2
        _, view = arrange(seen(tmp_path, Given("table", columns, rows)), paper="A4")
        for grid in view.parts:
            assert isinstance(grid, Grid)
            for line in grid.lines:
                for cell, width, head in list(zip(line.cells, grid.widths, grid.heads, strict=True))[1:]:
                    assert width_em(cell, bold=line.kind == "total") * grid.size <= width - 9, (count, head.title, cell)


def test_the_figures_of_a_cross_tab_stand_at_equal_distances(tmp_path: Path) -> None:
    columns = {"region": "text", "month": "text", "amount": "bigint"}
    rows = [("N", month, n * 1000) for n, month in enumerate(["I", "September", "May", "Eleventh month"])]
    given = Given("pivot", columns, rows, options={"rows": "region", "columns": "month"})
    page, view = arrange(seen(tmp_path, given), paper="A4")
    widths = grid_of(view).widths
    assert sum(widths) == pytest.approx(page.inner)
    assert max(widths[1:]) - min(widths[1:]) < 1, "as far as a screen's pixels allow"


def test_too_many_columns_are_divided_and_each_part_says_whose_rows_they_are(tmp_path: Path) -> None:
    columns = {"name": "text", **{f"amount_{n}": "numeric" for n in range(30)}}
    rows = [("Someone", *range(1_000_000, 1_000_030)), ("Someone else", *range(30))]
    page, view = arrange(seen(tmp_path, Given("table", columns, rows, "Costs")), paper="A4")
    grids = [part for part in view.parts if isinstance(part, Grid)]
    assert len(grids) > 1
    assert page.landscape
    assert all(grid.size == SIZES[-1] for grid in grids)
    assert all(grid.heads[0].title == "Name" and grid.lines[0].cells[0] == "Someone" for grid in grids)
    assert [head.title for grid in grids for head in grid.heads[1:]] == [f"Amount {n}" for n in range(30)]
    assert all(grid.lines[-1].cells[0] == "Total" for grid in grids)
    assert grids[0].heading.startswith("Costs (columns 1–")


def test_a_sum_in_the_first_column_stays_below_it_where_columns_are_divided(tmp_path: Path) -> None:
    columns = {"qty": "integer", **{f"note_{n}": "text" for n in range(40)}, "amount": "integer"}
    rows = [(5, *["some words"] * 40, 7)] * 2
    _, view = arrange(seen(tmp_path, Given("table", columns, rows)), paper="A4")
    grids = [part for part in view.parts if isinstance(part, Grid)]
    assert len(grids) > 1
    for found in grids:
        total = found.lines[-1]
        assert (total.cells[0], total.span) == ("10", 1)
    assert grids[-1].lines[-1].cells[-1] == "14"


def test_a_line_break_of_any_kind_is_a_space_on_the_page(tmp_path: Path) -> None:
    text = "one\u2028two\u2029three\x85four\r\nfive"
    (line,) = grid_of(seen(tmp_path, Given("table", {"a": "text"}, [(text,)]))).lines
    assert line.cells == ("one two three four five",)


def test_a_long_text_is_cut_after_three_lines_with_an_ellipsis(tmp_path: Path) -> None:
    text = "word " * 200
    _, view = arrange(seen(tmp_path, Given("table", {"note": "text", "n": "integer"}, [(text, 1)])), paper="A4")
    cell = grid_of(view).lines[0].cells[0]
    assert cell.endswith("word…")
    assert len(cell) < 600


@pytest.mark.parametrize("text", ["a b c", "x" * 300, "word " * 60, "one " + "y" * 200 + " two"])
def test_a_clamped_text_fits_its_lines(text: str) -> None:
    width = 10.0
    shown = clamp(text, width)
    assert width_em(shown) <= width * LINES_MAX
    assert shown == text or shown.endswith("…")


def test_a_text_without_end_costs_no_more_than_what_is_shown_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0

    def counting(text: str, *, bold: bool = False) -> float:
        nonlocal measured
        measured += len(text)
        return width_em(text, bold=bold)

    monkeypatch.setattr("reportd.render.wrapping.width_em", counting)
    assert clamp("x" * 10_000_000, 40.0).endswith("x…")
    assert measured < 100_000


def test_the_font_has_what_a_document_prints() -> None:
    assert {face.name for face in faces()} == {"latin-400", "latin-600", "extended-400", "extended-600"}
    assert len({width_em(digit) for digit in "0123456789"}) == 1
    assert all(width_em(sign) < 1 for sign in "−–…▲▼·∞€ÄßŁž")
    assert all(width_em(letter) < 1 for letter in "ЖΩ")
    assert width_em("日") == 1
