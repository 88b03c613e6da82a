"""pgbouncer in transaction mode before a test's server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psycopg.conninfo
import pytest

from reportd.db import launch

_SETTINGS = """\
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
ignore_startup_parameters = {ignored}
logfile = {log}
"""


@asynccontextmanager
async def bouncer(dsn: str, directory: Path, *, servers: int = 4, ignored: str = "") -> AsyncIterator[str]:
    """The database at `dsn` by a pgbouncer with `servers` connections to it, which passes over `ignored` settings."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    port = _free_port()
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "pgbouncer.ini"
    file.write_text(
        _SETTINGS.format(
            host=given.get("host", "127.0.0.1"),
            port=given.get("port", 5432),
            user=given.get("user", "postgres"),
            password=f" password={given['password']}" if "password" in given else "",
            own_port=port,
            servers=servers,
            ignored=ignored,
            log=directory / "pgbouncer.log",
        )
    )
    # It refuses to be root, as Postgres does, and has to reach the same socket.
    rights = launch.best()
    if rights is launch.RunAs.NOBODY:
        shutil.chown(directory, "nobody")
        for parent in directory.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
    with subprocess.Popen(launch.command(rights, [program, "-q", str(file)]), stderr=subprocess.DEVNULL) as process:
        pooled = f"postgresql://{given.get('user', 'postgres')}@127.0.0.1:{port}{urlsplit(dsn).path}?sslmode=disable"
        try:
            await _answers(pooled, directory / "pgbouncer.log")
            yield pooled
        finally:
            process.kill()


async def _answers(dsn: str, log: Path) -> None:
    for _ in range(200):
        try:
            connection = await asyncpg.connect(dsn, statement_cache_size=0, timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return
    raise AssertionError(f"pgbouncer does not answer: {log.read_text() if log.exists() else 'no log'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
