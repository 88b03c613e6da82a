"""The queue under a small storm of faults, and a harness that would notice: `bench chaos` is the long one."""

from __future__ import annotations

import pytest

from bench.mutants import MUTANTS
from bench.scenarios import SCENARIOS, release_unanswered
from bench.storm import Plan, storm
from bench.trials import trials, whole


@pytest.mark.timeout(180)
async def test_a_storm_of_faults_breaks_no_promise() -> None:
    result = await storm(Plan(seed=7, jobs=60, kills=5, restarts=1))
    assert result.violations == {}
    assert result.jobs >= 60
    assert result.slots >= 6
    assert (result.done["killed"], result.done["restart"]) >= (5, 1)


@pytest.mark.timeout(180)
async def test_a_guard_that_is_missing_is_noticed_and_only_then() -> None:
    controls, mutants = 0, []
    async for trial in trials(["commit-unread", "delivery-unordered"]):
        if trial.mutant is None:
            assert trial.violations == {}
            controls += 1
        else:
            assert trial.caught, trial
            mutants.append(trial.mutant)
    assert (controls, mutants) == (2, ["commit-unread", "delivery-unordered"])


@pytest.mark.timeout(120)
async def test_a_worker_may_have_a_job_again_before_it_knows_that_it_gave_it_back() -> None:
    trial = await whole(release_unanswered)
    assert trial.violations == {}


def test_every_guard_has_a_scenario() -> None:
    assert SCENARIOS.keys() == MUTANTS.keys()
