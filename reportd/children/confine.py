"""What a child process sheds and what it is held to, before it reads its task.

Own process group, death with its parent, default signals, three descriptors, resource limits, a private TMPDIR.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import math
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PIPE_FD = 3
"""The child's socket to the template, always here."""
LIFE_FD = 4
"""A pipe's end that template and children only hold: the daemon reads its end of file when all of them are gone."""

TEMPORARY = ".tmp"
"""Where in its directory for files a child keeps what is not for a reader."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_HANDLED = frozenset({signal.SIGTERM})
# Room to report a MemoryError: the child lifts its soft limit by this much when it has met one.
_MEMORY_RESERVE_BYTES = 16 * 1024 * 1024
_FILES_MAX = 256
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may use: private memory (with what it starts from), CPU seconds, bytes of any one file."""

    memory_bytes: int = 1024 * 1024 * 1024
    cpu_s: int = 600
    file_bytes: int = 4 * 1024 * 1024 * 1024


def die_with_parent(parent: int, *, by: signal.Signals) -> None:
    """Have the kernel send `by` to this process when the thread that forked it ends; exit now if `parent` is gone."""
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(1)


def gain_no_rights() -> None:
    """No program started from here on gains rights by a set-user-id bit; holds for all descendants."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def held_signals() -> frozenset[signal.Signals]:
    """What the template blocks round a fork, so that its own handlers never run in a child."""
    return _HANDLED


def confine(*, parent: int, pipe: int, stderr: int, life: int, limits: ChildLimits) -> None:
    """Turn this fork of the template into a child. Of its descriptors only `pipe`, `stderr` and `life` stay open."""
    os.setpgid(0, 0)
    die_with_parent(parent, by=signal.SIGKILL)
    _keep_only(pipe=pipe, stderr=stderr, life=life)
    _reset_signals()
    _limit(limits)
    os.umask(0o077)
    first_to_go()


def settle(out: Path) -> None:
    """Make `out` the working directory, with the place for temporary files inside."""
    temporary = out / TEMPORARY
    temporary.mkdir(exist_ok=True)
    os.chdir(out)
    use_temporary(temporary)


def use_temporary(directory: Path) -> None:
    """Make `directory` the place for this process' temporary files, and for those of programs that it starts."""
    os.environ["TMPDIR"] = str(directory)
    tempfile.tempdir = str(directory)  # a choice made before is cached there


def hold(*, memory_bytes: int, cpu_s: int) -> None:
    """Hold this process, which is used again and again, to so much private memory (with what it has already) and to
    `cpu_s` seconds of CPU from now on. What it starts inherits both; past the seconds SIGXCPU ends it.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    for what, soft in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + cpu_s),
    ):
        _, allowed = resource.getrlimit(what)
        resource.setrlimit(what, (soft if allowed == resource.RLIM_INFINITY else min(soft, allowed), allowed))


def first_to_go() -> None:
    """When the machine runs out of memory this process goes first, never the daemon."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def lift_memory_limit() -> None:
    """Make the reserve usable, so that a child which ran out of memory can say so."""
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def data_bytes() -> int:
    """Private memory of this process as RLIMIT_DATA counts it."""
    return _status("VmData")


def _keep_only(*, pipe: int, stderr: int, life: int) -> None:
    # First out of the way: a descriptor to keep may lie where another one has to go.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in (pipe, life, stderr)]
    os.dup2(high[0], PIPE_FD, inheritable=False)
    os.dup2(high[1], LIFE_FD, inheritable=False)
    os.dup2(high[2], 1)
    os.dup2(high[2], 2)
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) > LIFE_FD:
            with suppress(OSError):  # the listing's own descriptor is closed already
                os.close(int(entry.name))


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        # As in any Python: writing to a closed pipe or past a file's limit is an error, not a death.
        keep_ignored = number in (signal.SIGPIPE, signal.SIGXFSZ)
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN if keep_ignored else signal.SIG_DFL)
    # A crash in C code leaves the Python lines that led to it on stderr, which the template keeps the end of.
    faulthandler.enable(file=sys.__stderr__ or 2)
    faulthandler.register(signal.SIGXCPU, file=sys.__stderr__ or 2, chain=True)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _limit(limits: ChildLimits) -> None:
    address_space = _status("VmSize") + 2 * limits.memory_bytes
    for what, soft, hard in (
        (resource.RLIMIT_DATA, limits.memory_bytes, limits.memory_bytes + _MEMORY_RESERVE_BYTES),
        (resource.RLIMIT_AS, address_space, address_space),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _FILES_MAX, _FILES_MAX),
    ):
        _, allowed = resource.getrlimit(what)
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)
        resource.setrlimit(what, (soft, hard))


def _status(field: str) -> int:
    """Bytes of a memory field of /proc/self/status."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return 0


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
