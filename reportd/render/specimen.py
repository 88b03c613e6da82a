"""A tiny report with one section of each kind, and its data: what a template process warms itself up with."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from reportd.render.build import build
from reportd.render.task import RenderSettings
from reportd.report import sqlfile
from reportd.report.definition import ReportSource
from reportd.report.document import Document
from reportd.spool import Dataset, SpoolColumn, Spooled

_SQL = """\
-- /// report
-- title = "Specimen"
-- ///
-- @kpi
select revenue, orders from specimen;
-- @bar "Amount by day" x=day y=amount
select day, label, amount from specimen;
-- @line "Amount by day" x=day y=amount
select day, label, amount from specimen;
-- @table "Orders"
select day, label, amount, share from specimen;
"""
_COLUMNS = (("day", "date"), ("label", "text"), ("amount", "numeric"), ("share", "numeric"))
_ROWS = b'2026-01-01,"Ordinary, quoted",1234.50,0.125\n2026-01-02,,-1235.75,\n'
_KPI_COLUMNS = (("revenue", "numeric"), ("orders", "int8"))
_KPI_ROWS = b"1234.50,12\n"


def specimen(directory: Path) -> Document:
    """The document, built as every other is, with its rows spooled in `directory`."""
    report = sqlfile.parse(ReportSource("specimen", {"specimen.sql": _SQL}, "specimen.sql"))
    blocks = {}
    for block in report.blocks:
        columns, rows = (_KPI_COLUMNS, _KPI_ROWS) if block.kind == "kpi" else (_COLUMNS, _ROWS)
        file = f"{block.name}.csv"
        (directory / file).write_bytes(rows)
        blocks[block.name] = Spooled(
            name=block.name,
            file=file,
            columns=tuple(SpoolColumn(*column) for column in columns),
            rows=rows.count(b"\n"),
            bytes=len(rows),
            sha256=sha256(rows).hexdigest(),
        )
    as_of = datetime(2026, 1, 3, tzinfo=UTC)
    dataset = Dataset(directory, as_of, "UTC", report.source.sha256, {}, blocks)
    return build(report, dataset, settings=RenderSettings(), title=None, job=None)
