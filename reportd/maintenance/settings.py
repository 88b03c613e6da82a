"""Which settings a running daemon takes up when its configuration is read again, and which need a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reportd.config import Config

LIVE = ("log", "reports", "fetch", "retention")
"""The tables whose values are looked at anew for each job or round. What others say is built into connections,
processes and leases that are in use.
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """The dotted names of the settings that differ: those that can be taken up now, and those that are `kept`."""

    live: tuple[str, ...]
    kept: tuple[str, ...]


def changes(before: Config, after: Config) -> Changes:
    """What is different in `after`."""
    names = list(_different(before, after))
    live = tuple(name for name in names if name.partition(".")[0] in LIVE)
    return Changes(live, tuple(name for name in names if name not in live))


def taken_up(before: Config, after: Config) -> Config:
    """The configuration of a daemon that ran with `before` and has taken up what it could of `after`."""
    return before.model_copy(update={table: getattr(after, table) for table in LIVE})


def _different(before: Config, after: Config) -> Iterator[str]:
    for table in Config.model_fields:
        old, new = getattr(before, table), getattr(after, table)
        for key in type(old).model_fields:
            if getattr(old, key) != getattr(new, key):
                yield f"{table}.{key}"
