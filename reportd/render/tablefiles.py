"""Formats that hold one table per file: which parts of a document get a file, and what it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from reportd.errors import disk_error
from reportd.render.task import RenderedFile
from reportd.report.document import Document, Section

CHUNK_BYTES = 1 << 20


def named(document: Document, ending: str) -> list[tuple[str, Section]]:
    """Each table and `@data` block with its file's name: `REPORT` + `ending` where there is one, else `REPORT-BLOCK`.

    A report that has no table gives the rows behind its tiles and charts instead.
    """
    sections: tuple[Section, ...] = document.tables or document.sections
    report = document.provenance.report
    if len(sections) == 1:
        return [(f"{report}{ending}", sections[0])]
    return [(f"{report}-{section.name}{ending}", section) for section in sections]


def write_each(
    document: Document,
    *,
    out: Path,
    format: str,
    ending: str,
    content_type: str,
    write: Callable[[Section, Path], Iterable[str] | None],
) -> list[RenderedFile]:
    """One file per table in `out`; `write` writes the rows of one, and says what is to be noted about it.

    Raises StoreFull where `out` is full.
    """
    files = []
    for name, section in named(document, ending):
        path = out / name
        try:
            notes = tuple(write(section, path) or ())
        except OSError as error:
            raise disk_error(error, doing=f"writing {name}") from error
        files.append(RenderedFile(format, name, str(path), content_type, rows=count(section), notes=notes))
    return files


def count(section: Section) -> int:
    """How many rows a section has."""
    return section.rows.count if section.rows is not None else 0
