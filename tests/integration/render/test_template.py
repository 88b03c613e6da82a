"""The template process alone, spoken to over its socket as the daemon does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from reportd.children.wire import Decoder, Frame, Kind, pack
from reportd.render.task import RenderTask
from tests.renders import LIMITS, ROOT, alive, odd, render_task

LIMIT_S = 20


class Template:
    """A template process and the daemon's end of its socket."""

    def __init__(self, scratch: Path, *names: str) -> None:
        self.scratch = scratch
        scratch.mkdir()
        self.end, far = socket.socketpair()
        self.end.settimeout(LIMIT_S)
        life, shared_life = os.pipe()
        settings = {
            "daemon": os.getpid(),
            "socket": far.fileno(),
            "life": shared_life,
            "scratch": str(scratch),
            "formats": dict(odd(*names)),
            "limits": asdict(LIMITS),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "reportd.render.template", json.dumps(settings)],
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
            pass_fds=(far.fileno(), shared_life),
            start_new_session=True,
        )
        far.close()
        os.close(shared_life)
        os.close(life)
        self._decoder = Decoder()
        self._frames: list[Frame] = []
        self.received_bytes = 0

    def run(self, number: int, task: RenderTask) -> int:
        """Have it fork for `task`; the child's pid."""
        self.end.sendall(pack(Kind.RUN, number, task.as_json()))
        pid = self.next(Kind.STARTED, number).message()["pid"]
        assert isinstance(pid, int)
        return pid

    def next(self, kind: Kind, number: int) -> Frame:
        """The next frame of this kind and task; earlier ones are passed over."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if (frame.kind, frame.task) == (kind, number):
                    return frame
            data = self.end.recv(2**16)
            assert data, "the template has closed its socket"
            self.received_bytes += len(data)
            self._frames += self._decoder.feed(data)

    def close(self) -> None:
        self.end.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(LIMIT_S)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def template(tmp_path: Path) -> Iterator[Template]:
    template = Template(tmp_path / "scratch", "Words", "Relay", "Chatter", "Stubborn", "Wait", "Fail")
    try:
        yield template
    finally:
        template.close()


def wait_until_dead(*pids: int) -> None:
    end = time.monotonic() + LIMIT_S
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, f"one of {pids} still lives"
        time.sleep(0.01)


def test_what_the_daemon_says_reaches_the_child(template: Template, tmp_path: Path) -> None:
    task = render_task(tmp_path / "a", "relay")
    template.run(7, task)
    template.end.sendall(pack(Kind.MESSAGE, 7, {"rows": "Übung"}))
    template.next(Kind.ENDED, 7)
    assert json.loads((Path(task.out) / "relay.txt").read_text()) == {"rows": "Übung"}


def test_a_message_for_a_child_that_has_ended_is_dropped(template: Template, tmp_path: Path) -> None:
    task = render_task(tmp_path / "a", "words")
    template.run(1, task)
    template.next(Kind.ENDED, 1)
    for kind in (Kind.MESSAGE, Kind.KILL):
        template.end.sendall(pack(kind, 1))
    template.run(2, task)
    assert template.next(Kind.ENDED, 2).message()["exit_status"] == 0


def test_a_slow_daemon_stops_the_talking_child_and_not_the_template(template: Template, tmp_path: Path) -> None:
    chatter = template.run(1, render_task(tmp_path / "a", "chatter"))
    # A second child runs through while nothing is read: the template is not held up by what it can't get rid of.
    waiting = render_task(tmp_path / "b", "wait", title=str(tmp_path / "go"))
    template.end.sendall(pack(Kind.RUN, 2, waiting.as_json()))
    (tmp_path / "go").touch()
    end = time.monotonic() + LIMIT_S
    while not (Path(waiting.out) / "wait.txt").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    template.end.sendall(pack(Kind.KILL, 1))
    wait_until_dead(chatter)

    template.next(Kind.ENDED, 1)
    assert template.received_bytes < 4 * 2**20


def test_a_child_that_reads_nothing_is_killed_before_it_fills_the_memory(template: Template, tmp_path: Path) -> None:
    template.run(1, render_task(tmp_path / "a", "stubborn"))
    message = pack(Kind.MESSAGE, 1, b" " * 2**20)
    for _ in range(20):
        template.end.sendall(message)
    assert template.next(Kind.ENDED, 1).message()["fault"] == "did not read what it was told"


@pytest.mark.parametrize("way", ["the socket closes", "SIGTERM"])
def test_the_template_takes_its_children_with_it(template: Template, tmp_path: Path, way: str) -> None:
    pids = [template.run(number, render_task(tmp_path / str(number), "stubborn")) for number in (1, 2)]
    if way == "SIGTERM":
        template.process.terminate()
    else:
        template.end.close()
    assert template.process.wait(LIMIT_S) == 0
    assert not any(alive(pid) for pid in pids)
    assert not template.scratch.exists()
