"""Render pools over real processes: tasks with a small spool, and odd renderers."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reportd.job import Step
from reportd.render.pool import ChildLimits, RenderPool
from reportd.render.task import RenderTask
from reportd.report.definition import ReportSource
from reportd.spool import MANIFEST, Dataset, SpoolColumn, Spooled

SOURCE = ReportSource("orders", {"orders.sql": '-- @table "Orders"\nselect day, amount from orders;\n'}, "orders.sql")
LIMITS = ChildLimits(memory_bytes=512 * 2**20, cpu_s=60, file_bytes=64 * 2**20)
ROOT = Path(__file__).parent.parent


def odd(*names: str) -> Mapping[str, str]:
    """Formats of `tests.odd_formats` by their class names; the format is the name in lower case."""
    return {name.lower(): f"tests.odd_formats:{name}" for name in names}


def spooled(directory: Path) -> Path:
    """A spool of two rows for the block of SOURCE."""
    directory.mkdir(parents=True)
    data = b"2026-01-01,12.50\n2026-01-02,-3.25\n"
    (directory / "orders.csv").write_bytes(data)
    columns = (SpoolColumn("day", "date"), SpoolColumn("amount", "numeric"))
    block = Spooled("orders", "orders.csv", columns, 2, len(data), hashlib.sha256(data).hexdigest())
    dataset = Dataset(directory, datetime(2026, 1, 3, tzinfo=UTC), "UTC", SOURCE.sha256, {}, {"orders": block})
    (directory / MANIFEST).write_text(dataset.manifest(), encoding="utf-8")
    return directory


def render_task(directory: Path, *formats: str, title: str = "Orders") -> RenderTask:
    """A task over a spool of its own under `directory`, which must not exist; files go to `directory/out`."""
    spool = spooled(directory / "spool")
    out = directory / "out"
    out.mkdir()
    return RenderTask(source=SOURCE, params={}, directory=str(spool), out=str(out), formats=formats, title=title)


@asynccontextmanager
async def render_pool(
    monkeypatch: pytest.MonkeyPatch, *names: str, concurrency: int = 4, limits: ChildLimits = LIMITS
) -> AsyncIterator[RenderPool]:
    """A started pool with `odd(*names)` for formats."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pool = RenderPool(concurrency=concurrency, limits=limits, formats=odd(*names))
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def ignore(step: Step) -> None:
    """Progress that nobody looks at."""


def alive(pid: int) -> bool:
    """Whether a process of this number runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
