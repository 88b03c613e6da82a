"""Queues with limits against a model of a few lines: never more than they allow, and never less; tenants in turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from reportd.db import jobs, kinds, workers
from reportd.db.kinds import KindRow
from reportd.db.pool import connect
from reportd.job import Job
from tests.postgres import Databases

Value = TypeVar("Value")

KIND = "model"
LANE = jobs.Lane("default", 0, limited=True)
LIMIT = st.none() | st.integers(1, 4)


@dataclass
class Limits:
    """The policy; None: no limit. The rate's interval is longer than any example takes."""

    daemon: int | None = None
    total: int | None = None
    key: int | None = None
    rate: int | None = None


class LimitsModel(RuleBasedStateMachine):
    """The rules. `dsn` is set by the test; each example empties the tables."""

    dsn: str
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.waiting: Counter[str | None] = Counter()
        self.running: dict[int, list[Job]] = {}
        self.started = 0
        self.limits = Limits()
        self.connection = self.do(connect(self.dsn, application_name="model"))
        self.do(
            self.connection.execute(
                "truncate reportd.jobs, reportd.workers, reportd.claims, reportd.attempts, reportd.starts,"
                " reportd.queues cascade"
            )
        )
        self.workers = [self.do(self.register()) for _ in range(2)]
        self.running = {worker: [] for worker in self.workers}
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

    @initialize(daemon=LIMIT, total=LIMIT, key=LIMIT, rate=st.none() | st.integers(1, 12))
    def policy(self, daemon: int | None, total: int | None, key: int | None, rate: int | None) -> None:
        self.limits = Limits(daemon, total, key, rate)
        self.do(
            self.connection.execute(
                "insert into reportd.queues (name, concurrency, concurrency_total, concurrency_per_key, rate_limit,"
                " rate_interval_s) values ('default', $1, $2, $3, $4, case when $4::int is not null then 3600 end)",
                *(daemon, total, key, rate),
            )
        )

    @rule(tenant=st.sampled_from([None, "a", "b", "c"]), count=st.integers(1, 4))
    def order(self, tenant: str | None, count: int) -> None:
        for _ in range(count):
            self.do(jobs.enqueue(self.connection, KIND, tenant=tenant))
        self.waiting[tenant] += count

    @rule(who=st.integers(0, 1), demand=st.integers(1, 6))
    def claim(self, who: int, demand: int) -> None:
        me = self.workers[who]
        allowed = self.allowed(me, demand)
        claimed, _ = self.do(
            jobs.take_turns(
                self.connection,
                lane=LANE,
                demand=demand,
                worker=me,
                kinds=[KIND],
                default_timeout_s=60,
                default_max_attempts=3,
            )
        )
        assert len(claimed) == allowed
        self.fair(claimed)
        self.running[me] += claimed
        self.started += len(claimed)
        self.waiting.subtract(job.tenant for job in claimed)

    def allowed(self, me: int, demand: int) -> int:
        """How many jobs the policy gives now: all that it can, whatever turn it takes them in."""
        limits, held = self.limits, [job for taken in self.running.values() for job in taken]
        tenants = Counter(job.tenant for job in held)
        able = sum(
            count
            if tenant is None or limits.key is None
            else min(count, max(0, limits.key - tenants[tenant]))
            for tenant, count in self.waiting.items()
        )  # fmt: skip
        room = [demand, able]
        room += [] if limits.daemon is None else [limits.daemon - len(self.running[me])]
        room += [] if limits.total is None else [limits.total - len(held)]
        room += [] if limits.rate is None else [limits.rate - self.started]
        return max(0, min(room))

    def fair(self, claimed: list[Job]) -> None:
        """Nobody who waits gets two turns less than another in one claim, unless the limit per tenant says so."""
        turns = Counter(job.tenant for job in claimed)
        if self.limits.key is None and turns:
            waited = [tenant for tenant, count in self.waiting.items() if count >= max(turns.values())]
            assert max(turns.values()) - min((turns[tenant] for tenant in waited), default=0) <= 1 or len(waited) == 1

    @rule(who=st.integers(0, 1), which=st.integers(0, 5))
    def complete(self, who: int, which: int) -> None:
        taken = self.running[self.workers[who]]
        if which < len(taken):
            job = taken.pop(which)
            done = self.do(
                jobs.complete(
                    self.connection,
                    id=job.id,
                    worker=self.workers[who],
                    attempt=job.attempt,
                    claim=job.claim_id,
                    artifacts=(),
                    deliveries=(),
                    result=None,
                    usage=None,
                )
            )
            assert done

    @rule(who=st.integers(0, 1))
    def die(self, who: int) -> None:
        """What a dead worker held counts no more, and waits again."""
        dead = self.workers[who]
        self.do(workers.rescue(self.connection, worker=dead, crashes_max=1000))
        self.waiting.update(job.tenant for job in self.running.pop(dead))
        self.workers[who] = self.do(self.register())
        self.running[self.workers[who]] = []

    @invariant()
    def the_limits_are_kept_in_the_table(self) -> None:
        rows = self.do(
            self.connection.fetch("select worker, tenant from reportd.jobs where status = 'running'")
        )  # fmt: skip
        limits = self.limits
        assert limits.total is None or len(rows) <= limits.total
        per_worker = Counter(row["worker"] for row in rows)
        assert limits.daemon is None or max(per_worker.values(), default=0) <= limits.daemon
        per_tenant = Counter(row["tenant"] for row in rows if row["tenant"] is not None)
        assert limits.key is None or max(per_tenant.values(), default=0) <= limits.key


def test_limits_do_what_a_model_of_them_does(databases: Databases) -> None:
    with asyncio.Runner() as runner:
        fresh = databases.migrated()
        LimitsModel.runner = runner
        LimitsModel.dsn = runner.run(fresh.__aenter__())
        try:
            run_state_machine_as_test(
                LimitsModel,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(fresh.__aexit__(None, None, None))
