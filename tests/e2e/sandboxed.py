"""Runs a command as the unit lets it: `python sandboxed.py UNIT COMMAND…`. Without systemd, but with the kernel's own.

The system calls of SystemCallFilter= are refused by seccomp with EPERM, MemoryDenyWriteExecute= by prctl, and limits of
the unit hold. Namespaces and the read-only file system need a running systemd, and are left out.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
SCMP_ACT_ALLOW = 0x7FFF0000
SCMP_ACT_EPERM = 0x00050000 | 1


def settings(unit: Path, key: str) -> list[str]:
    """What the unit says of `key`, a text for each time."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def allowed(unit: Path) -> set[str]:
    """The system calls that SystemCallFilter= leaves."""
    found: set[str] = set()
    for line in settings(unit, "SystemCallFilter"):
        calls = set().union(*(_members(word) for word in line.removeprefix("~").split()))
        found = found - calls if line.startswith("~") else found | calls
    return found


def _members(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    ).stdout
    words = [line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(_members(each) for each in words))


def confine(unit: Path) -> None:
    """Put this process, and all it starts, under the unit's rules. Errors: OSError where this kernel can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    for function in (seccomp.seccomp_rule_add, seccomp.seccomp_load):
        function.restype = ctypes.c_int
    names = allowed(unit)
    (files,) = settings(unit, "LimitNOFILE")
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"] and libc.prctl(
        PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "memory-deny-write-execute")
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(SCMP_ACT_EPERM)))
    for name in sorted(names):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(SCMP_ACT_ALLOW), ctypes.c_int(number), ctypes.c_uint(0))
    if seccomp.seccomp_load(context):
        raise OSError("seccomp")


if __name__ == "__main__":
    try:
        confine(Path(sys.argv[1]))
    except OSError as error:
        print(f"can't be confined here: {error}", file=sys.stderr)
        sys.exit(77)
    os.execv(sys.argv[2], sys.argv[2:])
