"""Makes a report's files here and now, by the stages of a daemon's job: no row, no queue, nothing delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportd import daemon, pipeline, plugins
from reportd.config import Config
from reportd.db.pool import create_pool
from reportd.errors import JobTimeout, UnknownKind
from reportd.job import Completed, Job
from reportd.kinds import split
from reportd.pipeline import Parts
from reportd.plugins import Broken, LoadedReport
from reportd.progress import Progress
from reportd.report.definition import Report
from reportd.report.fault import nearest
from reportd.report.params import resolve


@dataclass(frozen=True, slots=True)
class Press:
    """What files are made with. Parameters and limits are those of the daemon, and so is the process that renders."""

    config: Config
    parts: Parts

    async def make(
        self,
        report: Report,
        given: Mapping[str, Any],
        *,
        formats: Sequence[str],
        number: int = 0,
        progress: Progress | None = None,
    ) -> Completed:
        """Make `report` in `formats` with the parameters `given` (JSON); the files are in the configuration's store.

        `number` tells one making from another that goes on at the same time. Errors are those of a job's stages.
        """
        job = self._job(report, given, formats, number)
        try:
            async with asyncio.timeout(job.timeout_s):
                return await self._make(job, replace(report, deliver=None), progress or Progress())
        except TimeoutError:
            raise JobTimeout(f"it passed its limit of {job.timeout_s:g} s", limit_s=job.timeout_s) from None
        finally:
            # Shielded: one that was broken off leaves nothing behind either.
            await asyncio.shield(asyncio.to_thread(pipeline.clear, job, self.parts))

    async def _make(self, job: Job, report: Report, progress: Progress) -> Completed:
        if not (report.burst and report.burst.split):
            return await pipeline.produce(job, report, self.parts, progress)
        # No document has all rows: the first stands for the others.
        settled = await pipeline.settled(job, report, self.parts)
        dataset = await split.sample(settled, report, self.parts)
        return await pipeline.produce(settled, report, self.parts, progress, dataset=dataset)

    def _job(self, report: Report, given: Mapping[str, Any], formats: Sequence[str], number: int) -> Job:
        now = datetime.now(UTC)
        timezone = report.timezone or self.config.reports.timezone
        return Job(
            id=number,
            kind=report.name,
            queue="default",
            priority=0,
            run_at=now,
            created_at=now,
            attempt=1,
            failures=0,
            crashes=0,
            max_attempts=1,
            timeout_s=report.timeout_s or self.config.worker.timeout_s,
            params=given,
            params_resolved=resolve(report.params, given, now=now, timezone=timezone).as_json(),
            formats=tuple(formats),
        )


def settings(scratch: str) -> dict[str, Any]:
    """What a configuration must say for a press whose files are all in the directory `scratch`."""
    return {
        "storage.state_dir": scratch,
        "storage.artifacts_dir": f"{scratch}/files",
        "storage.spool_dir": f"{scratch}/spool",
        "worker.concurrency": 1,
        "render.concurrency": 1,
    }


@asynccontextmanager
async def warm(
    config: Config, source_dsn: str, *, name: str, formats: Mapping[str, str] | None = None
) -> AsyncIterator[Press]:
    """A press whose render process is warm, and ends with this context. `name` is what the server calls us; `formats`
    (name → `module:class`; default: those installed) are all that it makes.

    Errors: RenderError where no render process can be started.
    """
    source = await create_pool(source_dsn, min_size=0, max_size=2, application_name=name, statement_cache_size=0)
    try:
        async with daemon.parts_of(config, source, source, formats=formats) as parts:
            await parts.render.start()
            yield Press(config, parts)
    finally:
        source.terminate()


def find(name: str, directories: Sequence[Path]) -> LoadedReport:
    """The report called `name` in `directories`, or the one at that path. Errors: UnknownKind with the nearest."""
    path = Path(name)
    by_path = path.exists() and (path.suffix == ".sql" or path.is_dir())
    loaded = plugins.reports([path.absolute().parent] if by_path else directories)
    for report in loaded:
        if (place(report).absolute() == path.absolute()) if by_path else (report.name == name):
            return report
    names = [report.name for report in loaded]
    places = ", ".join(map(str, directories))
    raise UnknownKind(f'there is no report "{name}" in {places}{nearest(name, names)}', hint="reportd check lists them")


def place(report: LoadedReport) -> Path:
    """Where `report` is: its file, or its directory."""
    return Path(report.path if isinstance(report, Broken) else report.source.path)
