"""Names whoever blocks the event loop: one task that computes, or waits without `await`, keeps all others waiting."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from types import FrameType

import structlog

log = structlog.get_logger()

LIMIT_S = 1.0
LINES = 8


class Watchdog:
    """A thread that samples the loop's pulse and logs `loop.blocked` once per blockage; `beat` is the pulse.

    The owner runs `beat` several times within `limit_s`.
    """

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._pulse = time.monotonic()
        self._told: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    @property
    def interval_s(self) -> float:
        """How often `beat` is to run."""
        return self._limit_s / 4

    def start(self) -> None:
        """Begin to watch."""
        self._pulse = time.monotonic()
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    async def beat(self) -> None:
        """Show that the loop answers."""
        self._pulse = time.monotonic()

    def _run(self) -> None:
        while True:
            before = time.monotonic()
            if self._stop.wait(self.interval_s):
                return
            # If this thread did not get to run either, the whole process was stopped: that is nobody's fault.
            if time.monotonic() - before < self._limit_s:
                self._look()
            else:
                self._pulse = time.monotonic()

    def _look(self) -> None:
        pulse = self._pulse
        silent_s = time.monotonic() - pulse
        if silent_s <= self._limit_s or pulse == self._told:
            return
        self._told = pulse
        frame = sys._current_frames().get(self._loop_thread)
        task = asyncio.current_task(self._loop)
        if frame is None or task is None:
            return
        # A task of the application's is called "task <kind> <job>".
        words = task.get_name().split()
        kind, job = (words[1], int(words[2])) if len(words) == 3 and words[0] == "task" else (None, None)
        log.warning(
            "loop.blocked", task=task.get_name(), kind=kind, job=job, silent_s=round(silent_s, 1), stack=_lines(frame)
        )


def _lines(frame: FrameType) -> list[str]:
    """Where the loop stands, the innermost line last."""
    return [f"{each.filename}:{each.lineno} in {each.name}" for each in traceback.extract_stack(frame)[-LINES:]]
