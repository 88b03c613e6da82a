"""LISTEN proves that it hears; where it does not, new jobs are found by looking, and it is noticed when it heals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reportd.db.listen import Say, listen
from reportd.db.queries import Connection
from reportd.errors import DatabaseUnavailable
from reportd.queue.notifier import Listen, Rhythm, notify
from tests.bouncer import bouncer
from tests.conftest import Eventually

QUICK = Rhythm(silence_s=0.1, quick_s=0.02, slow_s=0.1, deaf_s=0.3, retry_s=0.05)


def ignore() -> None:
    pass


def by(connection: Connection) -> Say:
    """What an ear says to itself goes by another connection."""

    async def say(channel: str) -> None:
        await connection.execute(f"notify {channel}")

    return say


@asynccontextmanager
async def running(listen: Listen, heard: Callable[[], None]) -> AsyncIterator[Callable[[], list[str]]]:
    """Run a notifier while the block lasts; gives the events that it has logged so far."""
    with capture_logs() as said:
        task = asyncio.create_task(notify(listen, heard=heard, rhythm=QUICK))
        try:
            yield lambda: [line["event"] for line in said]
        finally:
            task.cancel()


async def test_an_ear_on_the_server_hears_itself_and_others(
    dsn: str, connection: Connection, eventually: Eventually
) -> None:
    words: list[bool] = []
    async with listen(dsn, lambda: words.append(True), say=by(connection)) as ear:
        assert await ear.hears()
        assert words == []  # its own word wakes nobody
        await connection.execute("select pg_notify('reportd_jobs', '')")
        await eventually(lambda: words == [True])


async def test_an_ear_behind_pgbouncer_is_deaf_and_says_so(dsn: str, connection: Connection, tmp_path: Path) -> None:
    async with (
        bouncer(dsn, tmp_path / "bouncer") as pooled,
        listen(pooled, ignore, say=by(connection), answer_s=0.5) as ear,
    ):
        assert not await ear.hears()


async def test_an_ear_whose_connection_ends_says_so(dsn: str, connection: Connection) -> None:
    async with listen(dsn, ignore, say=by(connection)) as ear:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'reportd listen'"
        )
        with pytest.raises(DatabaseUnavailable):
            await ear.rest(5)


async def test_a_deaf_ear_finds_new_jobs_by_looking(
    dsn: str, connection: Connection, tmp_path: Path, eventually: Eventually
) -> None:
    await connection.execute(
        "insert into reportd.kinds (name, type, title, content_hash) values ('k', 'task', 'K', '1')"
    )
    wakes: list[bool] = []
    async with (
        bouncer(dsn, tmp_path / "bouncer") as pooled,
        running(partial(listen, pooled, say=by(connection), answer_s=0.2), lambda: wakes.append(True)) as events,
    ):
        await eventually(lambda: "notifier.deaf" in events())
        await eventually(lambda: wakes)
        before = len(wakes)
        await connection.execute("insert into reportd.jobs (kind) values ('k')")
        await eventually(lambda: len(wakes) > before)
        # Said once, however often it is tested again.
        await asyncio.sleep(QUICK.deaf_s * 2)
        assert events().count("notifier.deaf") == 1
        assert "notifier.listening" not in events()


async def test_it_is_noticed_when_listen_turns_deaf_and_when_it_heals(
    dsn: str, connection: Connection, eventually: Eventually
) -> None:
    deaf = False

    async def say(channel: str) -> None:
        if not deaf:
            await connection.execute(f"notify {channel}")

    wakes: list[bool] = []
    async with running(partial(listen, dsn, say=say, answer_s=0.2), lambda: wakes.append(True)) as events:
        await eventually(lambda: events() == ["notifier.listening"])
        deaf = True
        await eventually(lambda: events() == ["notifier.listening", "notifier.deaf"])
        deaf = False
        wakes.clear()
        await eventually(lambda: events() == ["notifier.listening", "notifier.deaf", "notifier.listening"])
        # Whatever was ordered meanwhile is looked for at once.
        assert wakes


async def test_a_listener_that_loses_its_connection_comes_back(
    dsn: str, connection: Connection, eventually: Eventually
) -> None:
    async with running(partial(listen, dsn, say=by(connection)), ignore) as events:
        await eventually(lambda: events() == ["notifier.listening"])
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'reportd listen'"
        )
        await eventually(lambda: events() == ["notifier.listening", "notifier.disconnected", "notifier.listening"])
