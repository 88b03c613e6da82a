"""TSV: what `COPY … FROM … (HEADER)` and the loaders of other databases read, one file per table or `@data` block.

Fields are parted by tabs, records by line ends, and nothing is quoted: a tab, line break or backslash inside a value
is written `\\t`, `\\n`, `\\r`, `\\\\`, NULL is `\\N`. Otherwise the values are those of `csv`, as Postgres wrote them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reportd import spool
from reportd.render.tablefiles import write_each
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Column, Document, Rows, Section

_NULL = r"\N"
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_ESCAPED = str.maketrans(_ESCAPES)


class TSV:
    """The format `tsv`."""

    format = "tsv"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.tsv` where there is one, else `REPORT-BLOCK.tsv` each."""
        return write_each(
            document,
            out=out,
            format=self.format,
            ending=".tsv",
            content_type="text/tab-separated-values; charset=utf-8; header=present",
            write=_write,
        )


def _write(section: Section, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(_cells([column.name for column in section.columns])) + "\n")
        if section.rows is not None:
            file.writelines(_records(section.rows, section.columns))


def _records(rows: Rows, columns: Sequence[Column]) -> Iterator[str]:
    for batch in spool.read_columns(rows.path):
        lanes = [_cells(batch[column.index]) for column in columns]
        yield "\n".join(map("\t".join, zip(*lanes, strict=True))) + "\n"


def _cells(values: Sequence[str | None]) -> Sequence[str]:
    if None not in values:
        joined = "".join(values)  # type: ignore[arg-type]
        if not any(sign in joined for sign in _ESCAPES):
            return values  # type: ignore[return-value]
    return [_NULL if value is None else value.translate(_ESCAPED) for value in values]
