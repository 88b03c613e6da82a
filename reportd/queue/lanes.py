"""The lanes (a queue at a priority) that a worker knows: which to claim from, in which order, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reportd.db.jobs import Lane
from reportd.queue.hint import Hint

# A lane that gave nothing for so long is forgotten; the next look finds it again when it has work.
IDLE_S = 10.0
# A look at the index over all lanes is cheap, except while a long snapshot keeps the dead: then it gets rarer.
CHEAP_S = 0.02
# How long a lane is left alone for jobs that it just had none of; a look that finds it ends the rest.
REST_S = 0.01
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Lanes:
    """What is known of the lanes since the latest look. Times are this process's monotonic clock, in seconds."""

    _used: dict[Lane, float] = field(default_factory=dict)
    _oldest: dict[Lane, datetime] = field(default_factory=dict)
    _hints: dict[tuple[Lane, str], Hint] = field(default_factory=dict)
    _look_at: float = 0.0
    _barren: dict[tuple[Lane, str], float] = field(default_factory=dict)

    def look_due(self, now_s: float) -> bool:
        """Whether the index may be asked again which lanes have work."""
        return now_s >= self._look_at

    def looked(self, found: Sequence[Lane], *, now_s: float, took_s: float) -> None:
        """Remember what the look found, and how long it took."""
        self._barren.clear()
        self._oldest = {lane: lane.oldest for lane in found if lane.oldest is not None}
        for lane in found:
            self._used.pop(lane, None)  # the key of a dict stays the object that came first: here the news count
            self._used[lane] = now_s
        for (lane, _), hint in self._hints.items():
            if (oldest := self._oldest.get(lane)) is not None:
                hint.seen(oldest)
        for lane in [lane for lane, used in self._used.items() if now_s - used > IDLE_S]:
            del self._used[lane]
            for key in [key for key in self._hints if key[0] == lane]:
                del self._hints[key]
                self._barren.pop(key, None)
        # Where no lane is known there is nothing else to claim by: the first job would wait for as long as looks rest.
        self._look_at = now_s + took_s * (99 if took_s >= CHEAP_S and self._used else 9)

    def barren(self, lane: Lane, share: str, *, now_s: float) -> bool:
        """Whether a scan for this share has just found nothing: every job that ends would ask again."""
        return now_s < self._barren.get((lane, share), 0.0)

    def scanned(self, lane: Lane, share: str, *, found: int, now_s: float, took_s: float) -> None:
        """A scan for this share found so many jobs."""
        if found:
            self._barren.pop((lane, share), None)
        else:
            self._barren[lane, share] = now_s + max(REST_S, took_s * 9)

    def used(self, lane: Lane, *, now_s: float) -> None:
        """The lane has given work."""
        self._used[lane] = now_s

    def ordered(self) -> list[Lane]:
        """The known lanes, the highest priority first; within one, the lane whose oldest job waited longest."""
        return sorted(self._used, key=lambda lane: (-lane.priority, self._oldest.get(lane, _LAST), lane.queue))

    def hint(self, lane: Lane, share: str) -> Hint:
        """The hint of one lane for one share of its jobs (`brief` or `long`)."""
        return self._hints.setdefault((lane, share), Hint())
