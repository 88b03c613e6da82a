"""Hostile texts in a workbook, by both writers: streamed data sheets, and the library's summary, charts and parts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import openpyxl
import pytest

from tests.unit.render.hostile import HOSTILE, LONG_SHOWN, hostile
from tests.unit.render.sheets import column_of, rendered

LINKS = {"address", "mail address"}


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("hostile")
    return rendered(hostile(directory), directory)


def parts(workbook: Path) -> dict[str, bytes]:
    with ZipFile(workbook) as package:
        return {name: package.read(name) for name in package.namelist()}


def opened_again(workbook: Path) -> Any:
    return openpyxl.load_workbook(workbook)


def test_every_part_is_xml(workbook: Path) -> None:
    for name, content in parts(workbook).items():
        if name.endswith((".xml", ".rels")):
            ElementTree.fromstring(content.decode())
            assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", content), name


def test_no_cell_is_a_formula_but_the_totals(workbook: Path) -> None:
    found = [
        formula for content in parts(workbook).values() for formula in re.findall(rb"<f\b[^>]*>(.*?)</f>", content)
    ]
    assert [formula.decode() for formula in found] == ["SUBTOTAL(109,cells[Qty])"]


def test_charts_refer_to_their_own_sheets_alone(workbook: Path) -> None:
    for name, content in parts(workbook).items():
        for formula in re.findall(rb"<c:f>(.*?)</c:f>", content):
            assert re.fullmatch(rb"'?Chart data \d+'?!\$[A-Z]+\$\d+(:\$[A-Z]+\$\d+)?", formula), (name, formula)


def test_nothing_leads_out_of_the_file_but_the_addresses_of_a_link_column(workbook: Path) -> None:
    found = parts(workbook)
    assert not [name for name in found if "external" in name.lower() or "ctrlProps" in name or "vba" in name.lower()]
    outside = {
        target.decode()
        for name, content in found.items()
        if name.endswith(".rels")
        for target in re.findall(rb'Target="([^"]*)"[^>]*TargetMode="External"', content)
    }
    assert outside == {HOSTILE[name] for name in LINKS}
    names = re.findall(rb'<definedName name="([^"]*)"', found["xl/workbook.xml"])
    assert set(names) <= {b"_xlnm.Print_Titles", b"_xlnm._FilterDatabase"}


def test_cells_hold_the_texts_as_texts(workbook: Path) -> None:
    book = opened_again(workbook)
    sheet = book["cells"]
    written = [_escaped(text) for text in HOSTILE.values()]
    assert column_of(sheet)[:-1] == column_of(sheet, "B")[:-1] == written
    assert {cell.data_type for letter in "AB" for cell in sheet[letter][1:-1]} <= {"s", "inlineStr"}
    linked = {name for name, cell in zip(HOSTILE, sheet["B"][1:], strict=False) if cell.hyperlink}
    assert linked == LINKS
    assert not any(cell.hyperlink for cell in sheet["A"])


def test_the_summary_says_every_text_and_cuts_what_a_cell_can_not_hold(workbook: Path) -> None:
    sheet = opened_again(workbook).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    said = {cell.value for cell in cells}
    # The library escapes the first of two escapes that share a sign; Excel then shows one letter for the second.
    for text in [text for name, text in HOSTILE.items() if name != "escape of an escape"]:
        shown = re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", "\ufffd", text)
        # In texts that the workbook shares among cells openpyxl turns escapes back, as Excel does.
        assert not text or shown in said, text
    longest = max(cells, key=lambda cell: len(cell.value))
    assert len(longest.value.encode("utf-16-le")) // 2 <= LONG_SHOWN
    # Each block of prose has one; the description; the filter's name and value; the tile's name, value and remark.
    assert sum(cell.value.endswith("[cut: 60,001 characters]") for cell in cells) == len(HOSTILE) + 1 + 2 + 3
    assert not [cell for cell in cells if cell.hyperlink and cell.hyperlink.target]


def test_sheets_have_legal_names_that_differ(workbook: Path) -> None:
    names = opened_again(workbook).sheetnames
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert 1 <= len(name.encode("utf-16-le")) // 2 <= 31
        assert not re.search(r"[\[\]:*?/\\\x00-\x1f]", name)
        assert not name.startswith("'")
        assert not name.endswith("'")
        assert name.casefold() != "history"


def _escaped(text: str) -> str:
    """As it stands in the file, where openpyxl leaves it: what XML can't hold as Excel's `_xHHHH_`."""
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text)
    return re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda match: f"_x{ord(match[0]):04X}_", text)
