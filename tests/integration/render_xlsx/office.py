"""LibreOffice as a reader of workbooks: what it shows of the second sheet, the first of data."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

OFFICE = shutil.which("soffice")

_ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""
_SECOND_SHEET = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,2"


def by_libreoffice(path: Path, directory: Path) -> list[list[str]]:
    """The second sheet's cells as LibreOffice shows them, formulas computed."""
    profile = directory / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS_RECALCULATE, encoding="utf-8")
    assert OFFICE is not None
    subprocess.run(
        [
            *(OFFICE, f"-env:UserInstallation={profile.as_uri()}", "--headless"),
            *("--convert-to", _SECOND_SHEET, "--outdir", str(directory / "read"), str(path)),
        ],
        check=True,
        capture_output=True,
        timeout=100,
    )
    (read,) = (directory / "read").iterdir()
    with read.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))
