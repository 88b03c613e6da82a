"""How an author wants a column to look: `[columns.amount]` in the front matter, and the conditions that mark its cells.

```toml
[columns.margin]
title  = "Margin"
format = "pct1"
total  = "avg"
warn   = "< 0.10"
good   = "> 0.25"
```
A table of the report's columns by name; it holds for every block that has such a column.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast, get_args

from reportd.report.definition import ColumnLook
from reportd.report.document import Aggregate, Align, Column, Condition, Mark
from reportd.report.fault import nearest
from reportd.report.formats import FORMAT_NAMES, display_number, named, parse
from reportd.report.frontmatter import FrontMatter, Table

_KEYS = ("title", "format", "align", "width", "total", "warn", "good")
_CONDITION = re.compile(r"\s*(<=|>=|!=|==|<|>|=)\s*(?:(-?\d+(?:\.\d+)?)|'([^']*)'|\"([^\"]*)\")\s*")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
SIGNS: Mapping[Mark, str] = {"warn": "! ", "good": "• "}
"""What stands before a marked value, so that it is marked without colour too."""
TOTAL_SIGNS: Mapping[Aggregate, str] = {
    "sum": "",
    "avg": "ø ",
    "min": "min ",
    "max": "max ",
    "count": "n = ",
    "given": "ø ",
}


def looks(front: FrontMatter) -> dict[str, ColumnLook]:
    """The columns under `columns`, by name. Errors: ReportError with the line and the nearest name."""
    declared = front.values.get("columns", {})
    if not isinstance(declared, dict):
        raise front.fault(["columns"], 'columns must be tables, such as [columns.amount] with format = "eur0"')
    return {name: _look(front, name, raw) for name, raw in declared.items()}


def _look(front: FrontMatter, name: str, raw: Any) -> ColumnLook:
    table = Table(front, ("columns", name), raw, _KEYS)
    format = table.text("format")
    if format is not None and format != "hidden" and named(format) is None:
        raise table.fault("format", _unknown_format(format))
    total = table.text("total", one_of=(*(a for a in get_args(Aggregate) if a != "given"), "none"))
    return ColumnLook(
        name=name,
        title=table.text("title"),
        format=format,
        align=cast(Align | None, table.text("align", one_of=get_args(Align))),
        width=table.integer("width", low=1, high=200),
        total=total,
        warn=_checked(table, "warn"),
        good=_checked(table, "good"),
        line=front.line("columns", name),
    )


def _unknown_format(format: str) -> str:
    return f'unknown format "{format}"{nearest(format, FORMAT_NAMES)} (known: {", ".join(FORMAT_NAMES)})'


def _checked(table: Table, key: str) -> str | None:
    text = table.text(key)
    if text is not None and _CONDITION.fullmatch(text) is None:
        raise table.fault(key, f'“{text}” is no condition; write a comparison, such as "< 0.10" or "= \'late\'"')
    return text


def conditions_of(look: ColumnLook) -> tuple[Condition, ...]:
    """The conditions of a look; where both hold, the warning counts."""
    found = []
    for mark, text in (("warn", look.warn), ("good", look.good)):
        if text is None:
            continue
        match = _CONDITION.fullmatch(text)
        assert match, "checked when the file was read"
        number = match[2]
        operand: Decimal | str = Decimal(number) if number is not None else match[3] or match[4] or ""
        found.append(Condition(cast(Mark, mark), "=" if match[1] == "==" else match[1], operand))
    return tuple(found)


def marker(column: Column) -> Callable[[str | None], Mark | None] | None:
    """What tells the mark of a spooled value of `column`, or None for a column without conditions."""
    if not column.conditions:
        return None

    def mark(raw: str | None) -> Mark | None:
        if raw is None:
            return None
        value = parse(raw, column.type)
        for condition in column.conditions:
            compared: Any = value if isinstance(condition.operand, Decimal) else raw
            if isinstance(condition.operand, Decimal) and (
                isinstance(value, bool) or not isinstance(value, int | Decimal)
            ):
                continue
            if _COMPARE[condition.operator](compared, condition.operand):
                return condition.mark
        return None

    return mark


def total_text(column: Column, value: Decimal | None, tag: str) -> str:
    """A sum, average … as it stands under its column; empty for None."""
    if value is None:
        return ""
    return TOTAL_SIGNS[column.aggregate] + display_number(value, column.format, tag)
