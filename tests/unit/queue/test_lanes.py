"""Which lanes a worker claims from, in which order, and how often it asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reportd.db.jobs import ID_MAX, Lane, Scan
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
    lanes.looked([lane("a")], now_s=2, took_s=0.3)
    assert not lanes.look_due(31)
    assert lanes.look_due(32)


def test_a_slow_look_that_found_nothing_does_not_keep_the_first_job_waiting() -> None:
    lanes = Lanes()
    lanes.looked([], now_s=0, took_s=0.05)
    assert lanes.look_due(0.5)


def test_a_job_waiting_behind_the_place_makes_the_next_claim_look_at_the_whole_lane() -> None:
    lanes = Lanes()
    lanes.looked([lane("a")], now_s=0, took_s=0.001)
    hint = lanes.hint(lane("a"), "brief")
    scan = Scan(xmin=2, xmax=2, at=NOON, last=None, full=False)
    hint.note(scan, start=None, now_s=0, took_s=0.001)
    hint.note(scan, start=None, now_s=0, took_s=0.001)
    assert hint.start(1) == (NOON, ID_MAX)
    lanes.looked([lane("a", waited_s=-1)], now_s=1, took_s=0.001)
    assert hint.start(1) == (NOON, ID_MAX)
    lanes.looked([lane("a", waited_s=1)], now_s=1, took_s=0.001)
    assert hint.start(1) is None


def test_a_job_behind_the_place_waits_while_looks_from_the_start_are_dear() -> None:
    lanes = Lanes()
    hint = lanes.hint(lane("a"), "brief")
    scan = Scan(xmin=2, xmax=2, at=NOON, last=None, full=False)
    hint.note(scan, start=None, now_s=0, took_s=0.03)
    hint.note(scan, start=None, now_s=0, took_s=0.03)
    lanes.looked([lane("a", waited_s=1)], now_s=1, took_s=0.03)
    assert hint.start(1) is not None
    assert hint.start(3.1) is None


def test_what_the_latest_look_says_of_a_lane_holds() -> None:
    lanes = Lanes()
    lanes.looked([Lane("a", 0, NOON)], now_s=0, took_s=0.001)
    lanes.looked([Lane("a", 0, NOON, wait_s=3)], now_s=1, took_s=0.001)
    assert [known.wait_s for known in lanes.ordered()] == [3]


def test_a_lane_that_had_nothing_for_a_share_rests_until_a_look_finds_it_again() -> None:
    lanes = Lanes()
    lanes.looked([lane("a")], now_s=0, took_s=0.001)
    lanes.scanned(lane("a"), "long", found=0, now_s=1, took_s=0.001)
    assert lanes.barren(lane("a"), "long", now_s=1.005)
    assert not lanes.barren(lane("a"), "brief", now_s=1.005)
    assert not lanes.barren(lane("a"), "long", now_s=1.02)
    lanes.scanned(lane("a"), "long", found=0, now_s=2, took_s=0.001)
    lanes.looked([lane("a")], now_s=2.001, took_s=0.001)
    assert not lanes.barren(lane("a"), "long", now_s=2.002)
