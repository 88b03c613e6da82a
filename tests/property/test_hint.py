"""A hint never passes a row that could still be claimed: held against a model of transactions and snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reportd.db.jobs import ID_MAX, Scan
from reportd.queue.hint import Hint

START = datetime(2026, 1, 1, tzinfo=UTC)
LOW = (START - timedelta(days=1), 0)


class World:
    """Transactions that insert one row each, in the order of a clock that ticks with every event."""

    def __init__(self) -> None:
        self.clock = 0
        self.next_xid = 100
        self.open: dict[int, tuple[datetime, int]] = {}
        self.rows: set[tuple[datetime, int]] = set()

    def now(self) -> datetime:
        self.clock += 1
        return START + timedelta(seconds=self.clock)

    def begin(self) -> None:
        """A transaction takes its id, then reads the clock for its row, as the trigger does."""
        xid = self.next_xid
        self.next_xid += 1
        self.open[xid] = (self.now(), xid)

    def end(self, which: int, *, commit: bool) -> None:
        if self.open:
            row = self.open.pop(sorted(self.open)[which % len(self.open)])
            if commit:
                self.rows.add(row)

    def claim(self, hint: Hint, demand: int) -> None:
        """Scan from the hint in a snapshot, take what is there, and tell the hint."""
        at = self.now()
        start = hint.place
        due = sorted(row for row in self.rows if row >= (start or LOW))[:demand]
        self.rows -= set(due)
        scan = Scan(
            xmin=min(self.open, default=self.next_xid),
            xmax=self.next_xid,
            at=at,
            last=due[-1] if due else None,
            full=len(due) >= demand,
        )
        hint.note(scan, start=start or LOW, now_s=0, took_s=0)


EVENTS = st.lists(
    st.one_of(
        st.just(("begin",)),
        st.tuples(st.just("commit"), st.integers(0, 5)),
        st.tuples(st.just("rollback"), st.integers(0, 5)),
        st.tuples(st.just("claim"), st.integers(1, 3)),
    ),
    max_size=60,
)


@given(events=EVENTS)
def test_no_committed_row_is_ever_left_behind_the_hint(events: list[tuple[object, ...]]) -> None:
    world, hint = World(), Hint()
    for event in events:
        match event:
            case ("begin",):
                world.begin()
            case ("commit", int(which)):
                world.end(which, commit=True)
            case ("rollback", int(which)):
                world.end(which, commit=False)
            case ("claim", int(demand)):
                world.claim(hint, demand)
        waiting = world.rows | set(world.open.values())
        assert all(row >= (hint.place or LOW) for row in waiting)


@given(events=EVENTS)
def test_once_all_transactions_have_ended_the_hint_moves_past_what_was_taken(events: list[tuple[object, ...]]) -> None:
    world, hint = World(), Hint()
    for event in events:
        if event[0] == "begin":
            world.begin()
    while world.open:
        world.end(0, commit=True)
    taken = sorted(world.rows)
    for _ in range(3):
        world.claim(hint, 1000)
    assert hint.place is not None
    assert all(row < hint.place for row in taken)
    assert hint.place[1] == ID_MAX


def test_a_look_from_the_start_is_due_at_intervals_that_grow_with_its_cost() -> None:
    hint = Hint()
    assert hint.start(0) is None
    scan = Scan(xmin=5, xmax=5, at=START, last=None, full=False)
    hint.note(scan, start=None, now_s=10, took_s=0.001)
    hint.note(scan, start=None, now_s=10, took_s=0.001)
    assert hint.place == (START, ID_MAX)
    assert hint.start(14.9) == hint.place
    assert hint.start(15.1) is None
    hint.note(scan, start=None, now_s=16, took_s=0.3)
    assert hint.start(45) == hint.place
    assert hint.start(46.1) is None
