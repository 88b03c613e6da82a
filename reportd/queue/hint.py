"""Where in a lane the next claim may begin to scan: what makes a deep past cost nothing.

Finished jobs leave dead entries at the left edge of the index, and a long snapshot elsewhere keeps Postgres from
removing them. So a worker remembers how far it has scanned. It may only skip what nobody can still fill:

- A scan in a snapshot has seen every row whose transaction had ended by then. What commits behind the place that it
  reached was in progress then, with an id below the snapshot's xmax.
- Once a later snapshot's xmin has passed that xmax, all of those have ended, and the scan in that later snapshot, still
  from the old place, sees what they left. What begins afterwards has a later `run_at`: the trigger takes its
  transaction's id before it reads the clock.

Two kinds of rows still come to lie behind it: those given back (a drain, a rescue), and those that were locked by
somebody who then rolled back. For them each lane is looked at from its start now and then, and sooner when the look
over all lanes finds a waiting job behind the place. That may be one which is not for us, so the cost decides here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reportd.db.jobs import Hint as Place
from reportd.db.jobs import Scan

INTERVAL_S = 5.0
SHARE = 0.01


@dataclass(slots=True)
class Hint:
    """One lane's place, the place that will be safe once older transactions have ended, and when to look at it whole.

    A look from the start is due every INTERVAL_S seconds, but takes no more than SHARE of the time. Times are this
    process's monotonic clock, in seconds.
    """

    place: Place | None = None
    _candidate: Place | None = None
    _waits_for: int = 0
    _whole_at: float = 0.0
    _cheap_at: float = 0.0

    def start(self, now_s: float) -> Place | None:
        """Where the next scan begins; None: at the lane's start."""
        return None if now_s >= self._whole_at else self.place

    def note(self, scan: Scan, *, start: Place | None, now_s: float, took_s: float) -> None:
        """Learn from a scan that began at `start` and took `took_s`."""
        if start is None:
            self._cheap_at = now_s + took_s / SHARE
            self._whole_at = max(now_s + INTERVAL_S, self._cheap_at)
        if self._candidate is not None and scan.xmin >= self._waits_for:
            self.place = min(self._candidate, scan.reached)
            self._candidate = None
        if self._candidate is None:
            self._candidate, self._waits_for = scan.reached, scan.xmax

    def seen(self, oldest: datetime) -> None:
        """A job waits since `oldest`: behind the place, the lane is looked at whole as soon as that may be."""
        if self.place is not None and oldest < self.place[0]:
            self._whole_at = min(self._whole_at, self._cheap_at)
