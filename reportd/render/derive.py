"""Tables that are computed from a query's rows: cross-tabs and running columns, spooled like the rows they come from.

So every format streams them as it streams any table, and a value is the same in all of them. A derived file lies beside
the spool's own and goes with it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from pathlib import Path
from typing import Literal

from reportd.report.document import Column
from reportd.report.formats import parse
from reportd.spool import SpoolColumn, Spooled, read, record

PivotAggregate = Literal["sum", "avg", "min", "max", "count"]
COLUMNS_MAX = 200
"""Columns that a cross-tab may have: more is a list, which nobody reads across."""
CELLS_MAX = 2_000_000

_EXACT = Context(prec=1000)
_SCALE = Decimal(1).scaleb(-12)


class Underivable(ValueError):
    """The rows can't become what the block asks for; a phrase about the block."""


@dataclass(slots=True)
class Aggregate:
    """Numbers taken in one at a time."""

    count: int = 0
    total: Decimal = field(default_factory=Decimal)
    low: Decimal | None = None
    high: Decimal | None = None

    def add(self, number: Decimal) -> None:
        """Take in one number."""
        self.count += 1
        self.total = _EXACT.add(self.total, number)
        self.low = number if self.low is None else min(self.low, number)
        self.high = number if self.high is None else max(self.high, number)

    def value(self, how: PivotAggregate) -> Decimal | None:
        """What they come to; None of no numbers, but their count is 0."""
        match how:
            case "count":
                return Decimal(self.count)
            case _ if not self.count:
                return None
            case "sum":
                return self.total
            case "avg":
                return _EXACT.divide(self.total, self.count).quantize(_SCALE, context=_EXACT)
            case "min":
                return self.low
            case "max":
                return self.high


@dataclass(frozen=True, slots=True)
class Pivoted:
    """A cross-tab. `heads` are the values across (raw texts), in the order of the data; each has `measures` columns.

    `spooled` has the key columns, the cells, and then, with `totalled`, a column per measure over the whole row.
    `totals` are the line below: one per column that is no key.
    """

    spooled: Spooled
    heads: tuple[tuple[str | None, ...], ...]
    measures: int
    totalled: bool
    totals: tuple[Decimal | None, ...]


def pivot(
    path: Path,
    directory: Path,
    *,
    name: str,
    rows: Sequence[Column],
    across: Sequence[Column],
    values: Sequence[Column],
    how: PivotAggregate,
) -> Pivoted:
    """The long table at `path` turned: a line per value of `rows`, a column per value of `across`.

    Keys and heads come in the order of the data, and what lies within a key stays together. Errors: Underivable past
    COLUMNS_MAX or CELLS_MAX.
    """
    cells: dict[tuple[str | None, ...], dict[tuple[str | None, ...], list[Aggregate]]] = {}
    heads: dict[tuple[str | None, ...], list[Aggregate]] = {}
    whole = [Aggregate() for _ in values]
    lines: dict[tuple[str | None, ...], list[Aggregate]] = {}
    made = 0
    for row in read(path):
        key, head = tuple(row[c.index] for c in rows), tuple(row[c.index] for c in across)
        if head not in heads:
            heads[head] = [Aggregate() for _ in values]
            if len(heads) * len(values) > COLUMNS_MAX:
                names = ", ".join(column.name for column in across)
                raise Underivable(f"{names} has more values than the {COLUMNS_MAX} columns that a cross-tab may have")
        line = cells.setdefault(key, {})
        if head not in line:
            line[head] = [Aggregate() for _ in values]
            made += len(values)
            if made > CELLS_MAX:
                raise Underivable(f"the cross-tab has more than {CELLS_MAX:,} cells")
        totals = lines.setdefault(key, [Aggregate() for _ in values])
        for number, column in enumerate(values):
            raw = row[column.index]
            value = parse(raw, column.type)
            if how == "count" and raw is not None:
                taken = Decimal(1)
            elif isinstance(value, int | Decimal) and not isinstance(value, bool):
                taken = Decimal(value)
            else:
                continue
            for aggregate in (line[head][number], heads[head][number], totals[number], whole[number]):
                aggregate.add(taken)
    totalled = len(heads) > 1
    seen: dict[tuple[str | None, ...], int] = {}
    for key in cells:
        for depth in range(1, len(key) + 1):
            seen.setdefault(key[:depth], len(seen))
    ordered = sorted(cells, key=lambda key: [seen[key[:depth]] for depth in range(1, len(key) + 1)])
    nothing = [Aggregate() for _ in values]

    def turned() -> Iterator[list[str | None]]:
        for key in ordered:
            line = cells[key]
            found = [a.value(how) if a.count else None for head in heads for a in line.get(head, nothing)]
            if totalled:
                found += [a.value(how) for a in lines[key]]
            yield [*key, *(None if value is None else f"{value:f}" for value in found)]

    kind = "bigint" if how == "count" else "numeric"
    columns = [SpoolColumn(column.name, column.type) for column in rows]
    for head in heads:
        label = " ".join("–" if part is None else part for part in head)
        columns += [SpoolColumn(label if len(values) == 1 else f"{label} {v.name}", kind) for v in values]
    if totalled:
        columns += [SpoolColumn("total" if len(values) == 1 else f"total {v.name}", kind) for v in values]
    below = [a.value(how) for aggregates in heads.values() for a in aggregates]
    if totalled:
        below += [a.value(how) for a in whole]
    spooled = write(directory, f"{name}.pivot", columns, turned())
    return Pivoted(spooled, tuple(heads), len(values), totalled, tuple(below))


def running(
    path: Path,
    directory: Path,
    *,
    name: str,
    columns: Sequence[Column],
    summed: Sequence[Column],
    groups: Sequence[Column],
) -> Spooled:
    """The rows at `path` with, right after each of `summed`, its sum so far, anew where one of `groups` changes."""
    wanted = {column.index for column in summed}

    def with_sums() -> Iterator[list[str | None]]:
        so_far: dict[int, Decimal] = {}
        within: list[str | None] | None = None
        for row in read(path):
            group = [row[column.index] for column in groups]
            if group != within:
                within, so_far = group, {}
            cells: list[str | None] = []
            for column in columns:
                raw = row[column.index]
                cells.append(raw)
                if column.index in wanted:
                    value = parse(raw, column.type)
                    if isinstance(value, int | Decimal):
                        so_far[column.index] = _EXACT.add(so_far.get(column.index, Decimal(0)), Decimal(value))
                    cells.append(f"{so_far.get(column.index, Decimal(0)):f}")
            yield cells

    made: list[SpoolColumn] = []
    for column in columns:
        made.append(SpoolColumn(column.name, column.type))
        if column.index in wanted:
            made.append(SpoolColumn(f"running_{column.name}", "numeric"))
    return write(directory, f"{name}.running", made, with_sums())


def write(directory: Path, name: str, columns: Sequence[SpoolColumn], rows: Iterable[Sequence[str | None]]) -> Spooled:
    """Spool `rows` (Postgres' texts) as `name` in `directory`, whole or not at all."""
    partial = directory / f".{name}.{secrets.token_hex(6)}"
    count = 0
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(record(row))
                count += 1
        with partial.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        size = partial.stat().st_size
        partial.replace(directory / name)
    finally:
        partial.unlink(missing_ok=True)
    return Spooled(name, name, tuple(columns), count, size, digest)
