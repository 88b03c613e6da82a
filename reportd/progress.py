"""How far an attempt is, and what it has cost: written by the stages, read by the watcher and the executor."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from reportd.job import PERCENT, Step

# A first report beyond this tells of work that an earlier attempt did.
_RESUMED_PERCENT = 20.0
_ETA_MAX_S = 10 * 365 * 86_400.0


class Progress:
    """What a running attempt tells about itself. Written by the kind, read by the watcher, never sent by itself."""

    step: str = Step.INITIALIZING
    percent: int = 0
    message: str | None = None
    eta: datetime | None = None
    cpu_s: float = 0.0
    peak_bytes: int = 0
    signal: str | None = None
    _paced: tuple[float, float] | None = None

    def __init__(self) -> None:
        # The rest stands on the class: thousands of brief jobs a second never touch it.
        self.steps_s: dict[str, float] = {}
        self._began = self._entered = time.monotonic()

    def enter(self, step: Step, message: str | None = None) -> None:
        """The attempt goes on to `step`; the seconds so far are booked on the one before."""
        self._book()
        self.step, self.percent, self.message = step, PERCENT[step], message

    def report(self, percent: float, message: str | None) -> None:
        """Note how far the attempt is, and from its pace so far when it will end. Out of bounds counts as the bound."""
        now = time.monotonic()
        if not math.isfinite(percent):
            raise ValueError(f"progress of {percent} % has no meaning; give 0 to 100")
        percent = min(max(percent, 0.0), 100.0)
        if self._paced is None or percent < self._paced[1]:
            # An attempt that resumes begins in the middle: the pace counts from its first word.
            self._paced = (self._began, 0.0) if percent < _RESUMED_PERCENT else (now, percent)
        since, first = self._paced
        if percent > first:
            left_s = (now - since) / (percent - first) * (100.0 - percent)
            self.eta = datetime.now(UTC) + timedelta(seconds=min(left_s, _ETA_MAX_S))
        self.percent, self.message = int(percent), message

    def cost(self, *, cpu_s: float, peak_bytes: int) -> None:
        """Add what a child used: CPU seconds, and its peak resident bytes."""
        self.cpu_s += cpu_s
        self.peak_bytes = max(self.peak_bytes, peak_bytes)

    def usage(self) -> dict[str, Any]:
        """The attempt's cost so far, as `reportd.attempts` stores it."""
        self._book()
        return {
            "cpu_s": round(self.cpu_s, 3),
            "peak_bytes": self.peak_bytes or None,
            "signal": self.signal,
            "steps_s": {step: round(seconds, 3) for step, seconds in self.steps_s.items()},
        }

    def _book(self) -> None:
        now = time.monotonic()
        self.steps_s[self.step] = self.steps_s.get(self.step, 0.0) + now - self._entered
        self._entered = now
