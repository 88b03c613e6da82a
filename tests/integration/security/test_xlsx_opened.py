"""What LibreOffice makes of a workbook of hostile texts: it opens it, and computes nothing but the totals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.render_xlsx.office import OFFICE, by_libreoffice
from tests.unit.render.hostile import HOSTILE, hostile_cells
from tests.unit.render.sheets import document, rendered


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_libreoffice_shows_hostile_texts_as_texts(tmp_path: Path) -> None:
    path = rendered(document(hostile_cells(tmp_path), title="=1+1" + "".join(HOSTILE.values())), tmp_path)

    (_, *rows) = by_libreoffice(path, tmp_path)

    shown = [row[0] for row in rows[: len(HOSTILE)]]
    assert [_without_controls(text) for text in shown] == [_without_controls(text) for text in HOSTILE.values()]
    assert [row[2] for row in rows] == ["1"] * len(HOSTILE) + [str(len(HOSTILE))]


def _without_controls(text: str) -> str:
    """CSV, which it is read by, turns line ends and control characters into others."""
    return re.sub("[\x00-\x1f\x7f-\x9f\ufffe\uffff]", "", text)
