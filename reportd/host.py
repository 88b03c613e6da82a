"""Who this process is among all that ever ran: host, boot, pid namespace, pid and start. From /proc on Linux."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process by name. `process_start` is the kernel's count of ticks since boot; it never repeats there."""

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    process_start: str


def identity() -> Identity:
    """This process."""
    return Identity(
        host=socket.gethostname(),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_pid_namespace(),
        pid=os.getpid(),
        process_start=process_start(os.getpid()) or "",
    )


def process_start(pid: int) -> str | None:
    """When `pid` started, in clock ticks since boot; None if no such process lives (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: fields count from the last one.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
