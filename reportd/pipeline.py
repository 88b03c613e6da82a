"""The story of one report job, top to bottom: fetch, build and render, store.

Each stage hands a value to the next. What `fetch` made stays in the job's spool, so that another attempt on this host
starts after it; everything else of an attempt lives in a directory that is gone when the attempt is.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from reportd import failpoints, fetch
from reportd.artifacts import DirectoryStore
from reportd.db import deliveries
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.job import Artifact, Completed, Delivery, Job, Step
from reportd.progress import Progress
from reportd.render.pool import Rendered, RenderPool
from reportd.render.task import Question, RenderSettings, RenderTask
from reportd.report import conditions, targets
from reportd.report.conditions import Asked, Operand
from reportd.report.definition import Report
from reportd.report.fault import fault, nearest
from reportd.report.formats import parse
from reportd.report.params import Params, independent, resolve
from reportd.report.secrecy import discreet
from reportd.spool import Dataset, Spooled, head

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stages work with; built once by the daemon. `source` is the database that reports read, `queue` ours."""

    source: Pool
    queue: Pool
    limits: fetch.FetchLimits
    render: RenderPool
    settings: RenderSettings
    store: DirectoryStore
    spool: Path
    channels: Collection[str] = ()


async def produce(
    job: Job, report: Report, parts: Parts, progress: Progress, *, dataset: Dataset | None = None
) -> Completed:
    """Make every file that `job` asks for, of the rows in `dataset` where it has been given them, else of its own.

    Errors are ReportdErrors of the stage that failed.
    """
    progress.enter(Step.FETCHING)
    asked = job if dataset is not None else await settled(job, report, parts)
    with discreet(report.params, asked.params_resolved or {}):
        completed = await _produce(asked, report, parts, progress, dataset)
    return replace(completed, result={**(completed.result or {}), **_found(job, asked, report)})


async def _produce(job: Job, report: Report, parts: Parts, progress: Progress, given: Dataset | None) -> Completed:
    async with _scratch(job, parts) as scratch:
        if report.code is not None and report.code.fetch:
            dataset, rendered = await _inquired(job, report, parts, progress, scratch)
        else:
            dataset = given or await _fetch(job, report, parts)
            await failpoints.reach("fetched")
            progress.enter(Step.BUILDING)
            rendered = await parts.render.run(_task(job, report, parts, dataset, scratch), on_progress=progress.enter)
        await failpoints.reach("rendered")
        for file in rendered.files:
            for note in file.notes:
                log.warning("render.noted", job=job.id, kind=job.kind, format=file.format, note=note)
        progress.cost(cpu_s=rendered.usage.cpu_s, peak_bytes=rendered.usage.peak_bytes)

        owed = await _deliveries(job, report, dataset, parts)
        progress.enter(Step.STORING)
        artifacts: list[Artifact] = []
        try:
            for file in rendered.files:
                stored = await parts.store.put(file, job=job.id, attempt=job.attempt)
                artifacts.append(replace(stored, keep_s=report.retain_s))
            await failpoints.reach("stored")
        except BaseException:
            # Nobody will ever name these: the completing transaction is not going to happen.
            for artifact in artifacts:
                await asyncio.shield(parts.store.delete(artifact.uri))
            raise
    return Completed(artifacts=tuple(artifacts), deliveries=owed, result=_summary(dataset))


async def settled(job: Job, report: Report, parts: Parts, *, without: Collection[str] = ()) -> Job:
    """`job` with the values of its params that only the source database knows; `without` is left to somebody else.

    Errors: ParamsError; those of a fetch.
    """
    params = independent(report.params, without)
    if not any(param.default_block or param.choices_block for param in params):
        return job
    now, timezone = job.slot or job.created_at, report.timezone or parts.settings.timezone
    async with _scratch(job, parts) as scratch:
        asking = fetch.Asking(parts.source, now, timezone, scratch, parts.limits)
        resolved = dict(job.params_resolved or {})
        given = {param.name: resolved.get(param.name) for param in params}
        found = await fetch.settle(replace(report, params=params), given, asking)
    return replace(job, params_resolved={**resolved, **found})


def clear(job: Job, parts: Parts) -> None:
    """Remove all that attempts of `job` have left on this host's disk, but for stored files. Blocks."""
    for pattern in (str(job.id), f".{job.id}.*", f"{job.id}-*.out"):
        for directory in parts.spool.glob(pattern):
            shutil.rmtree(directory, ignore_errors=True)


async def _fetch(job: Job, report: Report, parts: Parts) -> Dataset:
    """The job's dataset: what an earlier attempt left if it is whole and answers the same question, else a new one."""
    directory = parts.spool / str(job.id)
    params, timezone = _question(job, report, parts)
    kept = await asyncio.to_thread(fetch.reuse, directory, report.source.sha256, params)
    if kept is not None:
        return kept
    return await fetch.fetch(parts.source, report, params, directory=directory, timezone=timezone, limits=parts.limits)


async def _deliveries(job: Job, report: Report, dataset: Dataset, parts: Parts) -> tuple[Delivery, ...]:
    """Where the files go, with placeholders filled; nowhere when the report's condition does not hold."""
    wanted = job.deliver or (report.deliver.to if report.deliver else ())
    if not wanted or not await _worth_sending(job, report, dataset, parts):
        return ()
    resolved = job.params_resolved or {}
    values = targets.values(job, report.params, resolved=resolved, timezone=dataset.timezone)
    return targets.deliveries(wanted, channels=parts.channels, values=values, path=report.source.front)


async def _worth_sending(job: Job, report: Report, dataset: Dataset, parts: Parts) -> bool:
    """Whether the condition of `[deliver]` holds; without one it does. Errors: ReportError with the file's line."""
    if report.deliver is None or report.deliver.when is None:
        return True
    try:
        condition = conditions.parse(report.deliver.when, blocks=dataset.blocks)
        changed = True
        if any(asked.function == "changed" for asked in condition.asks):
            async with session(parts.queue) as conn:
                last = await deliveries.last_digest(conn, kind=job.kind, params=job.params, before=job.id)
            changed = last != dataset.sha256
        given = {asked: _answer(asked, dataset, changed=changed) for asked in condition.asks}
        return condition.holds(given.__getitem__)
    except ValueError as error:
        raise fault(report.source.front, f"deliver.when: {error}", line=report.deliver.line) from None


def _answer(asked: Asked, dataset: Dataset, *, changed: bool) -> Operand:
    """What the data say. Raises ValueError for a column that the block's query does not have."""
    match asked.function:
        case "changed":
            return changed
        case "rows":
            return Decimal(dataset.blocks[asked.block].rows)
        case "value":
            columns = dataset.blocks[asked.block].columns
            names = [column.name for column in columns]
            if asked.column not in names:
                known = ", ".join(names)
                raise ValueError(
                    f'block "{asked.block}" has no column "{asked.column}"{nearest(asked.column, names)} ({known})'
                )
            index = names.index(asked.column)
            row = next(iter(head(dataset.path(asked.block), 1)), [None] * len(columns))
            value = parse(row[index], columns[index].type)
            if isinstance(value, bool | Decimal):
                return value
            return Decimal(value) if isinstance(value, int) else row[index]


async def _inquired(
    job: Job, report: Report, parts: Parts, progress: Progress, scratch: Path
) -> tuple[Dataset, Rendered]:
    """What a report comes to whose own code asks for rows: the snapshot stays open until the child has them all.

    Every attempt asks anew: rows that an earlier one left are of another snapshot.
    """
    params, timezone = _question(job, report, parts)
    directory = scratch / "rows"
    async with fetch.inquire(
        parts.source, report, params, directory=directory, timezone=timezone, limits=parts.limits
    ) as inquiry:
        await failpoints.reach("fetched")
        task = _task(job, report, parts, inquiry.dataset, scratch)
        rendered = await parts.render.run(task, on_progress=progress.enter, inquiry=_Answers(inquiry))
        return inquiry.dataset, rendered


@dataclass(frozen=True, slots=True)
class _Answers:
    """The render child's questions, put to the job's snapshot."""

    inquiry: fetch.Inquiry

    async def ask(self, question: Question) -> Spooled:
        return await self.inquiry.ask(question.block, question.values)

    async def close(self, names: Mapping[str, str]) -> None:
        await self.inquiry.close(names)


def _question(job: Job, report: Report, parts: Parts) -> tuple[Params, str]:
    """The job's parameters, and the time zone that its texts are in."""
    timezone = report.timezone or parts.settings.timezone
    now = job.slot or job.created_at
    return resolve(report.params, job.params_resolved or {}, now=now, timezone=timezone), timezone


def _task(job: Job, report: Report, parts: Parts, dataset: Dataset, scratch: Path) -> RenderTask:
    return RenderTask(
        source=report.source,
        params=dataset.params,
        directory=str(dataset.directory),
        out=str(scratch / "files"),
        formats=job.formats or report.formats,
        settings=parts.settings,
        title=job.name,
        job=job.id,
        locale=_locale(job),
    )


def _locale(job: Job) -> str | None:
    """What `metadata.reportd.locale` says of this one document; None: the report's own, else the operator's."""
    match job.metadata.get("reportd"):
        case {"locale": str(locale)}:
            return locale
        case _:
            return None


@asynccontextmanager
async def _scratch(job: Job, parts: Parts) -> AsyncIterator[Path]:
    """A directory for this attempt, beside the spool, with `files` for the child; gone afterwards in any case."""
    out = parts.spool / f"{job.id}-{job.attempt}.out"
    await asyncio.to_thread(_make_empty, out)
    try:
        yield out
    finally:
        # Shielded: a cancelled attempt still has to leave nothing behind.
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, out, ignore_errors=True))


def _make_empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "files").mkdir(parents=True, mode=0o700)


def _found(ordered: Job, settled: Job, report: Report) -> Mapping[str, Any]:
    """What `jobs.result` says of values that queries gave: `params_resolved` was written before they were asked."""
    before, after = ordered.params_resolved or {}, settled.params_resolved or {}
    found = {p.name: after.get(p.name) for p in report.params if p.default_block and not p.secret}
    new = {name: value for name, value in found.items() if value != before.get(name)}
    return {"defaults": new} if new else {}


def _summary(dataset: Dataset) -> Mapping[str, Any]:
    """What `jobs.result` says of a report: the snapshot's time, rows and digest per block, and the digests of all data
    and of the report's text.
    """
    return {
        "as_of": dataset.as_of.isoformat(),
        "rows": {name: block.rows for name, block in dataset.blocks.items()},
        "sha256": {name: block.sha256 for name, block in dataset.blocks.items()},
        "data_sha256": dataset.sha256,
        "report_sha256": dataset.report_sha256,
    }
