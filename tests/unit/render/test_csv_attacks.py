"""What CSV promises of hostile texts: `csv` gives every text as it is, `csv-excel` none that a spreadsheet computes."""

from __future__ import annotations

import csv
from pathlib import Path

from reportd.render.csv import CSV
from reportd.render.csvexcel import ExcelCSV
from reportd.render.task import RenderSettings
from tests.unit.render.hostile import HOSTILE, hostile_cells
from tests.unit.render.sheets import document

LEADS = tuple("=+-@\t\r\n＝＋－＠")


def cells(path: str, *, delimiter: str = ",") -> list[list[str]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_plain_csv_is_exact(tmp_path: Path) -> None:
    (file,) = CSV().render(document(hostile_cells(tmp_path)), out=tmp_path, settings=RenderSettings())

    header, *rows = cells(file.path)

    assert header == ["text", "page_url", "qty"]
    assert rows == [[text, text, "1"] for text in HOSTILE.values()]
    # The bytes are Postgres' own, below the header.
    assert Path(file.path).read_bytes().endswith((tmp_path / "cells.csv").read_bytes())


def test_csv_for_spreadsheets_has_no_cell_that_is_computed_and_loses_no_text(tmp_path: Path) -> None:
    (file,) = ExcelCSV().render(document(hostile_cells(tmp_path)), out=tmp_path, settings=RenderSettings())

    header, *rows = cells(file.path)

    assert not any(cell.startswith(LEADS) for row in [header, *rows] for cell in row)
    for text, row in zip(HOSTILE.values(), rows, strict=True):
        guarded = f"'{text}" if text.startswith(LEADS) else text
        assert row == [guarded, guarded, "1"]
