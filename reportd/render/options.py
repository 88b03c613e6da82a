"""The options of a block, held against the columns that its query has."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from reportd.errors import ReportError
from reportd.report.definition import Block
from reportd.report.document import Column

NUMERIC = ("integer", "number", "percent")
"""Formats of what can be added up and measured."""


def option_columns(
    block: Block, option: str, columns: Sequence[Column], *, of: str | None = None
) -> tuple[Column, ...]:
    """The columns that an option such as `y=revenue,cost` names, in its order; `of` says whose, if not the block's own.

    Errors: ReportError with the nearest name.
    """
    by_name = {column.name: column for column in reversed(columns)}
    wanted = option_names(block, option)
    for name in wanted:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {names(columns)}"
            raise wrong(block, f"{option}={name}: the query of “{of or block.name}” has no such column; {hint}")
    return tuple(by_name[name] for name in wanted)


def option_names(block: Block, option: str) -> list[str]:
    """The names that an option lists; none where it is not given."""
    return [name.strip() for name in block.options.get(option, "").split(",") if name.strip()]


def names(columns: Sequence[Column]) -> str:
    """The columns in words."""
    return ", ".join(column.name for column in columns) or "no columns"


def wrong(block: Block, message: str) -> ReportError:
    """The error `message` about `block`, led by its place."""
    return ReportError(f"{block.file}:{block.line}: {message}", file=block.file, line=block.line, block=block.name)
