"""How a fault in a report's file is put: where it is, what is wrong, and the nearest right word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from reportd.errors import ReportError


def fault(path: str, message: str, *, line: int | None = None, column: int | None = None) -> ReportError:
    """The error for `path`, its message led by `path:line:column`, as editors and terminals can follow it."""
    place = ":".join(str(part) for part in (path, line, column) if part is not None)
    detail = {"file": path, "line": line, "column": column}
    return ReportError(f"{place}: {message}", **{key: value for key, value in detail.items() if value is not None})


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for the one of `known` closest to `word`, or nothing where none is close."""
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""


def listed(names: Iterable[str]) -> str:
    """`a, b or c`, in the order given."""
    *most, last = list(names) or ["nothing"]
    return f"{', '.join(most)} or {last}" if most else last
