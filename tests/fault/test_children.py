"""Render children, their template, their daemon killed, stopped, cancelled: nothing is left, nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reportd.errors import ChildDied
from reportd.job import Step
from reportd.render.pool import Pids, RenderPool
from reportd.render.task import RenderTask
from reportd.spool import MANIFEST
from tests.conftest import Eventually
from tests.renders import ROOT, alive, ignore, render_pool, render_task


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RenderPool]:
    async with render_pool(monkeypatch, "Words", "Wait", "Spin", "Stubborn", "Shell") as pool:
        yield pool


class Entered:
    """An attempt under way: its task, and an event for each step that the child has entered."""

    def __init__(self, pool: RenderPool, task: RenderTask) -> None:
        self._steps = {step: asyncio.Event() for step in Step}
        self.rendered = asyncio.create_task(pool.run(task, on_progress=lambda step: self._steps[step].set()))

    async def step(self, step: Step) -> None:
        async with asyncio.timeout(20):
            await self._steps[step].wait()


def all_dead(pids: Pids) -> bool:
    """Whether nothing of a pool is left."""
    return not any(alive(pid) for pid in (pids.template, *pids.children) if pid is not None)


def started_by(task: RenderTask) -> int:
    """Pid of the program that a stubborn child has started."""
    return int((Path(task.out) / "stubborn.txt").read_text())


def held_at(step: Step, directory: Path, go: Path) -> RenderTask:
    """A task whose child stays at `step`: in the first it reads a manifest that nobody writes."""
    task = render_task(directory, "wait", title=str(go))
    if step is Step.BUILDING:
        manifest = Path(task.directory) / MANIFEST
        manifest.unlink()
        os.mkfifo(manifest)
    return task


@pytest.mark.parametrize("step", [Step.BUILDING, Step.GENERATING])
async def test_a_killed_child_fails_its_own_task_alone_with_the_signal_named(
    pool: RenderPool, tmp_path: Path, step: Step
) -> None:
    victim = Entered(pool, held_at(step, tmp_path / "victim", tmp_path / "never"))
    await victim.step(step)
    [pid] = pool.pids().children
    neighbour = Entered(pool, render_task(tmp_path / "neighbour", "wait", title=str(tmp_path / "go")))
    await neighbour.step(Step.GENERATING)

    os.kill(pid, signal.SIGKILL)
    message = rf"killed by SIGKILL \(possibly out of memory\) at {step}, peak \d+ MB"
    with pytest.raises(ChildDied, match=message) as died:
        await victim.rendered
    assert died.value.detail["signal"] == "SIGKILL"

    (tmp_path / "go").touch()
    assert (await neighbour.rendered).files


@pytest.mark.parametrize("way", ["spin", "stubborn", "stopped"])
async def test_a_cancelled_task_returns_within_a_second_and_its_child_is_gone(
    pool: RenderPool, tmp_path: Path, eventually: Eventually, way: str
) -> None:
    task = render_task(tmp_path / "a", "spin" if way == "spin" else "stubborn")
    attempt = Entered(pool, task)
    await attempt.step(Step.GENERATING)
    [pid] = pids = list(pool.pids().children)
    if way != "spin":
        await eventually((Path(task.out) / "stubborn.txt").exists)
        pids.append(started_by(task))
    if way == "stopped":
        os.kill(pid, signal.SIGSTOP)

    start = time.monotonic()
    attempt.rendered.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt.rendered
    assert time.monotonic() - start < 1
    assert not any(alive(each) for each in pids)
    assert pool.pids().children == ()


async def test_a_second_cancellation_does_not_cut_the_burial_short(
    pool: RenderPool, tmp_path: Path, eventually: Eventually
) -> None:
    task = render_task(tmp_path / "a", "stubborn")
    attempt = Entered(pool, task)
    await eventually(lambda: (Path(task.out) / "stubborn.txt").exists())
    [pid] = pool.pids().children
    for _ in range(5):
        attempt.rendered.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await attempt.rendered
    assert not alive(pid)


async def test_a_time_out_round_a_render_stays_a_time_out(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await pool.run(render_task(tmp_path / "a", "spin"), on_progress=ignore)
    assert pool.pids().children == ()


async def test_a_task_cancelled_while_it_waits_for_a_place_never_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with render_pool(monkeypatch, "Words", "Wait", concurrency=1) as pool:
        first = Entered(pool, render_task(tmp_path / "first", "wait", title=str(tmp_path / "go")))
        await first.step(Step.GENERATING)
        task = render_task(tmp_path / "second", "words")
        second = Entered(pool, task)
        await asyncio.sleep(0)
        second.rendered.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second.rendered
        (tmp_path / "go").touch()
        await first.rendered
        assert list(Path(task.out).iterdir()) == []
        assert (await pool.run(replace(task, title="third"), on_progress=ignore)).files


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_template_fails_what_it_had_and_is_replaced(
    pool: RenderPool, tmp_path: Path, eventually: Eventually, number: signal.Signals
) -> None:
    tasks = [render_task(tmp_path / str(each), "stubborn") for each in range(3)]
    attempts = [Entered(pool, task) for task in tasks]
    await eventually(lambda: all((Path(task.out) / "stubborn.txt").exists() for task in tasks))
    before = pool.pids()
    started = [started_by(task) for task in tasks]
    assert before.template is not None
    os.kill(before.template, number)

    ends = await asyncio.gather(*(attempt.rendered for attempt in attempts), return_exceptions=True)
    assert [type(end) for end in ends] == [ChildDied] * 3
    assert "lost at generating-file: the template process" in str(ends[0])
    # They hold no file any more, which is what counts; the kernel may still be taking them apart.
    await eventually(lambda: all_dead(before) and not any(alive(pid) for pid in started), 1)

    rendered = await pool.run(render_task(tmp_path / "next", "words"), on_progress=ignore)
    assert rendered.files
    assert pool.pids().template != before.template


async def test_a_template_that_does_not_answer_is_replaced(
    pool: RenderPool, tmp_path: Path, eventually: Eventually
) -> None:
    attempt = Entered(pool, render_task(tmp_path / "a", "stubborn"))
    await attempt.step(Step.GENERATING)
    before = pool.pids()
    assert before.template is not None
    os.kill(before.template, signal.SIGSTOP)

    attempt.rendered.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt.rendered
    await eventually(lambda: all_dead(before), 1)
    assert (await pool.run(render_task(tmp_path / "next", "words"), on_progress=ignore)).files


async def test_a_closed_pool_leaves_no_process_and_fails_what_ran(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with render_pool(monkeypatch, "Stubborn") as pool:
        attempt = Entered(pool, render_task(tmp_path / "a", "stubborn"))
        await attempt.step(Step.GENERATING)
        before = pool.pids()
        await pool.close()
        with pytest.raises(ChildDied):
            await attempt.rendered
        assert all_dead(before)


DAEMON = """
import asyncio, json, sys
from pathlib import Path
from reportd.render.pool import ChildLimits, RenderPool
from tests.renders import ignore, odd, render_task

async def main(directory):
    pool = RenderPool(concurrency=2, limits=ChildLimits(), formats=odd("Stubborn"))
    await pool.start()
    tasks = [render_task(directory / name, "stubborn") for name in ("a", "b")]
    runs = [asyncio.create_task(pool.run(task, on_progress=ignore)) for task in tasks]
    while not all((Path(task.out) / "stubborn.txt").exists() for task in tasks):
        await asyncio.sleep(0.01)
    started = [int((Path(task.out) / "stubborn.txt").read_text()) for task in tasks]
    (directory / "pids.new").write_text(json.dumps([pool.pids().template, *pool.pids().children, *started]))
    (directory / "pids.new").rename(directory / "pids")
    await asyncio.gather(*runs)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_a_daemon_that_dies_leaves_no_process(
    tmp_path: Path, eventually: Eventually, number: signal.Signals
) -> None:
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DAEMON, str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "TMPDIR": str(scratch)},
    )
    try:
        await eventually((tmp_path / "pids").exists)
        pids = json.loads((tmp_path / "pids").read_text())
        assert len(pids) == 5
        assert all(alive(pid) for pid in pids)
        daemon.send_signal(number)
        await eventually(lambda: not any(alive(pid) for pid in pids))
        await eventually(lambda: list(scratch.iterdir()) == [])
    finally:
        with suppress(ProcessLookupError):
            daemon.kill()
        await daemon.wait()
