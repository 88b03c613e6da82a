"""NDJSON: a JSON object per line and row, as `json` writes it; one file per table or `@data` block, for streams."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from reportd.render import json
from reportd.render.tablefiles import write_each
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Document, Section


class NDJSON:
    """The format `ndjson`."""

    format = "ndjson"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.ndjson` where there is one, else `REPORT-BLOCK.ndjson` each."""
        return write_each(
            document,
            out=out,
            format=self.format,
            ending=".ndjson",
            content_type="application/x-ndjson",
            write=_write,
        )


def _write(section: Section, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if section.rows is None:
            return
        lines = json.rows(section.columns, section.rows.path)
        while batch := list(islice(lines, json.ROWS_PER_WRITE)):
            file.write("\n".join(batch) + "\n")
