"""The queue's statements against a model of a few lines: whatever clients, workers and deaths come in which order.

Every rule calls one function of `reportd.db` on a real Postgres and its counterpart on a dictionary; afterwards the
table and the dictionary must say the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from reportd.db import jobs, kinds, workers
from reportd.db.kinds import KindRow
from reportd.db.pool import connect
from reportd.errors import Refused
from tests.postgres import Databases

Value = TypeVar("Value")

KIND = "model"
CRASHES_MAX = 2
LATER = datetime(2100, 1, 1, tzinfo=UTC)
ERROR = {"code": "model", "message": "so the model says", "retryable": True, "attempt": 1, "detail": {}}


@dataclass
class Row:
    """A job as the model has it."""

    priority: int
    due: bool
    key: str | None
    status: str = "pending"
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    worker: int | None = None
    stop: bool = False

    def seen(self) -> tuple[Any, ...]:
        return (self.status, self.attempt, self.failures, self.crashes, self.priority)


@dataclass(frozen=True)
class Held:
    """What a claim gave: the worker's own view, which goes stale when the job is taken from it."""

    id: int
    worker: int
    attempt: int
    claim: int | None


class QueueModel(RuleBasedStateMachine):
    """The rules. `dsn` is set by the test; each example empties the tables."""

    dsn: str
    runner: asyncio.Runner
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[int, Row] = {}
        self.connection = self.do(connect(self.dsn, application_name="model"))
        self.do(
            self.connection.execute("truncate reportd.jobs, reportd.workers, reportd.claims, reportd.attempts cascade")
        )
        self.workers = [self.do(self.register()) for _ in range(2)]
        self.do(kinds.upsert(self.connection, [KindRow(KIND, "task", KIND, content_hash="1")], worker=self.workers[0]))

    def teardown(self) -> None:
        self.do(self.connection.close())

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return self.runner.run(work)

    async def register(self) -> int:
        return await workers.register(
            self.connection,
            host="model",
            boot_id="",
            pid_namespace="",
            pid=1,
            process_start="",
            version="1",
            kinds=[KIND],
            roles=["worker"],
            lease_s=60,
        )

    @rule(priority=st.integers(-1, 1), due=st.booleans(), key=st.sampled_from([None, None, "a", "b"]))
    def enqueue(self, priority: int, due: bool, key: str | None) -> None:
        id = self.do(
            jobs.enqueue(
                self.connection, KIND, priority=priority, unique_key=key, run_at=None if due else LATER
            )
        )  # fmt: skip
        holder = next(
            (
                other
                for other, row in self.model.items()
                if key and row.key == key and row.status in ("pending", "running")
            ),
            None,
        )
        if holder is not None:
            assert id == holder
        else:
            assert id not in self.model
            self.model[id] = Row(priority, due, key)

    @rule(target=held, who=st.integers(0, 1), priority=st.integers(-1, 1), demand=st.integers(1, 3))
    def claim(self, who: int, priority: int, demand: int) -> Any:
        taken, _ = self.do(
            jobs.claim(
                self.connection,
                lane=jobs.Lane("default", priority),
                demand=demand,
                worker=self.workers[who],
                kinds=[KIND],
                after=None,
                default_timeout_s=60,
                default_max_attempts=3,
            )
        )
        waiting = {
            id for id, row in self.model.items() if row.status == "pending" and row.due and row.priority == priority
        }
        assert {job.id for job in taken} <= waiting
        assert len(taken) == min(demand, len(waiting))
        for job in taken:
            row = self.model[job.id]
            row.status, row.worker, row.attempt = "running", self.workers[who], row.attempt + 1
        return multiple(*(Held(job.id, self.workers[who], job.attempt, job.claim_id) for job in taken))

    def ours(self, held: Held) -> Row | None:
        """The row, if what the worker holds is still its own."""
        row = self.model[held.id]
        return row if (row.status, row.worker, row.attempt) == ("running", held.worker, held.attempt) else None

    def fence(self, held: Held) -> dict[str, Any]:
        return {"id": held.id, "worker": held.worker, "attempt": held.attempt, "claim": held.claim, "usage": None}

    @rule(held=held)
    def complete(self, held: Held) -> None:
        row = self.ours(held)
        done = self.do(
            jobs.complete(self.connection, **self.fence(held), artifacts=(), deliveries=(), result=None)
        )  # fmt: skip
        assert done == (row is not None)
        if row:
            row.status = "completed"

    @rule(held=held)
    def complete_brief(self, held: Held) -> None:
        row = self.ours(held)
        done = self.do(jobs.complete_brief(self.connection, worker=held.worker, jobs=[(held.id, held.attempt)]))
        assert done == ([held.id] if row else [])
        if row:
            row.status = "completed"

    @rule(held=held, later=st.booleans(), crashed=st.booleans())
    def retry_later(self, held: Held, later: bool, crashed: bool) -> None:
        row = self.ours(held)
        done = self.do(
            jobs.retry_later(
                self.connection, **self.fence(held), error=ERROR, delay_s=1000.0 if later else 0.0, crashed=crashed
            )
        )
        assert done == (row is not None)
        if row:
            row.crashes, row.failures = row.crashes + crashed, row.failures + (not crashed)
            self.back(row)
            row.due = row.due and not (later and row.status == "pending")

    @rule(held=held)
    def fail(self, held: Held) -> None:
        row = self.ours(held)
        done = self.do(jobs.fail(self.connection, **self.fence(held), error=ERROR, crashed=False))
        assert done == (row is not None)
        if row:
            row.status, row.failures = "failed", row.failures + 1

    @rule(held=held)
    def release(self, held: Held) -> None:
        row = self.ours(held)
        done = self.do(jobs.release(self.connection, **self.fence(held), delay_s=0.0))
        assert done == (row is not None)
        if row:
            self.back(row)

    @rule(held=held)
    def cancel_running(self, held: Held) -> None:
        self.cancel(held.id)
        row = self.ours(held)
        if row:
            assert self.do(jobs.cancelled(self.connection, **self.fence(held)))
            row.status = "cancelled"

    @rule(data=st.data())
    def cancel_any(self, data: st.DataObject) -> None:
        if self.model:
            self.cancel(data.draw(st.sampled_from(sorted(self.model))))

    def cancel(self, id: int) -> None:
        row = self.model[id]
        answer = self.do(jobs.cancel(self.connection, id))
        if row.status == "pending":
            row.status = "cancelled"
        row.stop = row.stop or row.status == "running"
        assert answer == row.status

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if not self.model:
            return
        id = data.draw(st.sampled_from(sorted(self.model)))
        row = self.model[id]
        taken = any(
            other is not row and row.key and other.key == row.key and other.status in ("pending", "running")
            for other in self.model.values()
        )
        if row.status not in ("failed", "cancelled") or taken:
            with pytest.raises(Refused):
                self.do(jobs.retry(self.connection, id))
            return
        assert self.do(jobs.retry(self.connection, id)) == "pending"
        row.status, row.worker, row.failures, row.crashes, row.stop, row.due = "pending", None, 0, 0, False, True

    @rule(who=st.integers(0, 1))
    def die(self, who: int) -> None:
        """A worker's lease runs out, another rescues what it held, and a new one comes in its place."""
        dead = self.workers[who]
        self.do(
            self.connection.execute(
                "update reportd.workers set lease_until = now() - '1 s'::interval where id = $1", dead
            )
        )
        rescued = self.do(workers.rescue(self.connection, worker=dead, crashes_max=CRASHES_MAX))
        lost = {id: row for id, row in self.model.items() if row.status == "running" and row.worker == dead}
        assert {job.id for job in rescued} == set(lost)
        for row in lost.values():
            row.crashes += 1
            if row.crashes >= CRASHES_MAX and not row.stop:
                row.status = "failed"
            else:
                self.back(row)
        self.workers[who] = self.do(self.register())

    @staticmethod
    def back(row: Row) -> None:
        """To the queue; or to its end, where somebody had asked for that."""
        row.status, row.worker = ("cancelled", row.worker) if row.stop else ("pending", None)

    @invariant()
    def the_table_says_what_the_model_says(self) -> None:
        rows = self.do(
            self.connection.fetch("select id, status, attempt, failures, crashes, priority from reportd.jobs")
        )
        assert {row["id"]: tuple(row)[1:] for row in rows} == {id: row.seen() for id, row in self.model.items()}


def test_the_queue_does_what_a_model_of_it_does(databases: Databases) -> None:
    with asyncio.Runner() as runner:
        fresh = databases.migrated()
        QueueModel.runner = runner
        QueueModel.dsn = runner.run(fresh.__aenter__())
        try:
            run_state_machine_as_test(
                QueueModel,
                settings=settings(
                    max_examples=15,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(fresh.__aexit__(None, None, None))
