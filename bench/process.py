"""A process under measurement: its output as it comes, its end whatever happens."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_LIMIT_S = 120.0
ROOT = Path(__file__).parents[1]


class Process(threading.Thread):
    """A started command; `lines` is everything that it has said on stdout and stderr so far."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self._popen = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.pid = self._popen.pid
        self.start()

    def run(self) -> None:
        """Read what it says, so that it never waits for a reader."""
        assert self._popen.stdout is not None
        with self._popen.stdout as stream:
            for line in stream:
                self.lines.append(line)

    def said(self, word: str, *, limit_s: float = _LIMIT_S) -> str:
        """The first line that has `word`, waited for."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for line in list(self.lines):
                if word in line:
                    return line
            if not self.alive:
                break
            time.sleep(0.002)
        raise SystemExit(f"the process did not say {word!r}:\n" + "".join(self.lines[-30:]))

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._popen.poll() is None

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def end(self, *, limit_s: float = 15.0) -> None:
        """SIGTERM; SIGKILL when that takes too long."""
        if self.alive:
            self._popen.terminate()
            try:
                self._popen.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self.join(limit_s)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self._popen.kill()
        self._popen.wait()


@contextmanager
def process(
    command: Sequence[str], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """`command` as a process, ended with the block."""
    running = Process(command, cwd=cwd, environment=environment)
    try:
        yield running
    finally:
        running.end()
