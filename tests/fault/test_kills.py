"""A short storm of kill -9 over real daemons; `python -m bench kills` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.kills import KILLS_QUICK, REPORTS_QUICK, SEED, campaign


@pytest.mark.timeout(300)
async def test_no_job_is_lost_or_made_twice_while_daemons_are_killed(empty_dsn: str, tmp_path: Path) -> None:
    found = await campaign(empty_dsn, tmp_path, kills=KILLS_QUICK, reports=REPORTS_QUICK, seed=SEED)
    assert found["kills"] == KILLS_QUICK
    assert found["completed"] == REPORTS_QUICK
