"""The kind that makes documents: a report's job goes through the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from reportd.errors import ReportError
from reportd.job import Artifact, Completed, Job
from reportd.pipeline import Parts, clear, produce
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
        resolved = params.resolve(
            self._report.params,
            job.params,
            now=job.slot or job.created_at,
            timezone=timezone,
        )
        # A target that can't be filled in fails the job now, not after all the work.
        wanted = job.deliver or (self._report.deliver.to if self._report.deliver else ())
        values = targets.values(job, self._report.params, resolved=resolved.as_json(), timezone=timezone)
        targets.deliveries(wanted, channels=self._parts.channels, values=values, path=self._report.source.path)
        return resolved.as_json()

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Fetch, build, render, store."""
        return await produce(job, self._report, self._parts, progress)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Remove stored files whose completion was refused."""
        for artifact in artifacts:
            await self._parts.store.delete(artifact.uri)

    async def forget(self, job: Job) -> None:
        """Remove the job's spool and whatever its attempts left."""
        await asyncio.to_thread(clear, job, self._parts)


class BrokenKind:
    """A report that could not be read or prepared: its jobs fail at once, with the reason."""

    brief = False

    def __init__(self, broken: Broken) -> None:
        self.name = broken.name
        self._error = broken.error

    def resolve(self, job: Job) -> Mapping[str, Any]:
        """Raises the ReportError that broke the report."""
        raise ReportError(self._error.message, **self._error.detail)

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Raises the ReportError that broke the report; reached by a retry whose parameters are settled already."""
        raise ReportError(self._error.message, **self._error.detail)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """Nothing is ever kept."""
