"""Runners: order, how many tasks they take, and that a piece that waits holds nobody up."""

from __future__ import annotations

import asyncio
from typing import Any

from reportd.queue.runners import Runners


async def test_pieces_that_never_wait_share_one_task() -> None:
    done: list[tuple[int, int]] = []

    async def run(piece: int, task: asyncio.Task[Any]) -> None:
        assert task is asyncio.current_task()
        done.append((piece, id(task)))

    async with asyncio.TaskGroup() as group:
        runners = Runners(run)
        for piece in range(1000):
            runners.put(piece, group=group)
    assert [piece for piece, _ in done] == list(range(1000))
    assert len({task for _, task in done}) <= 3  # one, and the turns that it gave to the loop


async def test_pieces_that_wait_are_all_under_way_at_once() -> None:
    under_way, go = 0, asyncio.Event()
    all_here = asyncio.Event()

    async def run(piece: int, task: asyncio.Task[Any]) -> None:
        nonlocal under_way
        under_way += 1
        if under_way == 100:
            all_here.set()
        await go.wait()

    async with asyncio.TaskGroup() as group:
        runners = Runners(run)
        for piece in range(100):
            runners.put(piece, group=group)
        async with asyncio.timeout(5):
            await all_here.wait()
        go.set()


async def test_a_long_line_leaves_the_loop_its_turns() -> None:
    turns = 0

    async def run(piece: int, task: asyncio.Task[Any]) -> None:
        sum(range(20_000))  # some tenths of a millisecond

    async def neighbour() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.TaskGroup() as group:
        beside = asyncio.create_task(neighbour())
        runners = Runners(run)
        for piece in range(200):
            runners.put(piece, group=group)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    beside.cancel()
    assert turns >= 5


async def test_one_that_is_cancelled_takes_no_other_along() -> None:
    ended: list[int] = []
    others = asyncio.Event()
    tasks: dict[int, asyncio.Task[Any]] = {}

    async def run(piece: int, task: asyncio.Task[Any]) -> None:
        tasks[piece] = task
        try:
            await asyncio.sleep(3600 if piece == 1 else 0)
        except asyncio.CancelledError:
            task.uncancel()
        ended.append(piece)
        if len(ended) == 2:
            others.set()

    async with asyncio.TaskGroup() as group:
        runners = Runners(run)
        for piece in range(3):
            runners.put(piece, group=group)
        async with asyncio.timeout(5):
            await others.wait()
        tasks[1].cancel()
        runners.put(3, group=group)
    assert sorted(ended) == [0, 1, 2, 3]


async def test_what_has_not_begun_can_be_forgotten() -> None:
    begun: list[int] = []

    async def run(piece: int, task: asyncio.Task[Any]) -> None:
        begun.append(piece)

    async with asyncio.TaskGroup() as group:
        runners = Runners(run)
        runners.put(1, group=group)
        runners.clear()
    assert begun == []
