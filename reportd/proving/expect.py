"""What a test expects held against what the report says: each difference with its line, and both values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

from reportd.errors import ReportdError
from reportd.proving.cases import Case, Expected
from reportd.report.fault import nearest

Facts = Mapping[str, Any]
_LINE_MAX = 110
NULL = "null"
"""How a test writes NULL, for which TOML has no word."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a report is not what a test expects. `place` is `file:line` or a file; `expected` and `got` as written."""

    place: str
    what: str
    expected: str | None = None
    got: str | None = None
    more: tuple[str, ...] = ()


def differences(case: Case, facts: Facts, *, pages: int | None) -> Iterator[Difference]:
    """Where `facts` (as `render.facts` writes them) differ from what `case` expects."""
    for expected in case.expected:
        if (found := _compared(case, expected, facts["sections"])) is not None:
            yield found
    if case.pages is not None and case.pages.value != pages:
        yield _difference(case, case.pages, str(pages))


def failed(case: Case, error: ReportdError | None) -> Difference | None:
    """What is wrong about `error` (None: the report was made) by what `case` expects; None: nothing."""
    expected = case.error
    if expected is None:
        return (
            None if error is None else Difference(_at(case, case.line), f"it failed ({error.code})", got=error.message)
        )
    place = _at(case, expected.line)
    wanted = " ".join(filter(None, (expected.code, expected.says and f"“{expected.says}”")))
    if error is None:
        return Difference(place, "error", wanted, "none: the report was made")
    fits = expected.code in (None, error.code) and (expected.says or "") in error.message
    return None if fits else Difference(place, "error", wanted, f"{error.code}: {error.message}")


def _compared(case: Case, expected: Expected, sections: Mapping[str, Any]) -> Difference | None:
    kind, block, *rest = expected.keys
    if block not in sections:
        known = ", ".join(sections)
        return _difference(case, expected, f"no block of this name{nearest(block, sections)} (there are: {known})")
    section = sections[block]
    if kind == "rows":
        return None if section["rows"] == expected.value else _difference(case, expected, str(section["rows"]))
    columns = {name: type for name, type, _title in section["columns"]}
    column = rest[-1]
    if column not in columns:
        known = ", ".join(columns)
        return _difference(case, expected, f"no column of this name{nearest(column, columns)} (there are: {known})")
    if kind == "totals":
        got = section.get("totals", {}).get(column)
        if got is None:
            return _difference(case, expected, "the column has no total")
    else:
        row = int(rest[0]) if kind == "cells" else 1
        rows = section.get("cells", ())
        if row > len(rows):
            return _difference(case, expected, f"no such row: there are {section['rows']}")
        got = rows[row - 1][list(columns).index(column)]
    if same(expected.value, got):
        return None
    return _difference(case, expected, NULL if got is None else got)


def same(expected: Any, got: str | None) -> bool:
    """Whether `got`, a text as Postgres wrote it, is the value that the test writes: numbers and times by value."""
    match expected:
        case bool():
            return got == ("t" if expected else "f")
        case int() | Decimal():
            return got is not None and _number(got) == expected
        case datetime():
            return got is not None and _moment(got) == _moment(expected.isoformat())
        case date():
            return got == expected.isoformat()
        case str():
            if got is None:
                return expected == NULL
            number = _number(expected)
            return expected == got or (number is not None and number == _number(got))
        case _:
            return str(expected) == got


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _difference(case: Case, expected: Expected, got: str) -> Difference:
    return Difference(_at(case, expected.line), expected.what, _written(expected.value), got)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _at(case: Case, line: int) -> str:
    return f"{case.path}:{line}"


def lines_apart(expected: Sequence[str], got: Sequence[str], *, most: int = 8) -> tuple[int, tuple[str, ...]]:
    """The first line (from 1) at which two texts differ, and what differs as `- expected`, `+ got`; long lines cut."""
    first: int | None = None
    shown: list[str] = []
    for number, (ours, theirs) in enumerate(zip_longest(expected, got)):
        if ours == theirs:
            continue
        first = number if first is None else first
        if len(shown) >= most:
            shown.append("…")
            break
        same = next((n for n, (a, b) in enumerate(zip(ours or "", theirs or "", strict=False)) if a != b), 0)
        start = max(same - _LINE_MAX // 3, 0)
        shown += [f"{sign} {_cut(line, start)}" for sign, line in (("-", ours), ("+", theirs)) if line is not None]
    return (first or 0) + 1, tuple(shown)


def _cut(line: str, start: int) -> str:
    """The part of `line` that has what differs, which is at a third of it."""
    if len(line) <= _LINE_MAX:
        return line
    return f"{'…' if start else ''}{line[start : start + _LINE_MAX]}{'…' if len(line) > start + _LINE_MAX else ''}"
