"""What another program makes of the workbook: LibreOffice opens it, computes its totals anew and reads its cells."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from tests.unit.render.sheets import column, document, rendered, table

OFFICE = shutil.which("soffice")
ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
SECOND_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,2"


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_the_cells_and_computes_the_same_totals(tmp_path: Path) -> None:
    columns = [column("note"), column("qty", "integer"), column("Net [EUR] #1", "numeric", total="30.76")]
    rows = [("=1+1", "7", "10.25"), (" a&<b> ", None, "20.51")]
    path = rendered(document(table(tmp_path, columns, rows)), tmp_path)

    (line, *_), *others = _by_libreoffice(_without_cached_totals(path, tmp_path / "bare.xlsx"), tmp_path)

    assert line == "Note"
    assert others == [["=1+1", "7", "10.25"], [" a&<b> ", "", "20.51"], ["Total", "", "30.76"]]


def _without_cached_totals(path: Path, bare: Path) -> Path:
    with ZipFile(path) as source, ZipFile(bare, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, re.sub(rb"</f><v>[^<]*</v>", b"</f><v>0</v>", source.read(name)))
    return bare


def _by_libreoffice(path: Path, directory: Path) -> list[list[str]]:
    """The second sheet's cells as LibreOffice shows them, formulas computed."""
    profile = directory / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(ALWAYS_RECALCULATE, encoding="utf-8")
    assert OFFICE is not None
    subprocess.run(
        [
            *(OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless"),
            *("--convert-to", SECOND_SHEET, "--outdir", str(directory / "read"), str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=100,
    )
    (read,) = (directory / "read").iterdir()
    with read.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))
