"""A storm of faults by a seed, over real workers: then no more faults, and everything must end; then the check."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from bench import invariants
from bench.footprint import Footprint
from bench.site import AWAY, Site, Worker, prepare, send, site
from reportd.artifacts import DirectoryStore
from reportd.db import artifacts
from reportd.db.embedded import EmbeddedPostgres

WORKERS = 4
LEASE_S = 2.0
CRASHES_MAX = 8
# Postgres through an immediate stop keeps what it committed; the machine itself does not crash here.
_OPTIONS = {"fsync": "off", "full_page_writes": "off"}
_PLACES = ("claimed", "begun", "rendered", "stored", "completed", "delivered")
_LETHAL = ("kill", "kills", "place")
_TENANTS = (None, "ann", "bob", "eve")
_INSERT = """insert into reportd.jobs (kind, params, tenant) select $1, $2, $3 from generate_series(1, $4)
  returning id"""
_PLAN = """insert into reportd.schedules (name, kind, cron, misfire, overlap, tenant, starts_at)
  values ($1, 'noop', '* * * * *', $2, $3, $4, date_trunc('minute', clock_timestamp()) - interval '6 minutes')
  returning id"""
# As if nobody had been there for minutes: then many workers have the same slots to settle at once.
_LATE = "update reportd.schedules set planned_at = starts_at, next_run_at = starts_at where id = $1"
# Between two ticks, so that no slot is left unsettled.
_PAUSE = """update reportd.schedules set is_paused = true
  where not is_paused and next_run_at > clock_timestamp() and waiting_slot is null"""
_UNPAUSED = "select count(*) from reportd.schedules where not is_paused"
_ENDED = "select count(*) from reportd.jobs where outcome is not null"
_PLAN_EVERY_S = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what. `faults` are the kinds of fault, each as likely as the others; a restart is a kind of its own.

    `pace_s` is the longest that a job takes: long ones are more often in hand when a fault strikes.
    `stall_limit_s` is how long the drain may go without one more job at its end.
    """

    seed: int
    jobs: int
    kills: int
    restarts: int
    faults: Sequence[str] = (
        "kill",
        "kill",
        "kills",
        "kills",
        "place",
        "place",
        "stop",
        "cut",
        "hold",
        "lose",
        "enospc",
    )
    pace_s: float = 0.3
    stall_limit_s: float = 60.0


@dataclass
class Result:
    """What happened so far, and what was found."""

    done: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[Any]] = field(default_factory=dict)
    footprint: dict[str, Any] = field(default_factory=dict)
    jobs: int = 0
    slots: int = 0
    seconds: float = 0.0


Told = Callable[[Result], None]


async def storm(plan: Plan, *, told: Told = lambda _result: None) -> Result:
    """One run on a server of its own: faults, drain, check. `told` is called with the figures so far, often."""
    with tempfile.TemporaryDirectory(prefix="reportd-chaos-") as name:
        home = Path(name)
        home.chmod(0o711)
        server = EmbeddedPostgres(home / "pg", options=_OPTIONS)
        dsn = await server.start()
        try:
            await prepare(dsn, crashes_max=CRASHES_MAX)
            async with site(server, dsn, home / "site") as place:
                return await _Storm(plan, place, told).run()
        finally:
            await server.stop(immediate=True)


class _Storm:
    def __init__(self, plan: Plan, place: Site, told: Told) -> None:
        self._plan = plan
        self._site = place
        self._told = told
        self._random = random.Random(plan.seed)
        self._mortal: list[Worker] = []
        self._stopped: dict[int, float] = {}
        self._ordered: dict[int, str | None] = {}
        self._footprint = Footprint()
        self._fallen: list[list[Any]] = []
        self._looked_at = 0.0
        self._result = Result()
        self._drains = False
        self._begun = time.monotonic()

    async def run(self) -> Result:
        # One is never killed, so that what grows with the work shows.
        self._witness = await self._spawn()
        await self._site.until(lambda: self._site.ask("select count(*) = 1 from chaos.workers"), limit_s=60)
        for _ in range(WORKERS):
            self._mortal.append(await self._spawn())
        await self._safety()
        await self._liveness()
        self._result.violations |= self._footprint.violations()
        self._result.footprint = self._footprint.summary()
        if self._witness.returncode is not None:
            self._fallen.append([self._witness.returncode, *self._site.last_words(self._witness)])
        if self._fallen:
            self._result.violations["I9 a worker that nobody killed has ended"] = self._fallen[:3]
        self._result.slots = await self._site.ask("select count(*) from reportd.occurrences")
        await self._site.close()
        if not self._result.violations:
            await self._leftovers()
        self._tell()
        return self._result

    async def _safety(self) -> None:
        """Orders and faults side by side, until there were as many kills as were asked for."""
        ordering = asyncio.create_task(self._order())
        planning = asyncio.create_task(self._schedule())
        plan, done = self._plan, self._result.done
        try:
            while done["killed"] < plan.kills or done["restart"] < plan.restarts:
                if done["restart"] < plan.restarts * done["killed"] // max(plan.kills, 1):
                    await self._restart()
                await self._strike(self._random.choice(plan.faults))
                await self._tend(self._random.uniform(0.05, 0.3))
            while not ordering.done():
                await self._tend(0.1)
        finally:
            for task in (ordering, planning):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self._site.proxy.heal()

    async def _liveness(self) -> None:
        """No more faults: everything must end. It may take long, but not stand still."""
        self._site.proxy.lose_answers(0)
        self._drains = True
        ended, end = 0, time.monotonic() + self._plan.stall_limit_s
        while time.monotonic() < end:
            await self._tend(0.2)
            with suppress(*AWAY):
                # Plans would go on for ever, and their jobs with them.
                await self._site.ask(_PAUSE)
                left = await self._site.left() + await self._site.ask(_UNPAUSED)
                if left == 0 and not self._stopped:
                    break
                # Not by what is left: a file that is made leaves its delivery in its place.
                if (now_ended := await self._site.ask(_ENDED)) > ended:
                    ended, end = now_ended, time.monotonic() + self._plan.stall_limit_s
        connection = await asyncpg.connect(self._site.dsn)
        try:
            self._result.violations = await invariants.violations(
                connection, store=self._site.store, delivered=self._site.delivered, ordered=self._ordered
            )
        finally:
            await connection.close()

    async def _leftovers(self) -> None:
        connection = await asyncpg.connect(self._site.dsn)
        try:
            await DirectoryStore(self._site.store).sweep(0.0, lambda uris: artifacts.known_uris(connection, uris))
            await asyncio.sleep(0.5)
            self._result.violations = await invariants.leftovers(connection, store=self._site.store)
        finally:
            await connection.close()

    async def _order(self) -> None:
        """Order all jobs in small batches, all through the storm; only what was acknowledged counts as ordered."""
        rng = random.Random(self._plan.seed + 1)
        plan = self._plan
        while len(self._ordered) < plan.jobs:
            kind, count, tenant = rng.choice(("noop", "filed")), rng.randint(1, 10), rng.choice(_TENANTS)
            params: dict[str, Any] = {"sleep_s": round(rng.uniform(0, plan.pace_s), 2)} if kind == "noop" else {}
            with suppress(*AWAY):
                connection = await asyncpg.connect(self._site.dsn)
                try:
                    rows = await connection.fetch(_INSERT, kind, json.dumps(params), tenant, count)
                    self._ordered |= {row["id"]: tenant for row in rows}
                finally:
                    await connection.close()
            # No faster than the kills come, so that all of the storm has work.
            share = self._result.done["killed"] / max(plan.kills, 1)
            await asyncio.sleep(0.02 if len(self._ordered) <= plan.jobs * share + 50 else rng.uniform(0.1, 0.5))

    async def _schedule(self) -> None:
        """A new plan now and then, with minutes to catch up on."""
        rng = random.Random(self._plan.seed + 2)
        number = 0
        while True:
            number += 1
            misfire, overlap = rng.choice(("all", "last", "skip")), rng.choice(("allow", "skip", "queue"))
            with suppress(*AWAY):
                connection = await asyncpg.connect(self._site.dsn)
                try:
                    async with connection.transaction():
                        tenant = rng.choice(_TENANTS)
                        plan = await connection.fetchval(_PLAN, f"plan-{number}", misfire, overlap, tenant)
                        await connection.execute(_LATE, plan)
                finally:
                    await connection.close()
            await asyncio.sleep(_PLAN_EVERY_S)

    async def _strike(self, fault: str) -> None:
        self._result.done[fault] += 1
        up = [worker for worker in self._mortal if worker.pid not in self._stopped]
        match fault:
            case "kill" | "kills":
                for victim in self._random.sample(up, min(len(up), 1 if fault == "kill" else 2)):
                    send(victim, signal.SIGKILL)
            case "place":
                self._site.trap(self._random.choice(_PLACES), "kill").touch()
            case "enospc":
                self._site.trap("storing", "enospc").touch()
            case "stop":
                victim = self._random.choice(up)
                send(victim, signal.SIGSTOP)
                self._stopped[victim.pid] = time.monotonic() + LEASE_S * self._random.uniform(1.2, 2.5)
                # Half of them at least are there to see that the others are gone.
                while len(self._stopped) > WORKERS // 2:
                    await self._tend(0.1)
            case "cut":
                self._site.proxy.cut()
            case "hold":
                self._site.proxy.hold()
                await self._tend(self._random.uniform(0.1, LEASE_S * 1.5))
                if self._random.random() < 0.5:
                    self._site.proxy.cut()
                self._site.proxy.heal()
            case "lose":
                self._site.proxy.lose_answers(self._random.randint(1, 3))
            case _:
                raise ValueError(fault)

    async def _restart(self) -> None:
        await self._site.server.stop(immediate=True)
        await self._site.server.start()
        self._result.done["restart"] += 1

    async def _tend(self, seconds: float) -> None:
        """Let time pass; wake the stopped when it is theirs, replace the dead."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for worker in self._mortal:
                if worker.pid in self._stopped and self._stopped[worker.pid] < now:
                    del self._stopped[worker.pid]
                    send(worker, signal.SIGCONT)
            for worker in [worker for worker in self._mortal if worker.returncode is not None]:
                await self._count(worker)
                self._mortal.remove(worker)
                self._site.workers.remove(worker)
                self._stopped.pop(worker.pid, None)
                self._mortal.append(await self._spawn())
            self._tell()
            if now >= end:
                return
            await asyncio.sleep(0.02)

    async def _count(self, worker: Worker) -> None:
        """Say how it ended. Before it is on the list it may give up by itself; afterwards only a kill may end it."""
        if worker.returncode == -signal.SIGKILL:
            self._result.done["killed"] += 1
            return
        self._result.done[f"exit {worker.returncode}"] += 1
        with suppress(*AWAY):
            if await self._site.ask("select exists (select from chaos.workers where pid = $1)", worker.pid):
                self._fallen.append([worker.returncode, *self._site.last_words(worker)])

    def _tell(self) -> None:
        now = time.monotonic()
        self._result.jobs, self._result.seconds = len(self._ordered), now - self._begun
        if now - self._looked_at > 1 and not self._drains:
            self._looked_at = now
            self._footprint.look([worker.pid for worker in self._site.workers])
        self._told(self._result)

    async def _spawn(self) -> Worker:
        mortal = bool(self._site.workers)  # all but the first, the witness
        armed = dict.fromkeys(_PLACES, "kill") | {"storing": "enospc"}
        options = {
            "lease_s": LEASE_S,
            "stuck_s": 1.5,
            "poll_interval_s": 0.5,
            "concurrency": 8,
            "brief_concurrency": 20,
            # Every other worker pretends a host of its own: only its lease can tell the others that it is gone.
            "host": f"host-{self._random.randrange(10**9)}" if mortal and self._random.random() < 0.5 else None,
            "pace_s": self._plan.pace_s,
            "crashes_max": CRASHES_MAX,
            "scheduler": True,
        }
        return await self._site.worker(options, armed=armed if mortal else None)
