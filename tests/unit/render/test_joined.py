"""`@sub`: rows under the rows that they belong to, merged in the order of their keys."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from reportd.errors import ReportError
from reportd.render.csv import CSV
from reportd.render.json import JSON
from reportd.render.lines import Source
from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from reportd.render.xlsx.workbook import XLSX
from reportd.report.document import Document, Table
from tests.spooled import Given, document
from tests.unit.report.sources import report

INVOICES = Given(
    "data",
    {"invoice_no": "text", "customer": "text", "due": "date", "amount": "numeric"},
    [["A1", "Alvera", "2026-10-01", "30.50"], ["A2", "Corvane, Ltd", "2026-10-02", "0"], ["A3", "", None, "7.00"]],
    name="invoices",
)
LINES = {"invoice_no": "text", "product": "text", "quantity": "bigint", "amount": "numeric"}
ROWS: list[list[Any]] = [["A1", "Bolts", 3, "10.50"], ["A1", "Nuts", 1, "20.00"], ["A3", "Discs", 2, "7.00"]]


def sub(rows: Any = ROWS, columns: Any = LINES, **options: str) -> Given:
    return Given("sub", columns, rows, "Lines", "lines", {"of": "invoices", "by": "invoice_no", **options})


def shown(made: Document) -> list[tuple[str, tuple[str, ...]]]:
    table = made.sections[1]
    assert isinstance(table, Table)
    lines = Source(table.shown or table, made, 100).lines()
    return [(line.kind, line.cells) for line in lines]


def test_each_parent_is_a_heading_and_its_rows_and_their_sums_stand_under_it(tmp_path: Path) -> None:
    assert shown(document(tmp_path, INVOICES, sub(subtotal="amount"))) == [
        ("group", ("A1 · Alvera · Due 01 Oct 2026 · Amount 30.50",)),
        ("row", ("Bolts", "3", "10.50")),
        ("row", ("Nuts", "1", "20.00")),
        ("subtotal", ("Subtotal", "", "30.50")),
        ("group", ("A2 · Corvane, Ltd · Due 02 Oct 2026 · Amount 0.00",)),
        ("row", ("–", "–", "–")),
        ("subtotal", ("Subtotal", "", "0.00")),
        ("group", ("A3 · Due – · Amount 7.00",)),
        ("row", ("Discs", "2", "7.00")),
        ("subtotal", ("Subtotal", "", "7.00")),
        ("total", ("Total", "", "37.50")),
    ]


def test_head_says_what_stands_in_a_heading_and_the_key_always_does(tmp_path: Path) -> None:
    lines = shown(document(tmp_path, INVOICES, sub(head="customer")))
    assert [cells[0] for kind, cells in lines if kind == "group"] == ["A1 · Alvera", "A2 · Corvane, Ltd", "A3"]


def test_the_data_formats_have_its_rows_as_the_query_gave_them(tmp_path: Path) -> None:
    made = document(tmp_path / "spool", INVOICES, sub(subtotal="amount"))
    out = tmp_path / "out"
    out.mkdir()
    settings = RenderSettings()
    files = {
        file.name: file
        for leaf in (CSV(), JSON(), XLSX(), HTML())
        for file in leaf.render(made, out=out, settings=settings)
    }
    [lines] = [file for name, file in files.items() if name.endswith(".csv") and "lines" in name]
    with (out / lines.name).open(encoding="utf-8-sig", newline="") as file:
        assert [list(row.values()) for row in csv.DictReader(file)] == [[str(cell) for cell in row] for row in ROWS]
    block = json.loads((out / "sales.json").read_text())["blocks"][1]
    assert (block["name"], block["rows"][0]) == (
        "lines",
        {"invoice_no": "A1", "product": "Bolts", "quantity": 3, "amount": 10.50},
    )
    sheet = openpyxl.load_workbook(out / "sales.xlsx")["Lines"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows(max_row=4)] == [
        ["Invoice no", "Product", "Quantity", "Amount"],
        *([no, product, quantity, float(amount)] for no, product, quantity, amount in ROWS),
    ]
    assert "A1 · Alvera" in (out / "sales.html").read_text()


def test_without_a_row_there_is_nothing_to_list(tmp_path: Path) -> None:
    made = document(tmp_path, INVOICES, sub([]))
    assert shown(made) == []


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([["A2", "x", 1, "1"], ["A1", "y", 1, "1"]], {}, "row 2 of “lines” has invoice_no = A1, and no row of"),
        ([["B9", "x", 1, "1"]], {}, "row 1 of “lines” has invoice_no = B9, and no row of “invoices” has it"),
        (ROWS, {"by": "product"}, "by=product: the query of “invoices” has no such column"),
        (
            ROWS,
            {"by": "invoice_nr"},
            "by=invoice_nr: the query of “lines” has no such column; did you mean 'invoice_no'?",
        ),
        (
            ROWS,
            {"head": "custmer"},
            "head=custmer: the query of “invoices” has no such column; did you mean 'customer'?",
        ),
        (ROWS, {"subtotal": "product"}, "product in “lines” is text, and only numbers add up"),
    ],
)
def test_what_does_not_fit_is_said_with_its_line(tmp_path: Path, rows: Any, options: dict[str, str], said: str) -> None:
    with pytest.raises(ReportError, match=r"sales\.sql:11: ") as caught:
        document(tmp_path, INVOICES, sub(rows, **options))
    assert said in str(caught.value)


def test_a_key_that_two_parents_have_is_refused(tmp_path: Path) -> None:
    twice = Given("data", INVOICES.columns, [INVOICES.rows[0], INVOICES.rows[0]], name="invoices")
    with pytest.raises(ReportError, match="“invoices” has two rows with invoice_no = A1"):
        document(tmp_path, twice, sub())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "-- @sub lines of=invoice by=id",
            '4:1: @sub lines: of=invoice is no @table or @data of this report; did you mean "invoices"?',
        ),
        ("-- @sub lines of=figures by=id", "of=figures is no @table or @data of this report (invoices)"),
        ("-- @sub of=invoices by=id", "@sub needs a name"),
        ("-- @sub lines of=invoices", "@sub needs by=, the name of a column"),
        ("-- @sub lines by=id", "@sub needs of=, the name of a block"),
        ("-- @sub lines of=Rechnungen,b by=id", 'option "of" needs the name of a block'),
        ("-- @sub lines of=invoices on=id", 'unknown option "on" of @sub'),
    ],
)
def test_a_mistake_on_its_line_is_told(line: str, said: str) -> None:
    text = f"-- @data invoices\nselect 1 as id;\n{line}\nselect 1 as id;\n-- @kpi figures\nselect 1 as n;\n"
    with pytest.raises(ReportError, match=r"sales\.sql:") as caught:
        report(text)
    assert said in str(caught.value)
