"""Cross-tabs, running columns and areas: computed from a query's rows, and the same in every format."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from reportd.errors import ReportError
from reportd.render import derive
from reportd.render.csv import CSV
from reportd.render.series import series, stacked
from reportd.render.svg import draw
from reportd.render.task import RenderSettings
from reportd.render.view import Grid, view_of
from reportd.render.xlsx import XLSX
from reportd.report.definition import ColumnLook, ReportSource
from reportd.report.document import Chart, Document
from reportd.report.sqlfile import parse
from tests.spooled import Given, document
from tests.unit.render.sheets import opened

LONG = {"region": "text", "month": "date", "amount": "numeric"}
ROWS = [
    ("South", "2026-02-01", Decimal("1.50")),
    ("North", "2026-01-01", Decimal(10)),
    ("South", "2026-02-01", Decimal("2.50")),
    ("South", "2026-01-01", None),
    ("North", "2026-02-01", Decimal(30)),
    (None, "2026-02-01", Decimal(1)),
]
CROSS = {"rows": "region", "columns": "month"}


def pivoted(directory: Path, rows: list[tuple[object, ...]] | None = None, **options: str) -> Document:
    given = Given("pivot", LONG, ROWS if rows is None else rows, name="cross", options={**CROSS, **options})
    return document(directory, given)


def lines_of(made: Document) -> list[tuple[str, ...]]:
    (grid,) = view_of(made, rows_max=100).parts
    assert isinstance(grid, Grid)
    return [tuple(head.title for head in grid.heads), *(line.cells for line in grid.lines)]


def test_a_pivot_keeps_the_order_of_the_data_and_totals_both_ways(tmp_path: Path) -> None:
    assert lines_of(pivoted(tmp_path)) == [
        ("Region", "01 Feb 2026", "01 Jan 2026", "Total"),
        ("South", "4.00", "–", "4.00"),
        ("North", "30.00", "10.00", "40.00"),
        ("–", "1.00", "–", "1.00"),
        ("Total", "35.00", "10.00", "45.00"),
    ]


@pytest.mark.parametrize(
    ("how", "north", "below"),
    [
        ("avg", ("30.00", "10.00", "20.00"), ("ø 8.75", "ø 10.00", "ø 9.00")),
        ("min", ("30.00", "10.00", "10.00"), ("min 1.00", "min 10.00", "min 1.00")),
        ("max", ("30.00", "10.00", "30.00"), ("max 30.00", "max 10.00", "max 30.00")),
        ("count", ("1", "1", "2"), ("4", "1", "5")),
    ],
)
def test_totals_are_of_the_rows_and_not_of_the_cells(
    tmp_path: Path, how: str, north: tuple[str, ...], below: tuple[str, ...]
) -> None:
    lines = lines_of(pivoted(tmp_path, agg=how))
    assert lines[2] == ("North", *north)
    assert lines[4] == ("Total", *below)


def test_the_sheet_and_the_csv_have_the_cross_tab(tmp_path: Path) -> None:
    made = pivoted(tmp_path / "spool")
    (file,) = CSV().render(made, out=tmp_path, settings=RenderSettings())
    assert Path(file.path).read_text().splitlines() == [
        "region,2026-02-01,2026-01-01,total",
        "South,4.00,,4.00",
        "North,30,10,40",
        ",1,,1",
    ]
    sheet = opened(made, tmp_path, renderer=XLSX())["cross"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()][:3] == [
        ["Region", "01 Feb 2026", "01 Jan 2026", "Total"],
        ["South", 4, None, 4],
        ["North", 30, 10, 40],
    ]
    assert sheet["D5"].value == "=SUBTOTAL(109,cross[Total])"


def test_a_sheet_does_not_average_averages(tmp_path: Path) -> None:
    sheet = opened(pivoted(tmp_path / "spool", agg="avg"), tmp_path, renderer=XLSX())["cross"]
    assert float(sheet["B5"].value) == 8.75


def test_several_measures_stand_beside_each_other(tmp_path: Path) -> None:
    columns = {"region": "text", "month": "text", "amount": "integer", "qty": "integer"}
    given = Given("pivot", columns, [("N", "Jan", 5, 1), ("N", "Feb", 7, 2)], options=CROSS)
    assert lines_of(document(tmp_path, given)) == [
        ("Region", "Jan Amount", "Jan Qty", "Feb Amount", "Feb Qty", "Total Amount", "Total Qty"),
        ("N", "5", "1", "7", "2", "12", "3"),
    ]


def test_what_lies_within_an_outer_key_stays_together_and_says_how_much_it_repeats(tmp_path: Path) -> None:
    columns = {"region": "text", "city": "text", "month": "text", "amount": "bigint"}
    rows = [("S", "Rome", "Jan", 1), ("N", "Oslo", "Jan", 2), ("S", "Bari", "Feb", 3), ("N", "Oslo", "Feb", 4)]
    options = {"rows": "region,city", "columns": "month"}
    made = document(tmp_path / "spool", Given("pivot", columns, rows, name="cross", options=options))
    (grid,) = view_of(made, rows_max=100).parts
    assert isinstance(grid, Grid)
    assert [(line.cells[:2], line.repeats) for line in grid.lines] == [
        (("S", "Rome"), 0),
        (("S", "Bari"), 1),
        (("N", "Oslo"), 0),
        (("Total", ""), 0),
    ]
    assert grid.lines[1].once[:2] == ("", "Bari")
    [file] = CSV().render(made, out=tmp_path, settings=RenderSettings())
    assert Path(file.path).read_text().splitlines()[1:3] == ["S,Rome,1,,1", "S,Bari,,3,3"], "every row, whole"
    sheet = opened(made, tmp_path, renderer=XLSX())["cross"]
    assert [sheet["A2"].value, sheet["A3"].value] == ["S", "S"], "so that it can be filtered"


def test_an_empty_pivot_says_so(tmp_path: Path) -> None:
    (grid,) = view_of(pivoted(tmp_path, rows=[]), rows_max=100).parts
    assert isinstance(grid, Grid)
    assert grid.empty == "No rows"


def test_a_pivot_with_too_many_columns_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derive, "COLUMNS_MAX", 1)
    with pytest.raises(ReportError, match="month has more values than the 1 columns"):
        pivoted(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-- @pivot rows=a", "@pivot needs columns=, the name of a column"),
        ("-- @pivot rows=a columns=b agg=mean", 'option "agg" is sum, avg, min, max or count, not "mean"'),
        ("-- @pivot rows=a colums=b", 'unknown option "colums" of @pivot; did you mean "columns"?'),
    ],
)
def test_a_mistake_in_a_pivot_s_line_is_told(line: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        parse(ReportSource("sales", {"sales.sql": f"{line}\nselect 1 as a\n"}, "sales.sql"))
    assert str(caught.value).startswith("sales.sql:1:")
    assert said in str(caught.value)


LEDGER = {"account": "text", "text": "text", "amount": "numeric", "note": "text"}
BOOKINGS = [
    ("A", "in", Decimal("10.50"), "x"),
    ("A", "out", Decimal(-3), None),
    ("A", "none", None, None),
    ("B", "in", Decimal(2), "y"),
]


def test_a_running_column_follows_its_own_and_begins_anew_with_a_group(tmp_path: Path) -> None:
    options = {"group": "account", "running": "amount", "subtotal": "amount"}
    made = document(tmp_path, Given("table", LEDGER, BOOKINGS, options=options))
    assert lines_of(made) == [
        ("Text", "Amount", "Amount, running", "Note"),
        ("A",),
        ("in", "10.50", "10.50", "x"),
        ("out", "−3.00", "7.50", "–"),
        ("none", "–", "7.50", "–"),
        ("Subtotal A", "7.50", "", ""),
        ("B",),
        ("in", "2.00", "2.00", "y"),
        ("Subtotal B", "2.00", "", ""),
        ("Total", "9.50", "", ""),
    ]


def test_a_running_column_begins_anew_with_the_innermost_group(tmp_path: Path) -> None:
    rows = [("A", "x", 1, None), ("A", "y", 2, None), ("A", "y", 3, None), ("B", "y", 4, None)]
    options = {"group": "account,text", "running": "amount"}
    made = document(tmp_path, Given("table", LEDGER, rows, options=options))
    (grid,) = view_of(made, rows_max=100).parts
    assert isinstance(grid, Grid)
    assert [line.cells[1] for line in grid.lines if line.kind == "row"] == ["1", "2", "5", "4"]


def test_a_running_column_runs_through_a_table_without_groups_and_may_be_titled(tmp_path: Path) -> None:
    looks = {"amount": ColumnLook("amount", format="eur2")}
    made = document(tmp_path, Given("table", LEDGER, BOOKINGS, options={"running": "amount"}), columns=looks)
    assert [line[3] for line in lines_of(made)] == ["Amount, running", "€10.50", "€7.50", "€7.50", "€9.50", ""]


def chart_of(directory: Path, rows: list[tuple[object, ...]]) -> Chart:
    columns = {"month": "date", "online": "integer", "shop": "integer"}
    (chart,) = document(directory, Given("area", columns, rows)).sections
    assert isinstance(chart, Chart)
    return chart


def test_areas_are_stacked(tmp_path: Path) -> None:
    chart = chart_of(tmp_path, [("2026-01-01", 1, 2), ("2026-02-01", None, 4)])
    assert [line.values for line in stacked(series(chart, locale="en")).lines] == [(1, 0), (3, 4)]
    svg = draw(chart, title="x", width=400, height=150, locale="en").svg
    assert svg.count('class="area"') == 2


def test_an_area_below_zero_is_drawn_as_lines_and_says_so(tmp_path: Path) -> None:
    drawing = draw(
        chart_of(tmp_path, [("2026-01-01", 1, -2), ("2026-02-01", 3, 4)]), title="x", width=400, height=150, locale="en"
    )
    assert 'class="area"' not in drawing.svg
    assert drawing.note == "An area can't show values below zero: they are drawn as lines."


def test_a_sheet_has_an_area_chart(tmp_path: Path) -> None:
    columns = {"month": "date", "online": "integer", "shop": "integer"}
    made = document(tmp_path / "spool", Given("area", columns, [("2026-01-01", 1, 2), ("2026-02-01", 3, 4)]))
    (chart,) = opened(made, tmp_path, renderer=XLSX()).worksheets[0]._charts
    assert (type(chart).__name__, chart.grouping) == ("AreaChart", "stacked")
