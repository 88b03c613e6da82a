"""The queue under kill -9, SIGSTOP, immediate restarts of Postgres, a broken network and full disks: then it drains.

A storm of faults, by a seed, over real worker processes; a liveness phase without faults; then an independent checker
(`bench/invariants.py`) reads the tables and the files. Afterwards every guard of the protocol is taken away in turn
(`bench/mutants.py`): a storm that does not notice makes the harness worthless, and fails it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg

from bench import invariants
from bench.machine import machine
from bench.mutants import MUTANTS
from bench.process import ROOT
from bench.proxy import Proxy
from bench.worker import SCHEMA, Options
from reportd import failpoints
from reportd.artifacts import DirectoryStore
from reportd.db import artifacts, migrate
from reportd.db.embedded import EmbeddedPostgres

WORKERS = 4
LEASE_S = 2.0
# Postgres through an immediate stop keeps what it committed; the machine itself does not crash here.
_OPTIONS = {"fsync": "off", "full_page_writes": "off"}
_PLACES = ("claimed", "begun", "rendered", "storing", "stored", "completed", "delivered")
_LEFT = """select (select count(*) from reportd.jobs where outcome is null) + (select count(*) from reportd.claims)
  + (select count(*) from reportd.workers where lease_until < clock_timestamp() - make_interval(secs => 2 * lease_s))"""
_INSERT = "insert into reportd.jobs (kind, params) select $1, $2::jsonb from generate_series(1, $3) returning id"


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
    faults: Sequence[str] = ("kill", "kill", "kill", "place", "place", "stop", "cut", "hold", "lose", "enospc")
    poison: int = 1
    pace_s: float = 0.3
    stall_limit_s: float = 60.0
    mutant: str | None = None


@dataclass
class Result:
    """What happened, and what was found."""

    done: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[Any]] = field(default_factory=dict)
    jobs: int = 0
    seconds: float = 0.0


def options(parser: argparse.ArgumentParser) -> None:
    """The command line beyond `--quick`."""
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--restarts", type=int)
    parser.add_argument("--mutant", choices=[*MUTANTS, "none", "all"], default="all", help="only this one, or none")


def run(
    *, quick: bool, seed: int, jobs: int | None, kills: int | None, restarts: int | None, mutant: str
) -> dict[str, Any]:
    """Print what happened; `violations` counts the broken invariants, `mutants_caught` the guards that were missed."""
    whole = Plan(
        seed=seed,
        jobs=jobs or (100 if quick else 10_000),
        kills=kills if kills is not None else (10 if quick else 1_000),
        restarts=restarts if restarts is not None else (1 if quick else 100),
    )
    result = asyncio.run(storm(whole))
    print(f"seed {seed}: {result.jobs:,} jobs in {result.seconds:.0f} s, {json.dumps(result.done)}")
    for name, offenders in result.violations.items():
        print(f"  VIOLATED {name}: {offenders}")
    names = [] if mutant == "none" else [*MUTANTS] if mutant == "all" else [mutant]
    if quick and mutant == "all":
        names = ["brief-unfenced", "claim-unnoted", "file-shared"]
    missed = []
    for faults in dict.fromkeys(against(name, seed=seed).faults for name in names):
        # The same short storm with every guard in place: what it reports would be the harness's own fault.
        plan = next(plan for plan in (against(name, seed=seed) for name in names) if plan.faults == faults)
        control = asyncio.run(storm(replace(plan, mutant=None)))
        result.violations |= {f"{', '.join(faults)}: {name}": found for name, found in control.violations.items()}
        print(f"  whole, {', '.join(faults):20} {control.seconds:5.1f} s  {control.violations or 'clean'}")
    for name in names:
        found = asyncio.run(storm(against(name, seed=seed)))
        caught = next(iter(found.violations), None)
        missed += [] if caught else [name]
        print(f"  without {name:20} {found.seconds:5.1f} s  {caught or 'NOT CAUGHT'}")
    return {
        "jobs": result.jobs,
        "kills": result.done["killed"],
        "restarts": result.done["restart"],
        "violations": len(result.violations),
        "mutants": len(names),
        "mutants_caught": len(names) - len(missed),
        "missed": missed,
        "faults": dict(result.done),
        "violated": result.violations,
        "seed": seed,
        "seconds": round(result.seconds, 1),
        "machine": machine(),
    }


_TRIALS = {
    "outage-unforgiven": ("outage",),
    "claim-unreconciled": ("cut", "cut", "hold"),
    "commit-unread": ("lose",),
    "complete-unfenced": ("stop",),
    "brief-unfenced": ("stop",),
    "file-shared": ("stop", "place"),
}


def against(mutant: str, *, seed: int) -> Plan:
    """A short storm of the faults that `mutant`'s guard is for; it ends with the first violation."""
    faults = _TRIALS.get(mutant, ("kill", "place"))
    return Plan(
        seed,
        jobs=300,
        kills=12,
        restarts=0,
        faults=faults,
        poison=mutant == "crashes-unlimited",
        pace_s=1.5 if "stop" in faults else 0.3,
        stall_limit_s=20.0,
        mutant=mutant,
    )


async def storm(plan: Plan) -> Result:
    """One run on a server of its own: faults, drain, check."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reportd-chaos-") as name:
        home = Path(name)
        home.chmod(0o711)
        server = EmbeddedPostgres(home / "pg", options=_OPTIONS)
        dsn = await server.start()
        try:
            socket = next(Path(home / "pg").glob(".s.PGSQL.*"), None) or _socket(dsn)
            async with Proxy(socket) as proxy:
                result = await _Storm(plan, home=home, server=server, dsn=dsn, proxy=proxy).run()
        finally:
            await server.stop(immediate=True)
    result.seconds = time.monotonic() - begun
    return result


def _socket(dsn: str) -> Path:
    from urllib.parse import parse_qs, urlsplit

    query = parse_qs(urlsplit(dsn).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"


class _Storm:
    def __init__(self, plan: Plan, *, home: Path, server: EmbeddedPostgres, dsn: str, proxy: Proxy) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._home = home
        self._server = server
        self._dsn = dsn
        self._proxy = proxy
        self._workers: list[asyncio.subprocess.Process] = []
        self._stopped: dict[int, float] = {}
        self._ordered: list[int] = []
        self._result = Result()
        for part in ("store", "delivered", "once"):
            (home / part).mkdir()

    async def run(self) -> Result:
        connection = await asyncpg.connect(self._dsn)
        await migrate.migrate(connection)
        await invariants.watch(connection)
        for kind, brief in (("noop", True), ("filed", False), ("deliver", False)):
            await connection.execute(
                "insert into reportd.kinds (name, type, title, content_hash, params_schema, brief)"
                " values ($1, 'task', $1, 'bench', $2, $3) on conflict do nothing",
                kind,
                json.dumps(SCHEMA),
                brief,
            )
        await connection.close()
        try:
            for _ in range(WORKERS):
                await self._spawn()
            if not await self._safety():
                await self._liveness()
        finally:
            for worker in self._workers:
                with suppress(ProcessLookupError):
                    worker.kill()
                await worker.wait()
        if not self._result.violations and self._plan.mutant is None:
            await self._leftovers()
        self._result.jobs = len(self._ordered)
        return self._result

    async def _safety(self) -> bool:
        """Orders and faults side by side; True: a mutant was caught already."""
        ordering = asyncio.create_task(self._order())
        restarts = [self._plan.kills * (n + 1) // (self._plan.restarts + 1) for n in range(self._plan.restarts)]
        try:
            for number in range(self._plan.kills):
                for _ in range(restarts.count(number)):
                    await self._restart()
                # Faults that don't kill come on top of the kills that were asked for.
                while (fault := self._random.choice(self._plan.faults)) not in ("kill", "place"):
                    await self._strike(fault)
                    if not {"kill", "place"} & set(self._plan.faults):
                        break
                else:
                    await self._strike(fault)
                await self._tend(self._random.uniform(0.05, 0.3))
                if self._plan.mutant and await self._caught():
                    return True
            while not ordering.done():
                await self._tend(0.1)
        finally:
            ordering.cancel()
            with suppress(asyncio.CancelledError):
                await ordering
            self._proxy.heal()
        return False

    async def _liveness(self) -> None:
        """No more faults: everything must end. It may take long, but not stand still."""
        self._proxy.lose_answers(0)
        left, end = None, time.monotonic() + self._plan.stall_limit_s
        while time.monotonic() < end:
            await self._tend(0.2)
            if self._plan.mutant and await self._caught():
                return
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._dsn)
                try:
                    now_left = await connection.fetchval(_LEFT)
                finally:
                    await connection.close()
                if now_left == 0 and not self._stopped:
                    break
                if left is None or now_left < left:
                    left, end = now_left, time.monotonic() + self._plan.stall_limit_s
        connection = await asyncpg.connect(self._dsn)
        try:
            self._result.violations = await invariants.violations(
                connection,
                store=self._home / "store",
                delivered=self._home / "delivered",
                ordered=self._ordered,
            )
        finally:
            await connection.close()

    async def _leftovers(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await DirectoryStore(self._home / "store").sweep(0.0, lambda uris: artifacts.known_uris(connection, uris))
            await asyncio.sleep(0.5)
            self._result.violations = await invariants.leftovers(connection, store=self._home / "store")
        finally:
            await connection.close()

    async def _caught(self) -> bool:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(self._dsn)
            try:
                self._result.violations = await invariants.history(connection)
            finally:
                await connection.close()
        return bool(self._result.violations)

    async def _order(self) -> None:
        """Order all jobs in small batches, all through the storm; only what was acknowledged counts as ordered."""
        rng = random.Random(self._plan.seed + 1)
        poison = self._plan.poison
        while len(self._ordered) < self._plan.jobs:
            kind = rng.choice(("noop", "filed"))
            params, count = (
                {"sleep_s": round(rng.uniform(0, self._plan.pace_s), 2)} if kind == "noop" else {},
                rng.randint(1, 10),
            )
            if poison and len(self._ordered) > self._plan.jobs // 2:
                kind, params, count, poison = "filed", {"kill": True}, 1, poison - 1
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._dsn)
                try:
                    rows = await connection.fetch(_INSERT, kind, json.dumps(params), count)
                    self._ordered += [row["id"] for row in rows]
                finally:
                    await connection.close()
            # Spread over the storm, which has about six faults a second.
            await asyncio.sleep(rng.uniform(0, 2) * 5 * self._plan.kills / 6 / self._plan.jobs)

    async def _strike(self, fault: str) -> None:
        self._result.done[fault] += 1
        victim = self._random.choice([worker for worker in self._workers if worker.pid not in self._stopped])
        match fault:
            case "kill":
                with suppress(ProcessLookupError):
                    victim.kill()
            case "place" | "enospc":
                place = self._random.choice(_PLACES if fault == "place" else ("storing",))
                (self._home / "once" / f"{place}-{'kill' if fault == 'place' else 'enospc'}").touch()
            case "stop":
                with suppress(ProcessLookupError):
                    victim.send_signal(signal.SIGSTOP)
                    self._stopped[victim.pid] = time.monotonic() + LEASE_S * self._random.uniform(1.2, 2.5)
                # One worker at least has to see that the other is gone.
                while len(self._stopped) > WORKERS - 2:
                    await self._tend(0.1)
            case "cut":
                self._proxy.cut()
            case "hold":
                self._proxy.hold()
                await self._tend(self._random.uniform(0.1, LEASE_S * 1.5))
                if self._random.random() < 0.5:
                    self._proxy.cut()
                self._proxy.heal()
            case "lose":
                self._proxy.lose_answers(self._random.randint(1, 3))
            case "outage":
                await self._restart(LEASE_S * 1.5)
                await self._tend(LEASE_S)
            case _:
                raise ValueError(fault)

    async def _restart(self, pause_s: float = 0.0) -> None:
        await self._server.stop(immediate=True)
        await asyncio.sleep(pause_s)
        await self._server.start()
        self._result.done["restart"] += 1

    async def _tend(self, seconds: float) -> None:
        """Let time pass; wake the stopped when it is theirs, replace the dead."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for worker in self._workers:
                if worker.pid in self._stopped and self._stopped[worker.pid] < now:
                    del self._stopped[worker.pid]
                    with suppress(ProcessLookupError):
                        worker.send_signal(signal.SIGCONT)
            for worker in [worker for worker in self._workers if worker.returncode is not None]:
                self._result.done[
                    "killed" if worker.returncode == -signal.SIGKILL else f"exit {worker.returncode}"
                ] += 1
                self._workers.remove(worker)
                self._stopped.pop(worker.pid, None)
                await self._spawn()
            if now >= end:
                return
            await asyncio.sleep(0.02)

    async def _spawn(self) -> None:
        number = len(self._workers)
        options = Options(
            dsn=f"postgresql://postgres@127.0.0.1:{self._proxy.port}/postgres",
            store=str(self._home / "store"),
            delivered=str(self._home / "delivered"),
            lease_s=LEASE_S,
            stuck_s=1.5,
            poll_interval_s=0.5,
            brief_concurrency=20,
            # Every other worker pretends a host of its own: only its lease can tell the others that it is gone.
            host=f"host-{self._random.randrange(10**9)}" if self._random.random() < 0.5 or number == 0 else None,
            pace_s=self._plan.pace_s,
            crashes_max=8,
            mutant=self._plan.mutant,
            log_level="error",
        )
        once = self._home / "once"
        armed = [f"{place}=kill:{once / f'{place}-kill'}" for place in _PLACES if place != "storing"]
        armed.append(f"storing=enospc:{once / 'storing-enospc'}")
        with (self._home / "log").open("ab") as log:
            worker = await asyncio.create_subprocess_exec(
                *options.command(),
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", failpoints.ENVIRONMENT: ";".join(armed), "TMPDIR": str(self._home)},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._workers.append(worker)
