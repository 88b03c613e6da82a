"""The kind that makes documents: a report's job goes through the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from reportd.errors import PluginError, ReportdError, ReportError
from reportd.job import Artifact, Completed, Divided, Job
from reportd.kinds import burst, split
from reportd.pipeline import Parts, clear, produce, settled
from reportd.plugins import Broken
from reportd.progress import Progress
from reportd.report import params, targets
from reportd.report.definition import Report


class ReportKind:
    """One report as a kind of job."""

    brief = False

    def __init__(self, report: Report, parts: Parts) -> None:
        self.name = report.name
        self._report = report
        self._parts = parts

    def resolve(self, job: Job) -> Mapping[str, Any]:
        """Typed parameters as JSON; period words count from the slot, else from the order. Raises ParamsError."""
        timezone = self._report.timezone or self._parts.settings.timezone
        divides = burst.divides(job, self._report)
        provided = self._report.burst.params if self._report.burst and divides else ()
        resolved = params.resolve(
            [param for param in self._report.params if param.name not in provided],
            job.params,
            now=job.slot or job.created_at,
            timezone=timezone,
        )
        if divides:
            return resolved.as_json()
        # A target that can't be filled in fails the job now, not after all the work.
        wanted = job.deliver or (self._report.deliver.to if self._report.deliver else ())
        values = targets.values(job, self._report.params, resolved=resolved.as_json(), timezone=timezone)
        targets.deliveries(wanted, channels=self._parts.channels, values=values, path=self._report.source.front)
        return resolved.as_json()

    async def run(self, job: Job, progress: Progress) -> Completed | Divided:
        """Fetch, build, render, store; or find out which documents there are to make."""
        if key := split.key_of(job):
            dataset = await split.take(job, key, self._report, self._parts, progress)
            return await produce(job, self._report, self._parts, progress, dataset=dataset)
        if burst.divides(job, self._report):
            provided = self._report.burst.params if self._report.burst else ()
            job = await settled(job, self._report, self._parts, without=provided)
            return await burst.divide(job, self._report, self._parts, progress)
        return await produce(job, self._report, self._parts, progress)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Remove stored files whose completion was refused."""
        for artifact in artifacts:
            await self._parts.store.delete(artifact.uri)

    async def forget(self, job: Job) -> None:
        """Remove the job's spool and whatever its attempts left; a split burst's stays for its children."""
        if self._report.burst and self._report.burst.split and split.key_of(job) is None:
            return  # the pruner takes it when the job is over, on every host
        await asyncio.to_thread(clear, job, self._parts)


class BrokenKind:
    """A report that can't be read or prepared, or a plugin that can't be loaded: its jobs fail at once, with why."""

    brief = False

    def __init__(self, broken: Broken) -> None:
        self.name = broken.name
        self._error = broken.error

    def resolve(self, job: Job) -> Mapping[str, Any]:
        """Raises what is wrong, as ReportError or PluginError."""
        raise self._failure()

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Raises the same; reached by a retry whose parameters are settled already."""
        raise self._failure()

    def _failure(self) -> ReportdError:
        kind = PluginError if isinstance(self._error, PluginError) else ReportError
        return kind(self._error.message, **self._error.detail)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""
