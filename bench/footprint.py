"""Memory and open files of processes over a run: whoever grows with the work that it has done leaks."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# A process that lived for less says nothing: it is still filling its caches.
WATCHED_S = 60.0
_GROWTH, _SLACK_MB, _SLACK_FDS = 1.10, 4.0, 4
_FDS_MAX = 64


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process held at one moment: resident memory without files, in MiB, and file descriptors."""

    at: float
    memory_mb: float
    fds: int


@dataclass
class Footprint:
    """Samples of some processes by pid."""

    samples: dict[int, list[Sample]] = field(default_factory=dict)

    def look(self, pids: list[int]) -> None:
        """Take one sample of each."""
        for pid in pids:
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                fds = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except OSError:  # ended meanwhile
                continue
            if found := re.search(r"^RssAnon:\s*(\d+) kB", status, re.MULTILINE):
                self.samples.setdefault(pid, []).append(Sample(time.monotonic(), int(found[1]) / 1024, fds))

    def violations(self) -> dict[str, list[Any]]:
        """I11: the second fifth of a life against its last, at its quietest; and nobody has very many files."""
        found: dict[str, list[Any]] = {}
        if many := sorted({each.fds for all in self.samples.values() for each in all if each.fds > _FDS_MAX}):
            found["I11 too many open files"] = many[:10]
        for pid, (early, late) in self._halves().items():
            if late.memory_mb > early.memory_mb * _GROWTH + _SLACK_MB:
                found.setdefault("I11 memory grows", []).append([pid, early.memory_mb, late.memory_mb])
            if late.fds > early.fds + _SLACK_FDS:
                found.setdefault("I11 open files grow", []).append([pid, early.fds, late.fds])
        return found

    def summary(self) -> dict[str, Any]:
        """Of whoever lived longest: seconds, and what it held early and late; empty where nobody lived long enough."""
        halves = self._halves()
        if not halves:
            return {}
        pid = max(halves, key=lambda pid: self._lived_s(pid))
        early, late = halves[pid]
        return {
            "seconds": round(self._lived_s(pid)),
            "memory_mb": [early.memory_mb, late.memory_mb],
            "fds": [early.fds, late.fds],
        }

    def _lived_s(self, pid: int) -> float:
        return self.samples[pid][-1].at - self.samples[pid][0].at

    def _halves(self) -> dict[int, tuple[Sample, Sample]]:
        return {
            pid: (_quietest(all[len(all) // 5 : 2 * len(all) // 5]), _quietest(all[-len(all) // 5 :]))
            for pid, all in self.samples.items()
            if len(all) >= 10 and self._lived_s(pid) >= WATCHED_S
        }


def _quietest(samples: list[Sample]) -> Sample:
    """What it holds at least: how busy it is meanwhile is another matter."""
    return Sample(
        samples[0].at,
        round(min(each.memory_mb for each in samples), 1),
        min(each.fds for each in samples),
    )
