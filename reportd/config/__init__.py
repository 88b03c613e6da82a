"""The configuration: defaults < file < environment < flags.

`load` and `Config` come in with their first use: they cost half a second of imports, which `reportd enqueue`, content
with `sources.database_dsn`, does not pay.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportd.config.reader import load
    from reportd.config.tables import Config

__all__ = ["Config", "load"]


def __getattr__(name: str) -> Any:
    if name == "Config":
        return import_module("reportd.config.tables").Config
    if name == "load":
        return import_module("reportd.config.reader").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
