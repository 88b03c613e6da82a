"""Guards of the protocol, each taken away on its own: the chaos harness must notice, or it proves nothing.

They are applied inside the bench's own worker process, at its start; the product's code has no switch for them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reportd import failpoints
from reportd.artifacts import DirectoryStore
from reportd.db import jobs, workers
from reportd.job import Artifact
from reportd.maintenance.rescuer import Rescuer
from reportd.queue.producer import Producer

_FENCE = "where id = $1 and worker = $2 and attempt = $3 and not ready and outcome is null"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is taken away, how, and which invariant has to notice."""

    guard: str
    apply: Callable[[], None]
    invariant: str


def apply(name: str) -> None:
    """Take the guard away in this process."""
    MUTANTS[name].apply()


def _without(module: Any, query: str, old: str, new: str) -> None:
    """Replace a part of a query's text. Errors: LookupError where the product has changed and the mutant has not."""
    queries = dict(module.QUERIES)
    if old not in queries[query].sql:
        raise LookupError(f"query {query} has no {old!r}: bring the mutant up to date")
    queries[query] = replace(queries[query], sql=queries[query].sql.replace(old, new))
    module.QUERIES = MappingProxyType(queries)


def _complete_unfenced() -> None:
    _without(jobs, "complete", _FENCE, "where id = $1 and $2::bigint > 0 and $3::integer > 0")


def _brief_unfenced() -> None:
    query = jobs.QUERIES["complete_brief"].sql
    fence = query[query.index("where id = any") : query.index("returning")]
    _without(jobs, "complete_brief", fence, "where id = any ($2) and $1::bigint > 0 and $3::integer > 0 ")


def _claim_unlocked() -> None:
    _without(jobs, "claim", "for update skip locked", "")
    _without(jobs, "claim", "where ctid = any (array(\n    select ctid", "where id = any (array(\n    select id")


def _claim_keeps_attempt() -> None:
    _without(jobs, "claim", "attempt = attempt + 1", "attempt = attempt")


def _claim_unnoted() -> None:
    _without(jobs, "claim", "from taken having count(*) > 0", "from taken having false")


def _never_rescued() -> None:
    async def step(self: Rescuer) -> None:
        return

    Rescuer.step = step  # type: ignore[method-assign]


def _lease_unread() -> None:
    _without(workers, "suspects", "where lease_until < clock_timestamp() + make_interval(secs => $4)", "where $4 >= 0")
    _without(workers, "suspects", "lease_until < clock_timestamp()\n    and", "lease_until > '-infinity'\n    and")


def _outage_unforgiven() -> None:
    _without(
        workers, "suspects", "and clock_timestamp() >= pg_postmaster_start_time() + make_interval(secs => lease_s)", ""
    )
    whole = Rescuer.step

    async def step(self: Rescuer) -> None:
        self._not_before = self._look_at = 0.0
        await whole(self)

    Rescuer.step = step  # type: ignore[method-assign]


def _crashes_unlimited() -> None:
    _without(workers, "rescue", "when crashes + 1 >= $2 then 'failed'", "when $2::integer < 0 then 'failed'")


def _claim_unreconciled() -> None:
    async def reconcile(self: Producer) -> None:
        self._unsure = False

    Producer._reconcile = reconcile  # type: ignore[method-assign]


def _commit_unread() -> None:
    async def settled(*_: Any, **__: Any) -> bool:
        return False

    jobs.settled = settled


def _delivery_unordered() -> None:
    _without(jobs, "complete", "select reportd.send(", "select chaos.nothing(")


def _file_after_commit() -> None:
    whole = DirectoryStore._put
    pending: set[asyncio.Task[Any]] = set()

    async def put(self: DirectoryStore, file: Any, *, job: int, attempt: int) -> Artifact:
        content = Path(file.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        path = self._root / str(job // 1000) / f"{job}-{attempt}-{digest[:16]}-{file.name}"
        later = Path(tempfile.gettempdir()) / f"reportd-bench-{os.getpid()}-{job}-{attempt}"
        later.write_bytes(content)

        async def write() -> None:
            await asyncio.sleep(0.5)
            await asyncio.to_thread(whole, self, replace(file, path=str(later)), job, attempt, threading.Event())
            later.unlink()

        task = asyncio.get_running_loop().create_task(write())
        pending.add(task)
        return Artifact(file.format, file.name, path.as_uri(), file.content_type, len(content), digest)

    DirectoryStore.put = put  # type: ignore[method-assign]


def _file_in_place() -> None:
    def put(self: DirectoryStore, file: Any, job: int, attempt: int, stop: Any) -> Artifact:
        content = Path(file.path).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        path = self._root / str(job // 1000) / f"{job}-{attempt}-{digest[:16]}-{file.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as writer:
            writer.write(content[:100])
            failpoints.reach_blocking("storing")
            writer.write(content[100:])
        return Artifact(file.format, file.name, path.as_uri(), file.content_type, len(content), digest)

    DirectoryStore._put = put  # type: ignore[method-assign]


def _file_shared() -> None:
    whole = DirectoryStore._put

    def put(self: DirectoryStore, file: Any, job: int, attempt: int, stop: Any) -> Artifact:
        made = whole(self, file, job, attempt, stop)
        path = self._root / str(job // 1000) / f"{job}-{file.name}"
        Path(made.uri.removeprefix("file://")).rename(path)
        return replace(made, uri=path.as_uri())

    DirectoryStore._put = put  # type: ignore[method-assign]


MUTANTS: Mapping[str, Mutant] = {
    "complete-unfenced": Mutant(
        "a completion changes the row only if the attempt is still its own", _complete_unfenced, "I6 completed by"
    ),
    "brief-unfenced": Mutant("so does a batch of completions", _brief_unfenced, "I6 completed by"),
    "claim-unlocked": Mutant(
        "a claim locks the rows that it takes, and skips those of others", _claim_unlocked, "I6 claimed from under"
    ),
    "claim-keeps-attempt": Mutant("a claim raises the attempt's number", _claim_keeps_attempt, "I6 an attempt that"),
    "claim-unnoted": Mutant("a claim notes what it took, for the rescue", _claim_unnoted, "I2 not in"),
    "claim-unreconciled": Mutant("a claim whose answer got lost is given back", _claim_unreconciled, "I2 not in"),
    "never-rescued": Mutant("a dead worker's jobs are given back", _never_rescued, "I2 not in"),
    "lease-unread": Mutant("only a worker whose lease has run out is declared dead", _lease_unread, "I6 a living"),
    "outage-unforgiven": Mutant(
        "after an outage nobody is declared dead for one lease", _outage_unforgiven, "I6 rescued before"
    ),
    "crashes-unlimited": Mutant("a job that keeps killing its worker is given up", _crashes_unlimited, "I2 crashed"),
    "commit-unread": Mutant(
        "after a COMMIT without an answer the row is read before files are removed", _commit_unread, "I4 the file"
    ),
    "delivery-unordered": Mutant(
        "a delivery's job is ordered in the completion's transaction", _delivery_unordered, "I7 completed"
    ),
    "file-after-commit": Mutant("files are stored before the job completes", _file_after_commit, "I4 the file"),
    "file-in-place": Mutant("a file becomes visible only when it is whole", _file_in_place, "I4 half a file"),
    "file-shared": Mutant("no two attempts write the same file", _file_shared, "I4 the file"),
}
