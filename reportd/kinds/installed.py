"""Kinds of job that installed packages bring, by entry points `reportd.kinds`. A broken one is named, not fatal.

An entry point names a class that is made without arguments and has what `Kind` asks for. It may have `title`,
`params_schema` (JSON Schema, in the subset that the database checks at INSERT), `queue`, `timeout_s` and `max_attempts`
as well; what it leaves out is the queue's or the configured default.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from reportd.db.kinds import KindRow
from reportd.errors import PluginError
from reportd.job import storable
from reportd.kinds.kind import Kind
from reportd.kinds.report import BrokenKind
from reportd.plugins import Broken
from reportd.report.formats import title_of

RESERVED = frozenset({"deliver"})
_METHODS = ("resolve", "run", "discard", "forget")


@dataclass(frozen=True, slots=True)
class Installed:
    """One kind from an entry point; `broken` says why it can't be used. `place` is its `module:class`."""

    name: str
    place: str
    kind: Kind
    broken: PluginError | None = None

    @property
    def row(self) -> KindRow:
        """How the kind is declared to the database."""
        if self.broken is not None:
            error = {"code": self.broken.code, "message": self.broken.message, "detail": storable(self.broken.detail)}
            return KindRow(self.name, "task", self.name, content_hash="broken", error=error)
        return KindRow(
            name=self.name,
            type="task",
            title=getattr(self.kind, "title", title_of(self.name)),
            content_hash=self.place,
            params_schema=getattr(self.kind, "params_schema", {}),
            queue=getattr(self.kind, "queue", None),
            timeout_s=getattr(self.kind, "timeout_s", None),
            max_attempts=getattr(self.kind, "max_attempts", None),
            brief=self.kind.brief,
        )


def load(places: Mapping[str, str]) -> list[Installed]:
    """Import and make the kinds of `places` (name → `module:class`). Nothing that a package does wrong is raised."""
    return [_loaded(name, place) for name, place in places.items()]


def _loaded(name: str, place: str) -> Installed:
    module, _, attribute = place.partition(":")
    try:
        kind = getattr(importlib.import_module(module), attribute)()
        fault = _fault(name, kind)
    except Exception as error:  # noqa: BLE001  somebody else's code may fail in any way; its kind alone is lost
        fault = f"{type(error).__name__}: {error}"
    if fault is None:
        return Installed(name, place, kind)
    broken = PluginError(f"the kind {name!r} ({place}) can't be used: {fault}", place=place)
    return Installed(name, place, BrokenKind(Broken(name, place, broken)), broken)


def _fault(name: str, kind: object) -> str | None:
    """What `kind` lacks to be one."""
    if name in RESERVED:
        return "the name is taken by reportd's own kind"
    if getattr(kind, "name", None) != name:
        return f"its name is {getattr(kind, 'name', None)!r}, and its entry point's {name!r}"
    if not isinstance(getattr(kind, "brief", None), bool):
        return "it does not say whether it is brief"
    missing = [method for method in _METHODS if not callable(getattr(kind, method, None))]
    return f"it lacks {', '.join(missing)}" if missing else None
