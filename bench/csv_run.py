"""One run of ours for `bench csv`, in a process that holds no more than a daemon does: DSN, directory, query, format.

The last line printed is its figures: wall and CPU seconds to the finished file, peak memory in MiB. As in a daemon, the
pool is open and has served before.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import peak_mb
from reportd.db.pool import Pool, create_pool
from reportd.fetch import FetchLimits, fetch
from reportd.render.csv import CSV
from reportd.render.csvexcel import ExcelCSV
from reportd.render.task import Renderer, RenderSettings
from reportd.report.definition import ReportSource
from reportd.report.document import Column, Document, Format, Provenance, Rows, Table
from reportd.report.params import resolve
from reportd.report.sqlfile import parse
from reportd.spool import Dataset

LEAVES: dict[str, Renderer] = {leaf.format: leaf for leaf in (CSV(), ExcelCSV())}


async def run(dsn: str, directory: Path, query: str, format: str) -> dict[str, float]:
    """Fetch `query` and write its file in `format` into `directory`."""
    pool = await create_pool(dsn, min_size=1, max_size=1, application_name="bench")
    try:
        await _fetch(pool, "select 1 as n", directory / "warm-up")
        started, cpu = time.perf_counter(), time.process_time()
        dataset = await _fetch(pool, query, directory / "spool")
        await asyncio.to_thread(LEAVES[format].render, _document(dataset), out=directory, settings=RenderSettings())
        return {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "peak_mb": peak_mb()}
    finally:
        await pool.close()


async def _fetch(pool: Pool, query: str, directory: Path) -> Dataset:
    report = parse(ReportSource("sales", {"sales.sql": query}, "sales.sql"))
    params = resolve(report.params, {}, now=datetime.now(UTC), timezone="UTC")
    return await fetch(pool, report, params, directory=directory, timezone="UTC", limits=FetchLimits())


def _document(dataset: Dataset) -> Document:
    """What the CSV renderer needs to know; no pass over the rows, since it needs no totals and widths."""
    [block] = dataset.blocks.values()
    columns = tuple(
        Column(column.name, column.name, index, column.type, Format("text"), "left", 10)
        for index, column in enumerate(block.columns)
    )
    rows = Rows(str(dataset.path(block.name)), block.rows, block.bytes, block.sha256)
    provenance = Provenance("sales", dataset.report_sha256, dataset.sha256, {}, "0")
    return Document("Sales", dataset.as_of, "UTC", "en", (Table(block.name, "Sales", columns, rows),), provenance)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))))
