"""A job's dataset: fetched whole or not at all, and found again by the attempts that follow."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reportd import spool
from reportd.errors import disk_error
from reportd.fetch.copy import Allowance, copy
from reportd.fetch.failure import translated
from reportd.fetch.limits import FetchLimits
from reportd.fetch.query import Query, prepare
from reportd.fetch.snapshot import forget, snapshot
from reportd.report.definition import Block, Report
from reportd.report.params import Params
from reportd.spool import Dataset, Spooled

if TYPE_CHECKING:
    from reportd.db.pool import Connection, Pool

# Called before each query with its block, its number from 0, and how many there are.
OnQuery = Callable[[Block, int, int], None]

# The server keeps the query's time limit; this much later the connection itself is taken for dead.
_SILENCE_LIMIT_S = 5.0


async def fetch(
    pool: Pool,
    report: Report,
    params: Params,
    *,
    directory: Path,
    timezone: str,
    limits: FetchLimits,
    on_query: OnQuery | None = None,
) -> Dataset:
    """Run every query of `report` in one snapshot and spool the rows into `directory`, which comes to be whole or not.

    What was in `directory` is replaced, unless it is a dataset that answers the same question: then that one is given
    back, since somebody may be reading it. All queries are prepared before the first one runs. `timezone` (IANA) is
    that of every text form. While it works there is a directory `.NAME.…` beside `directory`; what a killed process
    left of that is for a sweep by age.
    Errors: QueryError, QueryInterrupted, DatabaseUnavailable, LimitExceeded, StoreFull. After any of them, and when
    cancelled, the query has been stopped on the server and no file is left.
    """
    work = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}")
    try:
        await asyncio.to_thread(work.mkdir, parents=True, mode=0o700)
        async with snapshot(pool, timezone=timezone, limits=limits) as (connection, as_of):
            blocks = await spool_blocks(connection, report, params, work, limits=limits, on_query=on_query)
        dataset = Dataset(work, as_of, timezone, report.source.sha256, params.as_json(), blocks)
        return await asyncio.to_thread(_publish, dataset, directory)
    except OSError as error:
        raise disk_error(error, doing=f"spooling {report.name}") from error
    finally:
        # Shielded: a second cancel must not leave half a dataset.
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, work, ignore_errors=True))


def reuse(directory: Path, report_sha256: str, params: Params) -> Dataset | None:
    """The dataset in `directory` if it is whole and holds this version of the report for these params, else None.

    Reads every byte to compare the digests. That replaces an fsync per file on the way in: a spool that a power cut has
    damaged is fetched again. Blocks; call it in a thread.
    """
    return _present(directory, report_sha256, params.as_json())


async def spool_blocks(
    connection: Connection,
    report: Report,
    params: Params,
    work: Path,
    *,
    limits: FetchLimits,
    on_query: OnQuery | None = None,
) -> Mapping[str, Spooled]:
    """Prepare every query of `report`, then run them one after the other into `work`; the results by block.

    `connection` is inside the job's snapshot. Errors: as `fetch`.
    """
    blocks: dict[str, Spooled] = {}
    queries = [await prepare(connection, block, params, limits) for block in report.blocks]
    for index, query in enumerate(queries):
        if on_query is not None:
            on_query(query.block, index, len(queries))
        spent = sum(block.bytes for block in blocks.values())
        blocks[query.block.name] = await spool_query(connection, query, work, report=report, limits=limits, spent=spent)
    return blocks


async def spool_query(
    connection: Connection, query: Query, work: Path, *, report: Report, limits: FetchLimits, spent: int
) -> Spooled:
    """Run one query into a file of `work`; others of the same job have written `spent` bytes. Errors: as `fetch`."""
    block = query.block
    path = work / f"{block.name}.csv"
    allowance = _allowance(report, limits, spent=spent)
    with translated(query.sent, limits):
        async with asyncio.timeout(limits.query_timeout_s + _SILENCE_LIMIT_S):
            await query.tell_secrets(connection)
            copied = await copy(connection, query.text, path, block=block.name, allowance=allowance)
            await forget(connection)
    return Spooled(block.name, path.name, query.columns, copied.rows, copied.bytes, copied.sha256)


def _allowance(report: Report, limits: FetchLimits, *, spent: int) -> Allowance:
    """What the next block may take, after the blocks before it took `spent` bytes."""
    rows, setting = limits.rows_max, "fetch.rows_max"
    if report.max_rows is not None and report.max_rows < rows:
        rows, setting = report.max_rows, "the report's max_rows"
    return Allowance(
        rows=rows,
        rows_setting=setting,
        bytes=limits.bytes_max - spent,
        bytes_max=limits.bytes_max,
        row_bytes=limits.row_bytes_max,
    )


def _publish(dataset: Dataset, directory: Path) -> Dataset:
    """Make the dataset's directory the one called `directory`, in one step, and give it back under that name."""
    work = dataset.directory
    (work / spool.MANIFEST).write_text(dataset.manifest(), encoding="utf-8")
    while not _renamed(work, directory):
        if (present := _present(directory, dataset.report_sha256, dataset.params)) is not None:
            return present
        aside = work.with_name(f"{work.name}.old")
        directory.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    return replace(dataset, directory=directory)


def _renamed(work: Path, directory: Path) -> bool:
    """Whether `directory` was free, or empty, and now is what `work` was."""
    try:
        work.rename(directory)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _present(directory: Path, report_sha256: str, params: Mapping[str, object]) -> Dataset | None:
    """The dataset in `directory` if it holds this report for these params, with every byte as it was written."""
    try:
        dataset = spool.load(directory)
        if dataset.report_sha256 != report_sha256 or dataset.params != params:
            return None
        whole = all(_is_whole(dataset.path(name), block) for name, block in dataset.blocks.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none there, or only part of one
    return dataset if whole else None


def _is_whole(path: Path, block: Spooled) -> bool:
    if path.stat().st_size != block.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == block.sha256
