"""Places by faults, on real daemons: the cells that no other test has; `bench chaos --grid` has all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.grid import CELLS, run
from reportd import failpoints

THIN = (
    *((place, fault) for fault in ("raise", "enospc") for place in failpoints.POINTS),
    ("begun", "stop"),
    ("stored", "stop"),
    ("delivered", "hang"),
)


@pytest.mark.timeout(240)
async def test_a_report_is_made_once_and_delivered_whatever_happens_at_which_step(
    empty_dsn: str, tmp_path: Path
) -> None:
    ended = await run(empty_dsn, tmp_path, THIN)
    assert len(ended) == len(THIN)
    assert ended["fetched raise"].startswith("failed, completed")
    # A full disk spends no budget, wherever the disk is met.
    for place in ("fetching", "building", "generating", "storing"):
        assert ended[f"{place} enospc"].startswith("released, completed"), place
    assert ended["stored stop"].startswith("crashed, completed")


def test_the_whole_grid_has_every_place_and_every_fault() -> None:
    assert len(CELLS) == len(failpoints.POINTS) * 5
    assert set(THIN) <= set(CELLS)
