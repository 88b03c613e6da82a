"""Two hosts and one database, each host a network namespace: one is cut off in mid-job, without a word on the wire."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psycopg.conninfo
import pytest

from tests.conftest import PostgresServer
from tests.daemons import Daemon, check, daemon, until

LEASE_S = 3
MARGIN_S = 7.0  # polls, and a machine that runs other tests as well
SLOW = "select 1 as one, pg_sleep(2)::text as waited"
CUT = """\
table inet cut {
  chain input { type filter hook input priority 0; policy drop; }
  chain output { type filter hook output priority 0; policy drop; }
}
"""


@dataclass(frozen=True)
class Host:
    """A network namespace that reaches us at `gateway` over a cable of its own."""

    name: str
    gateway: str

    @property
    def within(self) -> Sequence[str]:
        return ("nsenter", f"--net=/run/netns/{self.name}")

    def cut(self) -> None:
        """From now on every packet vanishes, both ways; nobody is told."""
        run(*self.within, "nft", "-f", "-", given=CUT)

    def heal(self) -> None:
        run(*self.within, "nft", "delete", "table", "inet", "cut")


def run(*command: str, given: str = "") -> None:
    subprocess.run(command, input=given, capture_output=True, text=True, check=True)


@contextmanager
def host(number: int) -> Iterator[Host]:
    """A host, gone at the end. The address range is of this process alone, as several runs may share a machine."""
    name, net = f"reportd-{os.getpid()}-{number}", f"10.{200 + number}.{os.getpid() % 250}"
    ours, theirs = f"rd{os.getpid() % 100000}{number}a", f"rd{os.getpid() % 100000}{number}b"
    try:
        run("ip", "netns", "add", name)
        run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        run("ip", "addr", "add", f"{net}.1/24", "dev", ours)
        run("ip", "link", "set", ours, "up")
        run("ip", "-n", name, "addr", "add", f"{net}.2/24", "dev", theirs)
        run("ip", "-n", name, "link", "set", theirs, "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield Host(name, f"{net}.1")
    finally:
        for command in (("ip", "netns", "del", name), ("ip", "link", "del", ours)):
            with suppress(subprocess.CalledProcessError):
                run(*command)


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts; a machine that can't have them skips the test and says why."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if lacking := [name for name in ("ip", "nft", "nsenter") if shutil.which(name) is None]:
        pytest.skip(f"{', '.join(lacking)} not installed: apt-get install iproute2 nftables")
    try:
        with host(1) as one, host(2) as two:
            one.cut()
            one.heal()
            yield one, two
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this kernel, or this container, makes no network namespaces: {error.stderr.strip()}")


@asynccontextmanager
async def listening(dsn: str, address: str) -> AsyncIterator[str]:
    """The server at `dsn`, which has a socket in the file system, on TCP at `address`; its DSN there."""
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    socket = f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}"

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while data := await source.read(1 << 16):
                    target.write(data)
                    await target.drain()
            target.close()

        with suppress(OSError):
            there, back = await asyncio.open_unix_connection(socket)
            await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(forward, address, 0)
    port = server.sockets[0].getsockname()[1]
    yield f"postgresql://postgres@{address}:{port}{urlsplit(dsn).path}"
    server.close()


@pytest.mark.timeout(180)
async def test_a_host_that_is_cut_off_loses_its_job_to_the_other_and_back_again_writes_nothing(
    hosts: tuple[Host, Host], postgres_server: PostgresServer, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "slow.sql").write_text(SLOW)
    shared = {"REPORTD_STORAGE__ARTIFACTS_DIR": str(tmp_path / "shared" / "artifacts")}
    connection = await asyncpg.connect(postgres_server.dsn)
    order = "insert into reportd.jobs (kind, formats) values ('slow', '{csv}') returning id"

    async def value(sql: str, *arguments: object) -> object:
        return await connection.fetchval(sql, *arguments)

    async with (
        listening(postgres_server.dsn, hosts[0].gateway) as first,
        listening(postgres_server.dsn, hosts[1].gateway) as second,
        daemon(first, tmp_path / "one", reports, environment=shared, within=hosts[0].within) as one,
        daemon(second, tmp_path / "two", reports, environment=shared, within=hosts[1].within) as two,
    ):
        job = int(str(await value(order)))
        await until(lambda: one.said("job.started", job=job) or two.said("job.started", job=job))
        theirs, ours, away = (one, two, hosts[0]) if one.said("job.started", job=job) else (two, one, hosts[1])

        away.cut()
        await until(lambda: ours.said("job.started", job=job), ours, limit_s=LEASE_S + MARGIN_S)

        async def completed() -> bool:
            return await value("select status from reportd.jobs where id = $1", job) == "completed"

        await until(completed, ours, limit_s=20)
        before = await connection.fetchrow("select * from reportd.jobs where id = $1", job)
        files = await connection.fetch("select * from reportd.artifacts where job_id = $1", job)
        assert [file["attempt"] for file in files] == [2]

        away.heal()
        await until(lambda: back(theirs), theirs, limit_s=60)
        assert await connection.fetchrow("select * from reportd.jobs where id = $1", job) == before
        assert await connection.fetch("select * from reportd.artifacts where job_id = $1", job) == files

        assert await ours.terminate() == 0
        another = int(str(await value(order)))
        await until(lambda: theirs.said("job.completed", job=another), theirs, limit_s=30)
        assert not theirs.said("job.completed", job=job)
        await until(lambda: not list((tmp_path / "one" / "spool").iterdir()), theirs)
        await check(connection, tmp_path / "two", jobs=[job, another])
    await connection.close()


def back(running: Daemon) -> bool:
    """Whether the daemon has learned that it was given up, and has put itself on the list anew."""
    return bool(running.said("worker.lost")) and len(running.said("worker.registered")) > 1
