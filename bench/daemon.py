"""`reportd run` as a process of its own, as an operator starts it, for the length of a measurement."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY = "worker.registered"
_READY_LIMIT_S = 60.0


@contextmanager
def daemon(dsn: str, *, state: Path, reports: Path, concurrency: int) -> Iterator[int]:
    """Its process id, from when it takes jobs."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REPORTD_")},
        "REPORTD_DSN": dsn,
        "REPORTD_STORAGE__STATE_DIR": str(state),
        "REPORTD_REPORTS__DIRECTORIES": str(reports),
        "REPORTD_WORKER__CONCURRENCY": str(concurrency),
        "REPORTD_LOG__FORMAT": "json",
    }
    command = [str(Path(sys.executable).with_name("reportd")), "run"]
    with subprocess.Popen(command, env=environment, cwd=state.parent, stderr=subprocess.PIPE, text=True) as process:
        log = _Log(process)
        try:
            if not log.ready.wait(_READY_LIMIT_S) or process.poll() is not None:
                raise SystemExit("the daemon did not start:\n" + "".join(log.lines[-20:]))
            yield process.pid
        finally:
            process.terminate()
            process.wait()
            log.join()


def pss_mb(pid: int) -> float:
    """Memory of a process and all below it, in MiB; what they share counts once."""
    total = 0
    for process in [pid, *_descendants(pid)]:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:  # ended meanwhile
            continue
        found = re.search(r"^Pss:\s*(\d+) kB", rollup, re.MULTILINE)
        total += int(found[1]) if found else 0
    return round(total / 1024, 1)


def cpu_s(pid: int) -> float:
    """CPU seconds so far of a process and all below it, those that have ended and were waited for included."""
    ticks = 0
    for process in [pid, *_descendants(pid)]:
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
        except OSError:  # ended meanwhile: its parent has the sum
            continue
        # utime, stime, cutime, cstime; counted after the name, which may hold anything.
        ticks += sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


class _Log(threading.Thread):
    """Reads the daemon's log, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.ready = threading.Event()
        assert process.stderr is not None
        self._stream = process.stderr
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self.lines.append(line)
            if line.startswith("{") and json.loads(line).get("event") == _READY:
                self.ready.set()
        self.ready.set()


def _descendants(pid: int) -> list[int]:
    below: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        below += [int(child) for child in children.read_text().split()]
    return below + [process for child in below for process in _descendants(child)]
