"""When producers need not wake a worker, and that nothing is overlooked when they have to again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from reportd.queue import attention
from reportd.queue.attention import LOOK_S, MANY, QUIET_S, WITHIN_S, Attention

POLL_S = 5.0


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Producer:
    """Finds what a test says."""

    claimed: int = 0
    full: bool = False
    steps: int = 0

    async def step(self) -> float | None:
        self.steps += 1
        return POLL_S


@dataclass
class Row:
    """What the worker's row says."""

    told: list[bool] = field(default_factory=list)
    gone: bool = False

    async def tell(self, waiting: bool) -> None:
        if self.gone:
            raise ConnectionError
        self.told.append(waiting)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(attention, "time", clock)
    return clock


def hear(mine: Attention, clock: Clock, times: int, *, within_s: float) -> None:
    for _ in range(times):
        clock.now += within_s / times
        mine.heard()


async def test_a_worker_that_is_woken_now_and_then_goes_on_to_wait(clock: Clock) -> None:
    row = Row()
    mine = Attention(Producer(), tell=row.tell)
    for _ in range(100):
        hear(mine, clock, 1, within_s=WITHIN_S / (MANY - 2))
        assert await mine.step() == POLL_S
    assert row.told == []


async def test_one_that_is_woken_often_looks_by_itself_until_nothing_comes(clock: Clock) -> None:
    row, producer = Row(), Producer()
    mine = Attention(producer, tell=row.tell)
    hear(mine, clock, MANY, within_s=WITHIN_S / 2)
    assert await mine.step() == LOOK_S
    assert row.told == [False]
    for _ in range(100):
        clock.now += LOOK_S
        producer.claimed += 1
        assert await mine.step() == LOOK_S
    clock.now += QUIET_S - 0.01
    assert await mine.step() == LOOK_S
    clock.now += 0.02
    assert await mine.step() == 0.0  # at once again: somebody may have inserted just before the row changed
    assert row.told == [False, True]


async def test_afterwards_it_looks_ever_more_seldom(clock: Clock) -> None:
    row = Row()
    mine = Attention(Producer(), tell=row.tell)
    hear(mine, clock, MANY, within_s=0.01)
    await mine.step()
    clock.now += QUIET_S + 0.1
    waits = [await mine.step() or 0.0 for _ in range(12)]
    assert waits == sorted(waits)
    assert 3 < sum(wait for wait in waits if wait != POLL_S) < POLL_S  # a transaction's life, then the usual poll
    assert waits[-1] == POLL_S


async def test_a_full_worker_is_woken_by_its_own_jobs(clock: Clock) -> None:
    row, producer = Row(), Producer()
    mine = Attention(producer, tell=row.tell)
    hear(mine, clock, MANY, within_s=0.01)
    await mine.step()
    producer.full = True
    clock.now += 60
    assert await mine.step() == LOOK_S
    assert row.told == [False]


async def test_what_could_not_be_told_is_told_later(clock: Clock) -> None:
    row = Row(gone=True)
    mine = Attention(Producer(), tell=row.tell)
    hear(mine, clock, MANY, within_s=0.01)
    with pytest.raises(ConnectionError):
        await mine.step()
    row.gone = False
    assert await mine.step() == LOOK_S
    clock.now += QUIET_S + 0.1
    row.gone = True
    with pytest.raises(ConnectionError):
        await mine.step()
    row.gone = False
    assert await mine.step() == 0.0
    assert row.told == [False, True]
