"""Parquet: real types for the next program, one file per table or `@data` block.

Decimals are exact, timestamps with a zone are instants, dates, times, booleans and bytes are what they say, NULL is
null and the empty string is empty; the rest is text as Postgres wrote it. Written a row group at a time. pyarrow is an
extra (`reportd[parquet]`), and only loaded in a child that makes such a file.
"""

from __future__ import annotations

import json
import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from reportd.errors import ExtraMissing
from reportd.render.json import keys
from reportd.render.tablefiles import write_each
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Document, Section


class Parquet:
    """The format `parquet`. Raises ExtraMissing where there is no pyarrow."""

    format = "parquet"
    warms: ClassVar[bool] = False
    """pyarrow starts a thread, which no fork would have."""

    def __init__(self) -> None:
        if find_spec("pyarrow") is None:
            raise ExtraMissing("parquet needs pyarrow, which is an extra: pip install 'reportd[parquet]'")

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write one file per table: `REPORT.parquet` where there is one, else `REPORT-BLOCK.parquet` each."""
        return write_each(
            document,
            out=out,
            format=self.format,
            ending=".parquet",
            content_type="application/vnd.apache.parquet",
            write=partial(_write, document=document),
        )


def _write(section: Section, path: Path, *, document: Document) -> None:
    # Arrow's own pools keep what they were given, and take address space ahead of need.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from pyarrow.parquet import ParquetWriter

    from reportd.render import arrow

    rows = section.rows.path if section.rows is not None else None
    made = arrow.conversions(section.columns, rows, timezone=document.timezone)
    schema = arrow.schema(keys(section.columns), section.columns, made).with_metadata(_origin(document))
    with path.open("wb") as file, ParquetWriter(file, schema, compression="zstd") as writer:
        for group in arrow.groups(section.columns, rows, made, schema=schema):
            writer.write_table(group, row_group_size=group.num_rows)


def _origin(document: Document) -> dict[str, str]:
    """Where the rows come from, as metadata of the file."""
    origin = document.provenance
    return {
        "reportd.report": origin.report,
        "reportd.title": document.title,
        "reportd.as_of": document.as_of.isoformat(),
        "reportd.params": json.dumps(dict(origin.params), ensure_ascii=False, sort_keys=True, default=str),
        "reportd.report_sha256": origin.report_sha256,
        "reportd.data_sha256": origin.data_sha256,
        "reportd.version": origin.version,
        "reportd.origin": json.dumps(document.origin, default=str),
        **({"reportd.job": str(origin.job)} if origin.job is not None else {}),
    }
