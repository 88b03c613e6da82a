"""The story of one report job, top to bottom: fetch, build and render, store.

Each stage hands a value to the next. What `fetch` made stays in the job's spool, so that another attempt on this host
starts after it; everything else of an attempt lives in a directory that is gone when the attempt is.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportd import failpoints, fetch
from reportd.artifacts import DirectoryStore
from reportd.db.pool import Pool
from reportd.job import Artifact, Completed, Job, Step
from reportd.progress import Progress
from reportd.render.pool import RenderPool
from reportd.render.task import RenderSettings, RenderTask
from reportd.report.definition import Report
from reportd.report.params import resolve
from reportd.spool import Dataset


@dataclass(frozen=True, slots=True)
class Parts:
    """What the stages work with; built once by the daemon. `source` is the database that reports read."""

    source: Pool
    limits: fetch.FetchLimits
    render: RenderPool
    settings: RenderSettings
    store: DirectoryStore
    spool: Path


async def produce(job: Job, report: Report, parts: Parts, progress: Progress) -> Completed:
    """Make every file that `job` asks for. Errors are ReportdErrors of the stage that failed."""
    progress.enter(Step.FETCHING)
    dataset = await _fetch(job, report, parts)
    await failpoints.reach("fetched")

    progress.enter(Step.BUILDING)
    async with _scratch(job, parts) as out:
        rendered = await parts.render.run(
            RenderTask(
                source=report.source,
                params=dataset.params,
                directory=str(dataset.directory),
                out=str(out),
                formats=job.formats or report.formats,
                settings=parts.settings,
                title=job.name,
                job=job.id,
            ),
            on_progress=progress.enter,
        )
        await failpoints.reach("rendered")
        progress.cost(cpu_s=rendered.usage.cpu_s, peak_bytes=rendered.usage.peak_bytes)

        progress.enter(Step.STORING)
        artifacts: list[Artifact] = []
        try:
            for file in rendered.files:
                artifacts.append(await parts.store.put(file, job=job.id, attempt=job.attempt))
            await failpoints.reach("stored")
        except BaseException:
            # Nobody will ever name these: the completing transaction is not going to happen.
            for artifact in artifacts:
                await asyncio.shield(parts.store.delete(artifact.uri))
            raise
    return Completed(artifacts=tuple(artifacts), result=_summary(dataset))


def clear(job: Job, parts: Parts) -> None:
    """Remove all that attempts of `job` have left on this host's disk, but for stored files. Blocks."""
    for pattern in (str(job.id), f".{job.id}.*", f"{job.id}-*.out"):
        for directory in parts.spool.glob(pattern):
            shutil.rmtree(directory, ignore_errors=True)


async def _fetch(job: Job, report: Report, parts: Parts) -> Dataset:
    """The job's dataset: what an earlier attempt left if it is whole and answers the same question, else a new one."""
    directory = parts.spool / str(job.id)
    settings = parts.settings
    timezone = report.timezone or settings.timezone
    params = resolve(report.params, job.params_resolved or {}, now=job.slot or job.created_at, timezone=timezone)
    kept = await asyncio.to_thread(fetch.reuse, directory, report.source.sha256, params)
    if kept is not None:
        return kept
    return await fetch.fetch(parts.source, report, params, directory=directory, timezone=timezone, limits=parts.limits)


@asynccontextmanager
async def _scratch(job: Job, parts: Parts) -> AsyncIterator[Path]:
    """A directory for this attempt's files, beside the spool; gone afterwards, whatever happened."""
    out = parts.spool / f"{job.id}-{job.attempt}.out"
    await asyncio.to_thread(_make_empty, out)
    try:
        yield out
    finally:
        # Shielded: a cancelled attempt still has to leave nothing behind.
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, out, ignore_errors=True))


def _make_empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)


def _summary(dataset: Dataset) -> Mapping[str, Any]:
    """What `jobs.result` says of a report: the snapshot's time, rows per block, and the digest of all data."""
    return {
        "as_of": dataset.as_of.isoformat(),
        "rows": {name: block.rows for name, block in dataset.blocks.items()},
        "data_sha256": dataset.sha256,
    }
