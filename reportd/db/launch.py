"""Start a program that refuses to run as root, so that it ends when we do, even by SIGKILL.

Postgres will not serve as root. A root process has two ways out: a user namespace, where it is `nobody` inside and
still the owner of its files outside; or really becoming `nobody`, where namespaces are forbidden (most containers).

This file is imported for `RunAs`, `best` and `command`, and run as a script between us and the program. A script, and
not a `preexec_fn`: Python code between fork and exec can hang a process that has threads. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum

NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1


class RunAs(StrEnum):
    """Whose rights the program gets: the caller's, those of a namespaced `nobody`, or those of the real `nobody`."""

    SELF = "self"
    NAMESPACE = "namespace"
    NOBODY = "nobody"


def best() -> RunAs:
    """The first way that works here: SELF for a plain user, else NAMESPACE, else NOBODY."""
    if os.geteuid() != 0:
        return RunAs.SELF
    import subprocess  # here, because the script's own start must stay short

    probe = subprocess.run(command(RunAs.NAMESPACE, ["true"]), capture_output=True, check=False)
    return RunAs.NAMESPACE if probe.returncode == 0 else RunAs.NOBODY


def command(run_as: RunAs, program: Sequence[str]) -> list[str]:
    """The argument list that runs `program` as `run_as`; it gets SIGINT when the *thread* that starts it ends."""
    return [sys.executable, "-I", "-S", __file__, run_as, str(os.getpid()), *program]


def _main(run_as: str, parent: str, *program: str) -> None:
    if run_as == RunAs.NAMESPACE:
        _enter_namespace()
    elif run_as == RunAs.NOBODY:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    # After the change of credentials, which clears the wish.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != int(parent):  # it died before we asked to be told
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606


def _enter_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    # The kernel wants set-groups given up before an unprivileged map of groups.
    for name, line in ("setgroups", "deny"), ("uid_map", f"{NOBODY} 0 1"), ("gid_map", f"{NOBODY} 0 1"):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  pathlib costs this script a third of its start
            file.write(line)


if __name__ == "__main__":
    _main(*sys.argv[1:])
