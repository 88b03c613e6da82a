"""The queue under kill -9, SIGSTOP, immediate restarts of Postgres, a broken network and full disks: then it drains.

A storm of faults, by a seed, over real worker processes (`bench/storm.py`); a liveness phase without faults; then an
independent checker (`bench/invariants.py`) reads the tables and the files. Afterwards every guard of the protocol is
taken away in turn (`bench/mutants.py`), and met by the interleaving that it is for (`bench/scenarios.py`), once with
and once without: a checker that does not notice makes the harness worthless, and fails it. `--grid` takes the daemon
itself instead: every failpoint by every fault (`bench/grid.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from bench.grid import campaign
from bench.machine import machine
from bench.mutants import MUTANTS
from bench.storm import Plan, Result, storm
from bench.trials import trials

JOBS, KILLS, RESTARTS = 10_000, 1_000, 100
JOBS_QUICK, KILLS_QUICK, RESTARTS_QUICK = 100, 10, 1
_MUTANTS_QUICK = ("complete-unfenced", "commit-unread", "delivery-unordered")
_TOLD_EVERY_S = 30.0


def options(parser: argparse.ArgumentParser) -> None:
    """The command line beyond `--quick`."""
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, help=f"default {JOBS:,}; 0: no storm")
    parser.add_argument("--kills", type=int, help=f"default {KILLS:,}")
    parser.add_argument("--restarts", type=int, help=f"default {RESTARTS}")
    parser.add_argument("--mutant", choices=[*MUTANTS, "none", "all"], default="all", help="only this one, or none")
    parser.add_argument("--grid", action="store_true", help="instead: every failpoint by every fault")


def run(
    *, quick: bool, seed: int, jobs: int | None, kills: int | None, restarts: int | None, mutant: str, grid: bool
) -> dict[str, Any]:
    """Print what happened; `violations` counts the broken invariants, `mutants_caught` the guards that were missed.

    A mutant counts as caught when the invariant that is for its guard was broken, and nothing was with the guard in
    place. Ends with status 1 on a violation, or where a mutant was missed.
    """
    if grid:
        return {**campaign(), "machine": machine()}
    plan = Plan(
        seed=seed,
        jobs=jobs if jobs is not None else JOBS_QUICK if quick else JOBS,
        kills=kills if kills is not None else KILLS_QUICK if quick else KILLS,
        restarts=restarts if restarts is not None else RESTARTS_QUICK if quick else RESTARTS,
    )
    result = asyncio.run(storm(plan, told=_Told())) if plan.jobs else Result()
    print(f"seed {seed}: {result.jobs:,} jobs in {result.seconds:.0f} s, {json.dumps(result.done)}", flush=True)
    for name, offenders in result.violations.items():
        print(f"  VIOLATED {name}: {offenders}", flush=True)
    names = [] if mutant == "none" else [mutant] if mutant != "all" else [*(_MUTANTS_QUICK if quick else MUTANTS)]
    violated = dict(result.violations)
    missed = asyncio.run(_tried(names, violated)) if names else []
    found = {
        "jobs": result.jobs,
        "kills": result.done["killed"],
        "restarts": result.done["restart"],
        "violations": len(violated),
        "mutants": len(names),
        "mutants_caught": len(names) - len(missed),
        "missed": missed,
        "faults": dict(result.done),
        "slots": result.slots,
        "footprint": result.footprint,
        "violated": violated,
        "seconds": round(result.seconds, 1),
        "machine": machine(),
    }
    if violated or missed:
        print(json.dumps(found))
        sys.exit(1)
    return found


async def _tried(names: list[str], violated: dict[str, list[Any]]) -> list[str]:
    """The mutants that were missed. What is wrong with every guard in place is added to `violated`."""
    missed = []
    async for trial in trials(names):
        if trial.mutant is None:
            violated |= {f"{trial.scenario}: {name}": found for name, found in trial.violations.items()}
            said = "; ".join(trial.violations) or "clean"
        else:
            missed += [] if trial.caught else [trial.mutant]
            said = f"{'caught' if trial.caught else 'NOT CAUGHT'}: {'; '.join(trial.violations) or 'nothing'}"
        print(f"  {trial.scenario:22} {f'without {trial.mutant}' if trial.mutant else 'whole':28}", end=" ")
        print(f"{trial.seconds:5.1f} s  {said}", flush=True)
    return missed


class _Told:
    """Prints the storm's figures twice a minute, so that one that is cut short has not been for nothing."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _TOLD_EVERY_S

    def __call__(self, result: Result) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TOLD_EVERY_S
            done = result.done
            figures = f"{result.jobs:6,} jobs  {done['killed']:5} kills  {done['restart']:4} restarts"
            print(f"{result.seconds:6.0f} s  {figures}", flush=True)
