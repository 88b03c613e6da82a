"""How the tests here ask: one block of SQL, past the file reader, on the pool that reports have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportd import fetch, spool
from reportd.db.pool import Pool
from reportd.fetch import FetchLimits
from reportd.report.definition import Report, ReportSource
from reportd.report.params import resolve
from reportd.report.sqlfile import parse
from reportd.spool import Dataset

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
ZONE = "Europe/Vienna"
LIMITS = FetchLimits(query_timeout_s=20.0, lock_wait_s=0.3)


def report(sql: str, *, head: str = "") -> Report:
    """A report of `sql`, with `head` as its front matter, as the file reader has it."""
    front = "".join(f"-- {line.strip()}\n" for line in ["/// report", *head.strip().splitlines(), "///"])
    return parse(ReportSource("sales", {"sales.sql": front + sql}, "sales.sql"))


def unread(*sql: str, head: str = "") -> Report:
    """A report whose blocks `b1`, `b2`, … are these texts, which the file reader has not seen."""
    asked = report("\n".join(f"-- @data b{n}\nselect 1;" for n in range(1, len(sql) + 1)), head=head)
    blocks = tuple(replace(block, sql=text) for block, text in zip(asked.blocks, sql, strict=True))
    return replace(asked, blocks=blocks)


async def fetched(
    pool: Pool,
    directory: Path,
    asked: Report,
    raw: Mapping[str, Any] | None = None,
    *,
    limits: FetchLimits = LIMITS,
) -> Dataset:
    """What the pipeline's first stage makes of `asked`."""
    params = resolve(asked.params, raw or {}, now=NOW, timezone=ZONE)
    return await fetch.fetch(pool, asked, params, directory=directory, timezone=ZONE, limits=limits)


def rows(made: Dataset, block: str | None = None) -> list[list[str | None]]:
    """The rows of a block, the first if none is named."""
    return list(spool.read(made.path(block or next(iter(made.blocks)))))
