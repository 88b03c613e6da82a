"""Where tests get a Postgres from, and how each test gets a database of its own on it."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from reportd.db import embedded
from reportd.db.embedded import EXPENDABLE, EmbeddedPostgres

IMAGE = "postgres:18"

# Postgres before 18 knows no io_method; what a test can do without is the same everywhere else.
EXPENDABLE_BEFORE_18 = {name: value for name, value in EXPENDABLE.items() if name != "io_method"}


def with_database(dsn: str, database: str) -> str:
    """`dsn` with its database replaced."""
    # Not by urlunsplit: it drops the empty host of postgresql://postgres@/name?host=/socket/directory.
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


async def migrate(dsn: str) -> None:
    """Bring the schema in the database at `dsn` to this version."""
    from reportd.db import migrate  # here, so that tests without a database do not pay for it

    connection = await asyncpg.connect(dsn)
    try:
        await migrate.migrate(connection)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Databases:
    """Databases on the server at `dsn`: each is made for one test and dropped after it.

    `template` is a migrated one; a copy of it costs a tenth of migrating anew.
    """

    dsn: str
    template: str

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        """A copy of the template; its DSN."""
        async with fresh(self.dsn, template=self.template) as dsn:
            yield dsn


@contextmanager
def databases(dsn: str) -> Iterator[Databases]:
    """Make the migrated template on the server at `dsn`; it goes at the end."""
    template = f"reportd_test_template_{secrets.token_hex(6)}"
    run(_execute(dsn, f"create database {template} template template0"))
    try:
        run(migrate(with_database(dsn, template)))
        yield Databases(dsn, template)
    finally:
        run(_execute(dsn, f"drop database {template} with (force)"))


@asynccontextmanager
async def fresh(dsn: str, *, template: str = "template0") -> AsyncIterator[str]:
    """A new database on the server at `dsn`, dropped at the end whoever still uses it; its DSN."""
    name = f"reportd_test_{secrets.token_hex(6)}"
    await _execute(dsn, f"create database {name} template {template}", on_15=" strategy file_copy")
    try:
        yield with_database(dsn, name)
    finally:
        await _execute(dsn, f"drop database {name} with (force)")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` to its end, for fixtures without a loop."""
    # In a thread, because asyncio.run takes this thread's loop away from under pytest-asyncio.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()


async def _execute(dsn: str, statement: str, *, on_15: str = "") -> None:
    """Run `statement`, with `on_15` after it where the server is that new."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement + (on_15 if connection.get_server_version().major >= 15 else ""))
    finally:
        await connection.close()


@contextmanager
def server() -> Iterator[str]:
    """The server that this run tests against; its DSN.

    In this order: REPORTD_TEST_DSN (a superuser's), REPORTD_TEST_BINARIES (the `bin` directory of some Postgres),
    a container where Docker answers, and the embedded server.
    """
    if dsn := os.environ.get("REPORTD_TEST_DSN"):
        yield dsn
    elif binaries := os.environ.get("REPORTD_TEST_BINARIES"):
        with private_server(binaries=Path(binaries)) as (_, dsn):
            yield dsn
    elif docker_answers():
        from testcontainers.community.postgres import PostgresContainer

        with PostgresContainer(IMAGE, driver=None) as container:
            yield container.get_connection_url()
    else:
        if (reason := embedded.available()) is not None:
            pytest.exit(f"no Postgres to test against: {reason}; or set REPORTD_TEST_DSN", returncode=4)
        with private_server() as (_, dsn):
            yield dsn


@contextmanager
def private_server(
    *, binaries: Path | None = None, durable: bool = False, copy_of: Path | None = None
) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server of our own on a new directory that goes with it.

    `durable` keeps what was committed through an immediate stop; `copy_of` is a stopped cluster to begin from.
    """
    options = dict(EXPENDABLE if binaries is None else EXPENDABLE_BEFORE_18)
    if durable:
        options["synchronous_commit"] = "on"
    with short_directory() as directory:
        if copy_of is not None:
            shutil.copytree(copy_of, directory, symlinks=True)
        server = EmbeddedPostgres(directory, options=options, binaries=binaries)
        with server as dsn:
            yield server, dsn


@contextmanager
def stopped_cluster() -> Iterator[Path]:
    """A cluster whose database `postgres` is migrated, for `private_server` to copy."""
    with short_directory() as directory:
        with EmbeddedPostgres(directory, options=EXPENDABLE) as dsn:
            run(migrate(dsn))
        yield directory


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory for a cluster: short, since a socket has its place in it, and one that `nobody` can reach."""
    parent = Path(tempfile.mkdtemp(prefix="reportd-pg-"))
    parent.chmod(0o711)
    try:
        yield parent / "pg"
    finally:
        shutil.rmtree(parent)


def docker_answers() -> bool:
    """Whether a Docker daemon is there, asked before testcontainers, which takes its time to find out."""
    import docker
    import docker.errors

    with warnings.catch_warnings():
        # The client leaves its socket to the garbage collector when nobody answers; that must not fail a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env(timeout=2)
            try:
                return bool(client.ping())
            finally:
                client.close()
        except docker.errors.DockerException:
            return False
        finally:
            gc.collect()


def distribution_binaries() -> Path | None:
    """The `bin` directory of the newest Postgres that the distribution installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None
