"""Which lanes a worker claims from, in which order, and how often it asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reportd.db.jobs import Lane
from reportd.queue.lanes import IDLE_S, Lanes

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def lane(queue: str, priority: int = 0, waited_s: float = 0) -> Lane:
    return Lane(queue, priority, NOON - timedelta(seconds=waited_s))


def test_the_highest_priority_comes_first_then_the_oldest_job() -> None:
    lanes = Lanes()
    lanes.looked([lane("a", 0, 10), lane("b", 0, 20), lane("c", 5, 1)], now_s=0, took_s=0.001)
    assert [known.queue for known in lanes.ordered()] == ["c", "b", "a"]


def test_a_lane_that_was_used_lately_stays_known_without_a_look() -> None:
    lanes = Lanes()
    lanes.looked([lane("a")], now_s=0, took_s=0.001)
    lanes.used(lane("a"), now_s=8)
    lanes.looked([], now_s=IDLE_S + 1, took_s=0.001)
    assert [known.queue for known in lanes.ordered()] == ["a"]


def test_an_idle_lane_is_forgotten_with_its_hint() -> None:
    lanes = Lanes()
    lanes.looked([lane("a")], now_s=0, took_s=0.001)
    hint = lanes.hint(lane("a"), "brief")
    lanes.looked([], now_s=IDLE_S + 1, took_s=0.001)
    assert lanes.ordered() == []
    assert lanes.hint(lane("a"), "brief") is not hint


def test_looks_get_rare_when_they_are_dear() -> None:
    lanes = Lanes()
    assert lanes.look_due(0)
    lanes.looked([], now_s=1, took_s=0.001)
    assert lanes.look_due(1.01)
    lanes.looked([], now_s=2, took_s=0.3)
    assert not lanes.look_due(31)
    assert lanes.look_due(32)
