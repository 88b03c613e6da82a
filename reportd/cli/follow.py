"""Follows jobs to their end: bars on a terminal, a line for each change elsewhere; all of it on stderr."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from reportd.db import artifacts, jobs
from reportd.db.artifacts import ArtifactRow
from reportd.db.jobs import JobRow
from reportd.db.queries import Connection

POLL_S = 0.15
FINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that has ended, and its files."""

    row: JobRow
    artifacts: tuple[ArtifactRow, ...]

    @property
    def status(self) -> str:
        """completed, failed or cancelled."""
        return str(self.row["status"])

    def said(self) -> str:
        """How it ended, in words that follow "job 42"."""
        error = self.row["error"]
        if self.status == "failed" and error:
            return f"failed ({error['code']}): {error['message']}"
        return "was cancelled" if self.status == "cancelled" else self.status

    def summary(self) -> dict[str, Any]:
        """The end as JSON values."""
        return {
            "status": self.status,
            "error": self.row["error"],
            "artifacts": [
                {name: getattr(file, name) for name in ("format", "name", "uri", "bytes", "sha256", "rows", "pages")}
                for file in self.artifacts
            ],
        }


async def to_the_end(connection: Connection, ids: Sequence[int]) -> list[Ended]:
    """Wait until all of `ids` have ended, showing how far they are. Errors: UnknownJob."""
    rows: dict[int, JobRow] = {}
    with _shown() as watcher:
        while True:
            for id in ids:
                if id not in rows or rows[id]["status"] not in FINAL:
                    rows[id] = await jobs.get(connection, id)
                    watcher.see(rows[id])
            if all(row["status"] in FINAL for row in rows.values()):
                break
            await asyncio.sleep(POLL_S)
    return [Ended(rows[id], tuple(await artifacts.of_job(connection, id))) for id in ids]


def path_of(uri: str) -> str:
    """Where a file is as a person asks for it: the path of a `file:` URI, any other as it is."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri


class _Watcher(Protocol):
    def __enter__(self) -> _Watcher: ...
    def __exit__(self, *exception: object) -> None: ...
    def see(self, row: JobRow) -> None:
        """Show what has changed."""


def _shown() -> _Watcher:
    console = Console(stderr=True)
    return _Bars(console) if console.is_terminal else _Lines()


class _Bars:
    """A bar per job."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[step]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def see(self, row: JobRow) -> None:
        id = row["id"]
        if id not in self._tasks:
            self._tasks[id] = self._progress.add_task(f"{row['kind']} [dim]#{id}[/dim]", total=100, step="")
        self._progress.update(self._tasks[id], completed=row["percent"], step=_state(row))
        if row["status"] in FINAL:
            self._progress.stop_task(self._tasks[id])


class _Lines:
    """A line per change, for logs and pipes."""

    def __init__(self) -> None:
        self._seen: dict[int, str] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def see(self, row: JobRow) -> None:
        state = _state(row)
        if self._seen.get(row["id"]) != state:
            self._seen[row["id"]] = state
            click.echo(f"job {row['id']} {row['kind']}: {state} {row['percent']} %", err=True)


def _state(row: Mapping[str, Any]) -> str:
    if row["status"] == "running":
        return str(row["message"] or row["step"] or "starting")
    if row["status"] == "pending" and row["failures"]:
        return f"waits for try {row['failures'] + 1} after: {row['error']['message']}"
    return str(row["status"])
