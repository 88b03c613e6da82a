"""What a kind of job is to the queue: something that resolves a job's parameters and runs one attempt of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from reportd.db.kinds import KindRow
from reportd.job import Artifact, Completed, Divided, Job
from reportd.progress import Progress

Share = Literal["long", "brief", "process"]
"""Kinds that share what a daemon takes on at once: long ones, brief ones, and those that run in task processes."""


def share_of(kind: Kind) -> Share:
    """Where `kind` counts: what its own `share` says, where it has one."""
    share: Share = getattr(kind, "share", "brief" if kind.brief else "long")
    return share


class Kind(Protocol):
    """One thing that a job can be. Errors are ReportdErrors; each says whether another try can help."""

    name: str
    brief: bool
    """Takes milliseconds, keeps nothing for another attempt: claimed ahead and completed in batches."""

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        """The job's parameters with defaults and period words settled, or None; stored with the first attempt."""
        ...

    async def run(self, job: Job, progress: Progress) -> Completed | Divided:
        """Do the work of one attempt. Cancellation must end it, and everything it started, within a second."""
        ...

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Remove files of an attempt whose completion was refused: the job is somebody else's now."""
        ...

    async def forget(self, job: Job) -> None:
        """Remove what was kept for another attempt; the job has reached its end, or waits for its children."""
        ...


class Offered(Protocol):
    """A kind that does not change while the daemon runs, with the row that announces it: a plugin's, or a task."""

    @property
    def name(self) -> str:
        """As jobs call it."""
        ...

    @property
    def kind(self) -> Kind:
        """What runs its jobs."""
        ...

    @property
    def row(self) -> KindRow:
        """How it is declared to the database."""
        ...
