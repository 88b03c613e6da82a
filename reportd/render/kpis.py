"""The tiles of a `@kpi` query's one row, and the columns that say how a value has changed.

A column is a tile, unless its name says that it belongs to another column `X`:
`X_prev` (or `X_previous`): the value to compare with; the tile shows the change in percent and the old value.
`X_delta` (or `X_change`): the change itself, in X's own unit.
`X_delta_pct` (or `X_change_pct`): the change as a fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reportd.report.document import Column, Format, Kpi
from reportd.report.formats import display, parse
from reportd.report.locales import locale_of

_SUFFIXES = {
    "_prev": "before",
    "_previous": "before",
    "_delta_pct": "fraction",
    "_change_pct": "fraction",
    "_delta": "change",
    "_change": "change",
}
_PERCENT = Format("percent", decimals=1)
_POINTS = Format("number", decimals=1)


def tiles(columns: Sequence[Column], row: Sequence[str | None], *, locale: str) -> tuple[Kpi, ...]:
    """One tile per column of `row` that is not another tile's companion, in the columns' order."""
    companions = _companions(columns)
    hidden = {column.index for roles in companions.values() for column in roles.values()}
    return tuple(
        _tile(column, row, companions.get(column.name, {}), locale=locale)
        for column in columns
        if column.index not in hidden
    )


def _companions(columns: Sequence[Column]) -> dict[str, dict[str, Column]]:
    names = {column.name for column in columns}
    found: dict[str, dict[str, Column]] = {}
    for column in columns:
        for suffix, role in _SUFFIXES.items():
            owner = column.name.removesuffix(suffix)
            if owner != column.name and owner in names:
                found.setdefault(owner, {})[role] = column
                break
    return found


def _tile(column: Column, row: Sequence[str | None], companions: dict[str, Column], *, locale: str) -> Kpi:
    raw = row[column.index]
    value = parse(raw, column.type)
    # What is no number stays the spool's text, which `formats.display` shows like any cell.
    shown = value if isinstance(value, int | Decimal) and not isinstance(value, bool) else raw
    delta, delta_format, label = _delta(value, row, column, companions, locale=locale)
    return Kpi(column.title, shown, column.format, delta, delta_format, label)


def _delta(
    value: object, row: Sequence[str | None], column: Column, companions: dict[str, Column], *, locale: str
) -> tuple[Decimal | None, Format | None, str | None]:
    """(change, its format, against what); (None, None, None) where nothing can be said."""
    against = companions.get("before")
    label = None
    if against is not None and row[against.index] is not None:
        label = locale_of(locale).words["against"].format(label=display(row[against.index], column.format, locale))
    if "fraction" in companions or "change" in companions:
        role = "fraction" if "fraction" in companions else "change"
        change = _number(row, companions[role])
        if change is None:
            return None, None, label
        if role == "fraction":
            return change, _PERCENT, label
        if column.format.kind == "percent":
            return _in_points(change, label, locale)
        return change, column.format, label
    if against is None:
        return None, None, None
    before = _number(row, against)
    if not before or not isinstance(value, int | Decimal):
        return None, None, label
    if column.format.kind == "percent":
        return _in_points(Decimal(value) - before, label, locale)
    return (Decimal(value) - before) / abs(before), _PERCENT, label


def _in_points(change: Decimal, label: str | None, locale: str) -> tuple[Decimal, Format, str]:
    """The change of a percentage: +2 % of 40 % could be 42 % or 40.8 %."""
    points = locale_of(locale).words["points"]
    return change * 100, _POINTS, f"{points} {label}" if label else points


def _number(row: Sequence[str | None], column: Column) -> Decimal | None:
    value = parse(row[column.index], column.type)
    return Decimal(value) if isinstance(value, int | Decimal) else None
