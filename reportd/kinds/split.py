"""A burst in one snapshot: the report's queries run once, and every document gets the rows of its own key.

The parent spools all rows, finds where each key's are (`pieces`), and orders a child per key; the key stands in the
child's metadata. The spool stays until the parent is over: the pruner keeps what belongs to an unfinished job. A child
copies its rows into a spool of its own and goes through the pipeline like any report, so its retries begin there.

A child that finds no whole spool of its parent (another host; a lost disk; a retry long afterwards; a report edited in
between) reads all rows again, once per host, into the parent's place. Pinning children to the host that has the spool
would let them wait for ever when it is gone, and files that hosts share are not there in general. So documents of one
burst may then be of two snapshots; each is of one, says which, and has the same params.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from reportd import failpoints, fetch, spool
from reportd.db import jobs
from reportd.db.session import session
from reportd.errors import disk_error
from reportd.job import Job, Step
from reportd.kinds import pieces
from reportd.kinds.pieces import Damaged, Key, Pieces, Uncuttable
from reportd.pipeline import Parts
from reportd.progress import Progress
from reportd.report.definition import Burst, Report
from reportd.report.fault import fault
from reportd.report.params import Params, resolve
from reportd.spool import Dataset, read

log = structlog.get_logger()

KEY = "key"
"""Where `jobs.metadata -> 'reportd'` says which rows a child has."""

_reading: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()


def key_of(job: Job) -> Key | None:
    """The key of the rows that `job`, a child of a split burst, is about; None: it is no such child."""
    match job.metadata.get("reportd"):
        case {"key": [*values]} if job.parent_id is not None and all(isinstance(value, str) for value in values):
            return tuple(values)
        case _:
            return None


async def divide(job: Job, report: Report, parts: Parts, progress: Progress) -> list[Mapping[str, str | None]]:
    """Read all rows into the job's spool; a row of columns for each document, the key's among them.

    Errors: those of a fetch; ReportError for rows that can't be split.
    """
    progress.enter(Step.FETCHING)
    directory = parts.spool / str(job.id)
    async with _alone(directory):
        dataset, found = await _read(job, report, parts, directory)
    return await asyncio.to_thread(_documents, job, report, dataset, found)


async def take(job: Job, key: Key, report: Report, parts: Parts, progress: Progress) -> Dataset:
    """The spool of the child `job`, of the rows of `key` alone: what an earlier attempt has left, else a new one.

    Errors: those of a fetch; ReportError where the key has no rows any more, or the report does not split any more.
    """
    if report.burst is None or len(report.burst.split) != len(key):
        # Never all rows for one of them: the report has been edited since the split.
        message = "this document is one of a split burst, and the report does not split so any more: order it again"
        raise fault(report.source.front, message, line=report.burst.line if report.burst else None)
    progress.enter(Step.FETCHING)
    own = parts.spool / str(job.id)
    params, _ = _question(job, report, parts)
    kept = await asyncio.to_thread(fetch.reuse, own, report.source.sha256, params)
    if kept is not None:
        return kept
    shared = parts.spool / str(job.parent_id)
    async with _alone(shared):
        try:
            dataset, found = await asyncio.to_thread(_found, shared, report, params)
            return await asyncio.to_thread(_copy, dataset, found, key, report, own)
        except (Damaged, FileNotFoundError) as error:
            log.warning("burst.read_again", job=job.id, parent=job.parent_id, reason=str(error))
            # What lies where a parent would have its spool is swept once that is over.
            place = shared if await _unfinished(job.parent_id, parts) else _scratch(job, parts)
            dataset, found = await _read(job, report, parts, place)
            return await asyncio.to_thread(_copy, dataset, found, key, report, own)


async def sample(job: Job, report: Report, parts: Parts) -> Dataset:
    """The rows of the first key, to see what the documents will look like. `job` is no row; it is cleared by its id."""
    dataset, found = await _read(job, report, parts, parts.spool / str(job.id))
    own = parts.spool / f".{job.id}.a"
    key = found.keys[0] if found.keys else None
    return await asyncio.to_thread(_copy, dataset, found, key, report, own)


async def again(job: Job, report: Report, parts: Parts, *, key: Key | None, data_sha256: str) -> Dataset:
    """The rows of the document that `job` made, read once more: those of `key`, or, where nobody knows it, of the key
    whose rows have the digest `data_sha256`. `job` is no row; it is cleared by its id.

    Errors: those of a fetch; ReportError where there are no such rows.
    """
    dataset, found = await _read(job, report, parts, parts.spool / str(job.id))
    own = parts.spool / f".{job.id}.a"
    if key is not None:
        return await asyncio.to_thread(_copy, dataset, found, key, report, own)
    same = await asyncio.to_thread(_alike, dataset, found, data_sha256, report, own)
    if same is None:
        message = f"no job says whose rows it has, and none of {len(found.keys):,} keys has the same rows today"
        raise fault(report.source.front, message, line=_burst(report).line)
    return same


def _alike(dataset: Dataset, found: Pieces, data_sha256: str, report: Report, to: Path) -> Dataset | None:
    copies = (_copy(dataset, found, key, report, to) for key in found.keys)
    return next((copy for copy in copies if copy.sha256 == data_sha256), None)


async def _read(job: Job, report: Report, parts: Parts, directory: Path) -> tuple[Dataset, Pieces]:
    """All rows, from a whole spool that is there already or from the database, and where each key's are."""
    burst = _burst(report)
    params, timezone = _question(job, report, parts)
    dataset = await asyncio.to_thread(fetch.reuse, directory, report.source.sha256, params)
    if dataset is None:
        blocks = report.blocks if burst.block is None else (*report.blocks, burst.block)
        everything = replace(report, blocks=blocks)
        dataset = await fetch.fetch(
            parts.source, everything, params, directory=directory, timezone=timezone, limits=parts.limits
        )
    await failpoints.reach("fetched")
    try:
        return dataset, await asyncio.to_thread(pieces.cut, dataset, burst.split)
    except Uncuttable as error:
        at = {block.name: block for block in report.queries}[error.block]
        raise fault(at.file, f"a split burst can't share out “{error.block}”: {error}", line=at.line) from None
    except OSError as error:
        raise disk_error(error, doing=f"splitting {report.name}") from error


def _found(directory: Path, report: Report, params: Params) -> tuple[Dataset, Pieces]:
    """The parent's spool as it lies here. Errors: Damaged, FileNotFoundError."""
    try:
        dataset = spool.load(directory)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(str(error)) from error
    if dataset.report_sha256 != report.source.sha256 or dataset.params != params.as_json():
        raise Damaged("the report has been edited")
    return dataset, pieces.load(dataset)


def _copy(dataset: Dataset, found: Pieces, key: Key | None, report: Report, to: Path) -> Dataset:
    burst = _burst(report)
    if key is not None and key not in found.keys:
        message = f"{_said(burst, key)} has no rows any more: they had to be read again, and have changed meanwhile"
        raise fault(report.source.front, message, line=burst.line)
    try:
        return pieces.copy(
            dataset, found, key, names=[block.name for block in report.blocks], without=burst.split, to=to
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        raise disk_error(error, doing=f"splitting {report.name}") from error


def _documents(job: Job, report: Report, dataset: Dataset, found: Pieces) -> list[Mapping[str, str | None]]:
    burst = _burst(report)
    if burst.block is None:
        return [dict(zip(burst.split, key, strict=True)) for key in found.keys]
    for key, piece in found.blocks[burst.block.name].items():
        if piece.rows > 1:
            message = f"burst: {piece.rows} rows have {_said(burst, key)}; each document has one"
            raise fault(report.source.front, message, line=burst.line)
    wanted = found.blocks[burst.block.name]
    left_out = sum(piece.rows for pieces in found.blocks.values() for key, piece in pieces.items() if key not in wanted)
    if left_out:
        log.warning("burst.left_out", job=job.id, rows=left_out)
    names = [column.name for column in dataset.blocks[burst.block.name].columns]
    return [dict(zip(names, row, strict=True)) for row in read(dataset.path(burst.block.name))]


def _question(job: Job, report: Report, parts: Parts) -> tuple[Params, str]:
    """The parameters that all documents of the burst have in common, and the time zone of their texts."""
    timezone = report.timezone or parts.settings.timezone
    now = job.slot or job.created_at
    return resolve(report.params, job.params_resolved or {}, now=now, timezone=timezone), timezone


async def _unfinished(job_id: int | None, parts: Parts) -> bool:
    async with session(parts.queue) as conn:
        return bool(await jobs.unfinished(conn, ids=[job_id or 0]))


def _scratch(job: Job, parts: Parts) -> Path:
    """A directory that goes with this attempt."""
    return parts.spool / f"{job.id}-{job.attempt}.out" / "whole"


def _said(burst: Burst, key: Key) -> str:
    return ", ".join(f"{column} = {value}" for column, value in zip(burst.split, key, strict=True))


def _burst(report: Report) -> Burst:
    assert report.burst is not None, "the caller has asked whether there is one"
    return report.burst


def _alone(directory: Path) -> asyncio.Lock:
    """The lock of who reads into `directory`: one for all children of a parent in this process."""
    return _reading.setdefault(directory, asyncio.Lock())
