"""What another program makes of the workbook: LibreOffice opens it, computes its totals anew and reads its cells."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from tests.integration.render_xlsx.office import OFFICE, by_libreoffice
from tests.unit.render.sheets import column, document, rendered, table


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_libreoffice_reads_the_cells_and_computes_the_same_totals(tmp_path: Path) -> None:
    columns = [column("note"), column("qty", "integer"), column("Net [EUR] #1", "numeric", total="30.76")]
    rows = [("=1+1", "7", "10.25"), (" a&<b> ", None, "20.51")]
    path = rendered(document(table(tmp_path, columns, rows)), tmp_path)

    (line, *_), *others = by_libreoffice(_without_cached_totals(path, tmp_path / "bare.xlsx"), tmp_path)

    assert line == "Note"
    assert others == [["=1+1", "7", "10.25"], [" a&<b> ", "", "20.51"], ["Total", "", "30.76"]]


def _without_cached_totals(path: Path, bare: Path) -> Path:
    with ZipFile(path) as source, ZipFile(bare, "w", ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, re.sub(rb"</f><v>[^<]*</v>", b"</f><v>0</v>", source.read(name)))
    return bare
