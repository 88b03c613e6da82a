"""The workbook as its reader meets it: sheets, filter, totals, charts, summary, properties."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from reportd.errors import StoreFull
from reportd.render.task import RenderSettings
from reportd.render.xlsx import XLSX
from reportd.report.document import Chart, Column, Document, Format, Kpi, Kpis, Section, Text
from tests.unit.render.sheets import column, column_of, data, document, opened, rendered, spooled, table

COLUMNS = [column("region"), column("qty", "integer", total="6"), column("amount", "numeric", total="30.75")]
ROWS = [["North", "1", "10.25"], ["South", "2", "10.25"], ["West", "3", "10.25"]]


def orders(directory: Path, rows: Sequence[Sequence[str | None]] = ROWS) -> Section:
    return table(directory, COLUMNS, rows)


def chart(directory: Path, kind: Any = "bar", *, xs: Sequence[str] = ("a", "b"), x: Column | None = None) -> Chart:
    columns = (replace(x or column("name"), index=0), replace(column("amount", "numeric"), index=1))
    rows = spooled(directory / f"{kind}.csv", [[x, f"{number}.5"] for number, x in enumerate(xs)])
    return Chart(f"by-{kind}", kind, "Amount by name, EUR", columns[0], columns[1:], rows, columns)


def said(book: Any) -> list[Any]:
    """Everything that stands on the summary, row by row."""
    return [cell.value for row in book.worksheets[0].iter_rows() for cell in row if cell.value is not None]


def test_a_data_sheet_is_a_pure_rectangle_with_a_frozen_header_and_a_filter(tmp_path: Path) -> None:
    sheet = opened(document(data(tmp_path, COLUMNS, ROWS)), tmp_path)["Orders"]
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        ["Region", "Qty", "Amount"],
        ["North", 1, 10.25],
        ["South", 2, 10.25],
        ["West", 3, 10.25],
    ]
    assert sheet.dimensions == "A1:C4"
    assert sheet.freeze_panes == "A2"
    (made,) = sheet.tables.values()
    assert (made.name, made.ref, made.autoFilter.ref) == ("Orders", "A1:C4", "A1:C4")
    assert not sheet.merged_cells.ranges


def test_totals_stand_below_the_table_live_and_with_their_value(tmp_path: Path) -> None:
    sheet = opened(document(orders(tmp_path)), tmp_path)["Orders"]
    assert [cell.value for cell in sheet[5]] == ["Total", "=SUBTOTAL(109,Orders[Qty])", "=SUBTOTAL(109,Orders[Amount])"]
    (made,) = sheet.tables.values()
    assert (made.ref, made.autoFilter.ref, made.totalsRowCount) == ("A1:C5", "A1:C4", 1)
    assert [part.totalsRowFunction for part in made.tableColumns] == [None, "sum", "sum"]
    values = opened(document(orders(tmp_path)), tmp_path, values=True)["Orders"]
    assert [cell.value for cell in values[5]] == ["Total", 6, 30.75]


def test_a_total_is_a_text_where_excel_could_not_add_up_the_same(tmp_path: Path) -> None:
    columns = [column("name"), column("qty", "bigint", total="9007199254740994")]
    sheet = opened(document(table(tmp_path, columns, [["a", "9007199254740993"], ["b", "1"]])), tmp_path)["Orders"]
    assert [cell.value for cell in sheet[4]] == ["Total", "9007199254740994"]


def test_shares_of_many_digits_are_added_up_as_numbers_like_their_cells(tmp_path: Path) -> None:
    columns = [column("name"), column("sold_share", "numeric", total="0.26248795221467885255", decimals=1)]
    rows = [["a", "0.06866058218280506261"], ["b", "0.19382737003187378994"]]
    made = document(table(tmp_path, columns, rows))
    assert opened(made, tmp_path)["Orders"]["B4"].value == "=SUBTOTAL(109,Orders[Sold share])"
    foot = opened(made, tmp_path, values=True)["Orders"]["B4"]
    assert foot.value == pytest.approx(0.2624879522146788)
    assert foot.number_format.startswith("0.0%")


def test_numbers_look_as_on_the_page(tmp_path: Path) -> None:
    columns = [column("qty", "integer"), column("amount", "numeric"), column("pass_pct", "numeric", decimals=1)]
    columns += [column("due", "date"), column("order_id", "integer")]
    row = ["1", "2", "0.5", "2026-10-31", "7"]
    sheet = opened(document(data(tmp_path, columns, [row]), locale="de"), tmp_path).worksheets[1]
    formats = [cell.number_format.partition(";")[0] for cell in sheet[2]]
    assert formats == ["#,##0", "#,##0.00", '0.0"\u00a0"%', "dd.mm.yyyy", "0"]


def test_a_zoned_column_names_its_zone_in_its_heading(tmp_path: Path) -> None:
    columns = [column("made_at", "timestamp with time zone"), column("made", "timestamp without time zone")]
    row = ["2026-10-31 12:00:00+01", "2026-10-31 12:00:00"]
    sheet = opened(document(data(tmp_path, columns, [row])), tmp_path)["Orders"]
    assert [cell.value for cell in sheet[1]] == ["Made at (Europe/Vienna)", "Made"]


def test_an_empty_table_has_its_heading_and_filter_and_the_summary_says_so(tmp_path: Path) -> None:
    book = opened(document(orders(tmp_path, [])), tmp_path)
    sheet = book["Orders"]
    assert [[cell.value for cell in row] for row in sheet.rows] == [["Region", "Qty", "Amount"]]
    assert sheet.auto_filter.ref == "A1:C1"
    assert "No rows" in said(book)


def test_columns_may_share_a_name_and_be_given_out_of_order(tmp_path: Path) -> None:
    made = data(tmp_path, [column("a"), column("a")], [["first", "second"]])
    swapped = replace(made, columns=made.columns[::-1])
    sheet = opened(document(swapped), tmp_path)["Orders"]
    assert [[cell.value for cell in row] for row in sheet.rows] == [["A", "A 2"], ["second", "first"]]


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(tmp_path: Path) -> None:
    renderer = XLSX(sheet_rows_max=4)
    rows = [[f"r{number}", "1", "1.00"] for number in range(5)]
    section = table(tmp_path, [COLUMNS[0], replace(COLUMNS[1], total=Decimal(5)), COLUMNS[2]], rows)
    book = opened(document(section), tmp_path, renderer=renderer)
    assert book.sheetnames == ["Summary", "Orders", "Orders (2)", "Orders (3)"]
    names = [value for name in book.sheetnames[1:] for value in column_of(book[name])]
    assert names == ["r0", "r1", "r2", "r3", "r4", "Total"]
    assert book["Orders (3)"]["B3"].value == (
        "=SUBTOTAL(109,Orders[Qty])+SUBTOTAL(109,Orders_2[Qty])+SUBTOTAL(109,Orders_3[Qty])"
    )
    assert "Goes on in “Orders (2)”, “Orders (3)”: a sheet holds no more rows." in said(book)
    assert opened(document(section), tmp_path, values=True, renderer=renderer)["Orders (3)"]["B3"].value == 5


def levels(sheet: Any) -> list[int]:
    """The outline's level of each row below the heading."""
    return [sheet.row_dimensions[number].outlineLevel for number in range(2, sheet.max_row + 1)]


def test_the_rows_of_a_group_fold_up_to_its_first(tmp_path: Path) -> None:
    columns = [column("region"), column("city"), column("qty", "integer", total="6")]
    keys = [("N", "a"), ("N", "a"), ("N", "b"), ("S", "b"), (None, "b"), (None, "b")]
    rows = [[region, city, "1"] for region, city in keys]
    section = table(tmp_path, columns, rows)
    sheet = opened(document(replace(section, groups=section.columns[:2])), tmp_path)["Orders"]
    assert levels(sheet) == [0, 2, 1, 0, 0, 2, 0]
    assert not sheet.sheet_properties.outlinePr.summaryBelow
    assert sheet.sheet_format.outlineLevelRow == 2
    assert sheet.dimensions == "A1:C8"
    plain = opened(document(section), tmp_path)["Orders"]
    assert levels(plain) == [0] * 7
    assert not plain.sheet_format.outlineLevelRow


def test_a_group_that_goes_on_in_the_next_sheet_has_a_first_row_there(tmp_path: Path) -> None:
    section = table(tmp_path, COLUMNS, [["N", "1", "1.00"]] * 5)
    made = document(replace(section, groups=section.columns[:1]))
    book = opened(made, tmp_path, renderer=XLSX(sheet_rows_max=5))
    assert [levels(book[name]) for name in ("Orders", "Orders (2)")] == [[0, 1, 1], [0, 1, 0]]


def test_an_outline_is_as_deep_as_excel_allows(tmp_path: Path) -> None:
    section = table(tmp_path, [column(f"g{number}") for number in range(9)], [["x"] * 9] * 2)
    assert levels(opened(document(replace(section, groups=section.columns)), tmp_path)["Orders"]) == [0, 7]


def test_a_full_last_sheet_still_has_room_for_the_totals(tmp_path: Path) -> None:
    renderer = XLSX(sheet_rows_max=5)
    book = opened(document(orders(tmp_path)), tmp_path, renderer=renderer)
    assert book.sheetnames == ["Summary", "Orders"]
    assert book["Orders"].dimensions == "A1:C5"


def test_the_summary_says_what_the_report_is_and_what_the_workbook_holds(tmp_path: Path) -> None:
    made = document(
        orders(tmp_path),
        title="=Sales",
        subtitle="By region",
        description="Orders without returns.",
        confidentiality="Internal",
        filters=(("Period", "1–31 Oct 2026"), ("Region", "all")),
    )
    book = opened(made, tmp_path)
    cells = said(book)
    assert cells[:9] == [
        "=Sales",
        "By region",
        "Orders without returns.",
        "Period",
        "1–31 Oct 2026",
        "Region",
        "all",
        "Data as of 2 Nov 2026 07:00 CET (Europe/Vienna)",
        "Internal",
    ]
    assert cells[cells.index("Orders") + 1] == 3
    for fact in ("sales", "42", "aa" * 32, "bb" * 32, "reportd 1.2.3"):
        assert fact in cells
    summary = book["Summary"]
    assert not summary.sheet_view.showGridLines
    assert all(cell.data_type != "f" for row in summary.iter_rows() for cell in row)


def test_the_summary_speaks_the_reports_language(tmp_path: Path) -> None:
    book = opened(document(orders(tmp_path), locale="de-AT"), tmp_path)
    assert book.sheetnames[0] == "Übersicht"
    assert "In dieser Arbeitsmappe" in said(book)


def test_a_tile_holds_its_number_and_its_change(tmp_path: Path) -> None:
    tiles = (
        Kpi("Revenue", Decimal("1234.50"), Format("number", 2), Decimal("-0.05"), Format("percent", 1), "vs Sep"),
        Kpi("Orders", 12, Format("integer")),
        Kpi("Best", "Zürich", Format("text")),
        Kpi("Last", "2026-10-31", Format("date")),
        Kpi("Nothing", None, Format("number", 2)),
        Kpi("Sixth", 6, Format("integer")),
    )
    book = opened(document(Kpis("kpis", "", tiles)), tmp_path)
    assert book.sheetnames == ["Summary"]
    cells = said(book)
    for value in ("Revenue", 1234.5, -0.05, 12, "Zürich", "31 Oct 2026", "–", "Sixth", 6):
        assert value in cells
    (change,) = (c for row in book["Summary"].iter_rows() for c in row if c.value == -0.05)
    assert change.number_format == '"▲ +"0.0%" vs Sep";"▼ −"0.0%" vs Sep";0.0%" vs Sep"'


def test_a_chart_is_native_and_bound_to_the_cells_of_its_data_sheet(tmp_path: Path) -> None:
    path = rendered(document(chart(tmp_path)), tmp_path)
    book = opened(document(chart(tmp_path)), tmp_path)
    assert book.sheetnames == ["Summary", "Chart data"]
    assert [[cell.value for cell in row] for row in book["Chart data"].rows] == [
        ["Name", "Amount"],
        ["a", 0.5],
        ["b", 1.5],
    ]
    with ZipFile(path) as package:
        drawn = package.read("xl/charts/chart1.xml").decode()
    assert "<c:f>'Chart data'!$A$2:$A$3</c:f>" in drawn
    assert "<c:f>'Chart data'!$B$2:$B$3</c:f>" in drawn
    assert "Amount by name, EUR" in drawn
    assert "<c:v>1.5</c:v>" in drawn
    assert "<c:legend>" not in drawn


@pytest.mark.parametrize(
    ("kind", "x", "xs", "tag"),
    [
        ("line", column("day", "date"), ["2026-10-01", "2026-10-02"], "<c:dateAx>"),
        ("line", column("day", "date"), ["2024-10-01", "2026-10-02"], '<c:majorTimeUnit val="months"/>'),
        ("line", column("day", "date"), ["2026-01-01", "2026-02-01"], '<c:majorTimeUnit val="months"/>'),
        ("line", column("day", "date"), ["2024-01-01", "2025-01-01"], '<c:majorTimeUnit val="years"/>'),
        ("line", column("made", "timestamp without time zone"), ["2026-10-01 10:00:00"], "<c:lineChart>"),
        ("bar", column("name"), ["short", "names"], '<c:barDir val="col"/>'),
        ("bar", column("name"), [f"name {number}" for number in range(30)], '<c:barDir val="bar"/>'),
    ],
)
def test_a_charts_shape_follows_its_axis(tmp_path: Path, kind: Any, x: Column, xs: list[str], tag: str) -> None:
    path = rendered(document(chart(tmp_path, kind, xs=xs, x=x)), tmp_path)
    with ZipFile(path) as package:
        assert tag in package.read("xl/charts/chart1.xml").decode()


def test_areas_on_top_of_each_other_are_parted_by_white(tmp_path: Path) -> None:
    made = chart(tmp_path, "area")
    path = rendered(document(replace(made, y=made.y * 2)), tmp_path)
    with ZipFile(path) as package:
        drawn = package.read("xl/charts/chart1.xml").decode()
    assert drawn.count('<a:srgbClr val="FFFFFF"/>') == 2


def test_a_pie_is_native_with_shares_and_a_colour_for_each_part(tmp_path: Path) -> None:
    path = rendered(document(chart(tmp_path, "pie", xs=["a", "b", "c"])), tmp_path)
    with ZipFile(path) as package:
        drawn = package.read("xl/charts/chart1.xml").decode()
    assert "<c:pieChart>" in drawn
    assert '<c:showPercent val="1"/>' in drawn
    assert [drawn.count(f'<a:srgbClr val="{colour}"/>') for colour in ("1F5C99", "E69F3C", "848E9A")] == [1, 1, 1]
    assert "$A$2:$A$4" in drawn
    assert "$B$2:$B$4" in drawn


def test_prose_and_the_note_of_a_chart_stand_on_the_summary(tmp_path: Path) -> None:
    noted = replace(chart(tmp_path), note="Too many parts.")
    book = opened(document(Text("words", "In short", ("First.", "Second.")), noted), tmp_path)
    assert [text for text in said(book) if text in ("In short", "First.", "Second.", "Too many parts.")] == [
        "In short",
        "First.",
        "Second.",
        "Too many parts.",
    ]


def test_charts_without_rows_are_said_not_drawn(tmp_path: Path) -> None:
    path = rendered(document(chart(tmp_path, xs=[])), tmp_path)
    with ZipFile(path) as package:
        assert "xl/charts/chart1.xml" not in package.namelist()
    assert "Amount by name, EUR: No rows" in said(opened(document(chart(tmp_path, xs=[])), tmp_path))


def test_several_charts_have_a_data_sheet_each(tmp_path: Path) -> None:
    book = opened(document(chart(tmp_path), chart(tmp_path, "line")), tmp_path)
    assert book.sheetnames == ["Summary", "Chart data 1", "Chart data 2"]


def test_a_page_is_set_up_for_print(tmp_path: Path) -> None:
    made = document(orders(tmp_path), title="R&D", paper="Letter", confidentiality="Internal")
    sheet = opened(made, tmp_path)["Orders"]
    assert sheet.page_setup.orientation == "landscape"
    assert int(sheet.page_setup.paperSize) == 1
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.oddFooter.left.text == "R&&D · Internal"
    assert sheet.oddFooter.right.text == "Page &P of &N"


def test_the_files_properties_say_where_it_comes_from(tmp_path: Path) -> None:
    made = document(orders(tmp_path), author="Finance", filters=(("Period", "Oct 2026"),))
    book = opened(made, tmp_path)
    assert (book.properties.title, book.properties.creator) == ("Sales", "Finance")
    assert book.properties.created == datetime(2026, 11, 2, 6, 0)
    assert "Period: Oct 2026" in book.properties.description
    custom = {entry.name: entry.value for entry in book.custom_doc_props.props}
    assert custom["reportd data sha256"] == "bb" * 32
    assert custom["reportd job"] == "42"
    parts = [
        custom[f"reportd origin {number}"]
        for number in range(1, len(custom) + 1)
        if f"reportd origin {number}" in custom
    ]
    origin = json.loads("".join(parts))
    assert (origin["report"], origin["params"]) == ("sales", {"period": ["2026-10-01", "2026-11-01"]})


def test_the_same_document_gives_the_same_bytes(tmp_path: Path) -> None:
    made = document(orders(tmp_path), chart(tmp_path), Kpis("k", "", (Kpi("Orders", 12, Format("integer")),)))
    hashes = {hashlib.sha256(rendered(made, tmp_path).read_bytes()).hexdigest() for _ in range(2)}
    assert len(hashes) == 1


def test_a_rendered_file_counts_its_rows_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (file,) = XLSX().render(document(orders(tmp_path), chart(tmp_path)), out=out, settings=RenderSettings())
    assert (file.format, file.name, file.rows) == ("xlsx", "sales.xlsx", 3)
    assert [path.name for path in out.iterdir()] == ["sales.xlsx"]


def test_a_full_disk_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: Document = document(orders(tmp_path))
    monkeypatch.setattr("reportd.render.xlsx.workbook.assemble", _no_room)
    with pytest.raises(StoreFull):
        XLSX().render(made, out=tmp_path, settings=RenderSettings())


def _no_room(*_: Any) -> None:
    raise OSError(28, "No space left on device")
