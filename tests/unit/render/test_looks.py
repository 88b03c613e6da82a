"""Authors' columns in a document: titles, formats, totals, marks, groups within groups."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from reportd.errors import ReportError
from reportd.render.html import html_of
from reportd.render.view import Grid, view_of
from reportd.render.xlsx import XLSX
from reportd.report.definition import ColumnLook
from reportd.report.document import Document, Table
from tests.spooled import Given, document
from tests.unit.render.sheets import opened

COLUMNS = {"region": "text", "city": "text", "margin": "numeric", "amount": "numeric", "note": "text"}
ROWS = [
    ("North", "Oslo", Decimal("0.05"), Decimal(10), "a"),
    ("North", "Oslo", Decimal("0.95"), Decimal(30), "b"),
    ("North", "Bergen", Decimal("0.50"), Decimal(2), "c"),
    ("South", "Rome", None, Decimal(5), None),
]
LOOKS = {
    "margin": ColumnLook("margin", title="Gross margin", format="pct0", total="avg", warn="< 0.10", good="> 0.9"),
    "amount": ColumnLook("amount", format="eur0"),
    "note": ColumnLook("note", format="hidden"),
}


def made(directory: Path, looks: dict[str, ColumnLook] | None = None, **options: str) -> Document:
    given = Given("table", COLUMNS, ROWS, name="orders", options=options)
    return document(directory, given, columns=LOOKS if looks is None else looks)


def grid_of(made: Document) -> Grid:
    (grid,) = view_of(made, rows_max=100).parts
    assert isinstance(grid, Grid)
    return grid


def test_a_table_shows_what_its_author_wants(tmp_path: Path) -> None:
    grid = grid_of(made(tmp_path))
    assert [head.title for head in grid.heads] == ["Region", "City", "Gross margin", "Amount"]
    assert [line.cells for line in grid.lines] == [
        ("North", "Oslo", "! 5%", "€10"),
        ("North", "Oslo", "• 95%", "€30"),
        ("North", "Bergen", "50%", "€2"),
        ("South", "Rome", "–", "€5"),
        ("Total", "", "ø 50%", "€47"),
    ]
    assert [line.marks for line in grid.lines[:2]] == [(None, None, "warn", None), (None, None, "good", None)]


def test_a_mark_has_a_class_in_html(tmp_path: Path) -> None:
    html = html_of(view_of(made(tmp_path), rows_max=100))
    assert '<b class="warn">! 5%</b>' in html
    assert '<b class="good">• 95%</b>' in html


def test_groups_within_groups_have_subtotals_from_the_innermost_out(tmp_path: Path) -> None:
    looks = {"amount": LOOKS["amount"], "margin": ColumnLook("margin", format="pct0", total="max")}
    options = {"group": "region,city", "subtotal": "amount,margin"}
    columns = {name: COLUMNS[name] for name in ("note", "region", "city", "margin", "amount")}
    rows = [(note, *rest) for *rest, note in ROWS]
    grid = grid_of(document(tmp_path, Given("table", columns, rows, options=options), columns=looks))
    assert [line.cells for line in grid.lines if line.kind != "row"] == [
        ("North › Oslo",),
        ("Subtotal North › Oslo", "max 95%", "€40"),
        ("North › Bergen",),
        ("Subtotal North › Bergen", "max 50%", "€2"),
        ("Subtotal North", "max 95%", "€42"),
        ("South › Rome",),
        ("Subtotal South › Rome", "", "€5"),
        ("Subtotal South", "", "€5"),
        ("Total", "max 95%", "€47"),
    ]


def test_the_sheet_has_formats_rules_and_the_aggregate(tmp_path: Path) -> None:
    sheet = opened(made(tmp_path / "spool"), tmp_path, renderer=XLSX())["orders"]
    assert [cell.value for cell in sheet[1]] == ["Region", "City", "Gross margin", "Amount"]
    assert sheet["C2"].number_format.startswith("0%")
    assert '"€"#,##0' in sheet["D2"].number_format
    assert sheet["C6"].value == "=SUBTOTAL(101,orders[Gross margin])"
    rules = [rule for range in sheet.conditional_formatting for rule in range.rules]
    assert [(rule.operator, rule.formula) for rule in rules] == [("lessThan", ["0.1"]), ("greaterThan", ["0.9"])]
    assert [rule.dxf.numFmt.formatCode[:4] for rule in rules] == ['"! "', '"• "']


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (
            ColumnLook("amont", line=3),
            'sales.sql:3: columns.amont: no query has a column "amont"; did you mean "amount"?',
        ),
        (ColumnLook("region", format="eur0", line=3), "sales.sql:3: columns.region: eur0 can't show text"),
        (ColumnLook("region", total="avg", line=3), 'total = "avg" is for numbers, and this is text'),
        (ColumnLook("amount", format="date", line=3), "date can't show numeric"),
    ],
)
def test_a_look_that_does_not_fit_is_told(tmp_path: Path, look: ColumnLook, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        made(tmp_path, {look.name: look})
    assert said in str(caught.value)


@pytest.mark.parametrize(("total", "value"), [("sum", 47), ("min", 2), ("max", 30), ("count", 4), ("none", None)])
def test_a_total_is_the_aggregate_asked_for(tmp_path: Path, total: str, value: int | None) -> None:
    (table,) = made(tmp_path, {"amount": ColumnLook("amount", total=total)}).sections
    assert isinstance(table, Table)
    assert table.columns[3].total == (None if value is None else Decimal(value))
