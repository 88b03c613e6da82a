"""The queue under a small storm of faults, and a harness that would notice: `bench chaos` is the long one."""

from __future__ import annotations

import pytest

from bench.mutants import MUTANTS
from bench.scenarios import SCENARIOS, release_unanswered
from bench.storm import Plan, storm
from bench.trials import trials, whole


@pytest.mark.timeout(180)
async def test_a_storm_of_faults_breaks_no_promise() -> None:
    result = await storm(Plan(seed=7, jobs=200, kills=20, restarts=2))
    assert result.violations == {}
    assert result.jobs >= 200
    assert result.slots >= 6
    assert result.done["killed"] >= 20
    assert result.done["restart"] >= 2


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(3))
async def test_a_guard_that_is_missing_is_noticed_and_only_then(part: int) -> None:
    guards = list(MUTANTS)[part::3]
    noticed = []
    async for trial in trials(guards):
        if trial.mutant is None:
            assert trial.violations == {}, trial
        else:
            assert trial.caught, trial
            noticed.append(trial.mutant)
    assert noticed == guards


@pytest.mark.timeout(120)
async def test_a_worker_may_have_a_job_again_before_it_knows_that_it_gave_it_back() -> None:
    trial = await whole(release_unanswered)
    assert trial.violations == {}


def test_every_guard_has_a_scenario() -> None:
    assert SCENARIOS.keys() == MUTANTS.keys()
