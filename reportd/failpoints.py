"""Named places where a test can make this process die, stop, hang or fail. Inert unless REPORTD_FAILPOINTS is set.

`REPORTD_FAILPOINTS="stored=kill:/tmp/once; fetched=hang"`: at each place `name=action[:file]`. With a file, the action
happens once: whoever unlinks the file first takes it, across all processes and restarts; a place may have several.
Actions: `kill` (SIGKILL), `stop` (SIGSTOP), `raise`, `enospc`, `hang` (for HANG_S seconds, in the loop's time or, in a
child, in the process's).
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from reportd.errors import ReportdError

ENVIRONMENT = "REPORTD_FAILPOINTS"
HANG_S = 3600.0

POINTS: Mapping[str, str] = {
    "claimed": "the claim has committed, nobody has begun the job",
    "begun": "the attempt has begun, nothing is fetched",
    "fetching": "some of the queries' rows are in the spool",
    "fetched": "the spool is whole",
    "building": "in the child, before the document is built",
    "generating": "in the child, before the files are written",
    "rendered": "the files exist, none is stored",
    "storing": "a file is half in the store",
    "stored": "every file is stored, the job is not completed",
    "completed": "the completion has committed",
    "delivered": "a channel has the files, the ledger does not say so yet",
}


class FailpointError(ReportdError):
    """A test asked for this."""

    code = "failpoint"


def _armed() -> dict[str, list[tuple[str, str | None]]]:
    armed: dict[str, list[tuple[str, str | None]]] = {}
    for word in filter(None, (part.strip() for part in os.environ.get(ENVIRONMENT, "").split(";"))):
        name, _, action = word.partition("=")
        action, _, once = action.partition(":")
        if name not in POINTS:
            raise ValueError(f"{ENVIRONMENT}: no place is called {name!r}; there are {', '.join(POINTS)}")
        armed.setdefault(name, []).append((action, once or None))
    return armed


_ARMED = _armed()


async def reach(name: str) -> None:
    """The event loop is at `name`."""
    if _ARMED and _take(name):
        import asyncio  # here, because render children come by too and have no use for it

        await asyncio.sleep(HANG_S)


def reach_blocking(name: str) -> None:
    """A child process, or a thread, is at `name`."""
    if _ARMED and _take(name):
        time.sleep(HANG_S)


def _take(name: str) -> bool:
    """Do what is armed at `name`, the first of it whose turn it is; True: hang."""
    return any(_act(name, action) for action, once in _ARMED.get(name, []) if _is_due(once))


def _is_due(once: str | None) -> bool:
    if once is None:
        return True
    try:
        Path(once).unlink()
    except FileNotFoundError:
        return False
    return True


def _act(name: str, action: str) -> bool:
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "raise":
            raise FailpointError(f"failpoint {name}")
        case "enospc":
            raise OSError(errno.ENOSPC, f"failpoint {name}")
        case "hang":
            return True
        case _:
            raise ValueError(f"{ENVIRONMENT}: {name} can't {action!r}")
    return False
