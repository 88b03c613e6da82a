"""Whether a PDF of one long table is right, as two other programs see it: qpdf its syntax, pdftotext its rows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from reportd.report.document import Column
from reportd.report.formats import display
from reportd.spool import read

NEEDS = {"qpdf": "qpdf", "pdftotext": "poppler-utils"}
"""The programs, and the packages that have them."""


def missing() -> list[str]:
    """The packages to install for a whole proof."""
    return [package for program, package in NEEDS.items() if shutil.which(program) is None]


def qpdf_status(path: Path) -> int | None:
    """The exit status of `qpdf --check`: 0 for a file without a fault; None without qpdf."""
    if shutil.which("qpdf") is None:
        return None
    checked = subprocess.run(["qpdf", "--check", path], check=False, capture_output=True, text=True)
    if checked.returncode:
        print(checked.stdout, checked.stderr)
    return checked.returncode


def rows_exact(path: Path, spool: Path, columns: Sequence[Column], *, locale: str) -> int | None:
    """How many rows of `spool` stand in the PDF's text, whole and in their order; None without pdftotext.

    It ends at the first line that begins as a row does and is not of the one that should come next.
    """
    if shutil.which("pdftotext") is None:
        return None
    expected = (_words(display(row[column.index], column.format, locale) for column in columns) for row in read(spool))
    found, held = 0, ""
    awaited = next(expected, None)
    for line in _lines(path):
        so_far = f"{held} {line}".strip()  # a row with a wrapped text has several lines
        if awaited is not None and so_far == awaited:
            found, held, awaited = found + 1, "", next(expected, None)
        elif awaited is not None and awaited.startswith(so_far):
            held = so_far
        elif held or line[:1].isdigit():
            print(f"row {found + 1} should be {awaited!r}, and {so_far!r} was found")
            break
    return found


def _lines(path: Path) -> Iterator[str]:
    """The lines of the file's text, in the order in which they were written."""
    command = ["pdftotext", "-raw", str(path), "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as extracting:
        assert extracting.stdout is not None
        for line in extracting.stdout:
            yield _words(line.split("\f"))


def _words(texts: Sequence[str] | Iterator[str]) -> str:
    return " ".join(" ".join(texts).split())
