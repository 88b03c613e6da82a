"""What a job is and how one attempt of it can end: values only, no I/O.

`Job` is a claimed row; an attempt ends in exactly one `Outcome`, which the executor writes back.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from reportd.errors import ReportdError


class Status(StrEnum):
    """The states of a job, as `jobs.status` spells them."""

    BLOCKED = "blocked"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """The stages of a report job, as `jobs.step` spells them; `PERCENT` says how far each one's start is."""

    INITIALIZING = "initializing"
    FETCHING = "fetching-data"
    BUILDING = "building-report"
    GENERATING = "generating-file"
    STORING = "storing-file"


PERCENT: Mapping[Step, int] = {
    Step.INITIALIZING: 0,
    Step.FETCHING: 10,
    Step.BUILDING: 40,
    Step.GENERATING: 70,
    Step.STORING: 90,
}


@dataclass(slots=True)  # not frozen: that would cost ten times as much, for each of thousands a second
class Job:
    """One claimed row of `reportd.jobs`: what was asked for, and the counters of its attempts. Nobody changes it.

    `attempt` is the fence: every write for this job must still find it, with this worker, in the row.
    `timeout_s` and `max_attempts` are resolved already (job, else kind, else queue, else the configured default);
    `backoff` is the kind's or else the queue's, None: the configured one. `never_retry` has codes of errors.
    """

    id: int
    kind: str
    queue: str
    priority: int
    run_at: datetime
    created_at: datetime
    attempt: int
    failures: int
    crashes: int
    max_attempts: int
    timeout_s: float
    params: Mapping[str, Any]
    params_resolved: Mapping[str, Any] | None = None
    formats: tuple[str, ...] = ()
    name: str | None = None
    deliver: tuple[Any, ...] = ()
    template: str | None = None
    requested_by: str | None = None
    department: str | None = None
    tenant: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    schedule_id: int | None = None
    slot: datetime | None = None
    parent_id: int | None = None
    backoff: Mapping[str, Any] | None = None
    never_retry: frozenset[str] = frozenset()
    claim_id: int | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """One stored file, as it goes into `reportd.artifacts`.

    `name` is the file name offered to a reader; `uri` is where the bytes are (`file:///…`); `bytes` is the size,
    `sha256` the hex digest of the content; `rows` counts data rows and `pages` PDF pages, None where it has no meaning;
    `keep_s` seconds after the job's completion it may be deleted, None: by the operator's rules.
    """

    format: str
    name: str
    uri: str
    content_type: str
    bytes: int
    sha256: str
    rows: int | None = None
    pages: int | None = None
    keep_s: float | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One (channel, target) that a finished job's files must reach."""

    channel: str
    target: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The attempt did its work; artifacts, deliveries and result commit with the job's end."""

    artifacts: tuple[Artifact, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    result: Any = None


PLAIN = Completed()
"""Done, with nothing to show: the end of a brief job that is written in a batch."""


@dataclass(frozen=True, slots=True)
class Child:
    """One job of the same kind that a job orders: its params, and what differs from the parent."""

    params: Mapping[str, Any]
    formats: tuple[str, ...] = ()
    name: str | None = None
    deliver: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Divided:
    """The attempt found out which documents there are to make; the job waits for `children` without a worker."""

    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class Retried:
    """The attempt failed and the job waits `delay_s` for the next one."""

    error: Mapping[str, Any]
    delay_s: float
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed and no other will be made."""

    error: Mapping[str, Any]
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody asked for the end of the job; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Released:
    """The job goes back untouched (drain, deploy, full disk): no budget is spent."""

    reason: str
    delay_s: float = 0.0
    error: Mapping[str, Any] | None = None


Outcome = Completed | Divided | Retried | Failed | Cancelled | Released


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed job waits: delay_s, times `factor` per further failure, up to `cap_s`; `jitter` is a share.

    With `delays_s` it waits as that list says, failure by failure; the last one repeats.
    """

    delay_s: float = 60.0
    factor: float = 1.0
    cap_s: float = 3600.0
    jitter: float = 0.0
    delays_s: tuple[float, ...] = ()

    def under(self, policy: Mapping[str, Any] | None) -> Backoff:
        """This backoff with what `policy` (of a kind or queue, checked when it was written) says otherwise."""
        if policy is None:
            return self
        delays_s = tuple(policy.get("delays_s", ()))
        return replace(self, **{**policy, "delays_s": delays_s})

    def delay(self, failures: int, *, chance: float | None = None) -> float:
        """Seconds until the next try after `failures` failures (≥ 1); `chance` in [0, 1) fixes the jitter for tests."""
        place = max(failures, 1) - 1
        if self.delays_s:
            delay = self.delays_s[min(place, len(self.delays_s) - 1)]
        else:
            # The exponent is capped because a float overflows long before a job has failed 1,000 times.
            delay = min(self.cap_s, self.delay_s * self.factor ** min(place, 64))
        spread = random.random() if chance is None else chance  # noqa: S311  spreads load, hides nothing
        return delay * (1 + self.jitter * (2 * spread - 1))


TEXT_MAX = 8000


def storable(value: Any) -> Any:
    """`value` as jsonb can hold it: JSON types, texts of TEXT_MAX characters at most, no NUL, no lone surrogates."""
    match value:
        case str():
            clean = value[:TEXT_MAX].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
            return clean if len(value) <= TEXT_MAX else f"{clean}… ({len(value):,} characters)"
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {storable(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return storable(str(value))


def error_row(error: ReportdError, *, attempt: int) -> dict[str, Any]:
    """`error` as `jobs.error` stores it: code, message, retryable, attempt, detail."""
    return {
        "code": error.code,
        "message": storable(error.message),
        "retryable": error.retryable,
        "attempt": attempt,
        "detail": storable(error.detail),
    }


def after_failure(job: Job, error: ReportdError, backoff: Backoff) -> Retried | Failed:
    """What becomes of `job` after this attempt ended in `error`: another try while its budget lasts, else the end."""
    row = error_row(error, attempt=job.attempt)
    failures = job.failures + 1
    if not error.retryable or error.code in job.never_retry or failures >= job.max_attempts:
        return Failed(row)
    return Retried(row, delay_s=backoff.under(job.backoff).delay(failures))
