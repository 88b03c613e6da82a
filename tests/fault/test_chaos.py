"""The queue under a small storm of faults, and a harness that would notice: the long storm is `bench chaos`."""

from __future__ import annotations

import pytest

from bench.chaos import Plan, against, storm


@pytest.mark.timeout(180)
async def test_a_storm_of_faults_breaks_no_promise() -> None:
    result = await storm(Plan(seed=7, jobs=60, kills=6, restarts=1))
    assert result.violations == {}
    assert result.jobs >= 60
    assert result.done["killed"] >= 3


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mutant", ["claim-keeps-attempt"])
async def test_a_storm_notices_a_guard_that_is_missing(mutant: str) -> None:
    result = await storm(against(mutant, seed=7))
    assert result.violations
