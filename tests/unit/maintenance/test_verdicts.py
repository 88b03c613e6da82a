"""Which of the due slots run, by each misfire policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from reportd.maintenance.scheduler import verdicts

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("misfire", "minutes_ago", "expected"),
    [
        ("last", [0], ["ran"]),
        ("last", [180], ["ran"]),
        ("last", [120, 60, 0], ["merged", "merged", "ran"]),
        ("skip", [0], ["ran"]),
        ("skip", [180], ["missed"]),
        ("skip", [120, 60, 0], ["missed", "missed", "ran"]),
        ("all", [0], ["ran"]),
        ("all", [120, 60, 0], ["ran", "ran", "ran"]),
        ("all", [240, 180, 120, 60, 0], ["missed", "missed", "ran", "ran", "ran"]),
    ],
)
def test_each_due_slot_has_one_verdict(
    misfire: Literal["skip", "last", "all"], minutes_ago: list[int], expected: list[str]
) -> None:
    slots = [NOW - timedelta(minutes=minutes, seconds=1) for minutes in minutes_ago]
    found = verdicts(slots, misfire=misfire, now=NOW, catch_up_max=3)
    assert [verdict.slot for verdict in found] == slots
    assert [verdict.outcome or "ran" for verdict in found] == expected
    assert all(verdict.reason for verdict in found if verdict.outcome)
