"""`@sub`: the rows of one query under the rows of another that they belong to, without a query per row.

Both queries have run once, in the same snapshot, and come in the order of their common key columns; so they are merged
as they are read, in memory for two rows. What pages show is the merged table, a group for each parent; the data formats
carry the rows as the query gave them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reportd.render import derive
from reportd.render.columns import measure
from reportd.render.options import NUMERIC, option_columns, wrong
from reportd.report.definition import Block, ColumnLook
from reportd.report.document import Column, Format, Rows, Table
from reportd.report.formats import display
from reportd.spool import Dataset, SpoolColumn, read

_TITLED = (*NUMERIC, "boolean", "date", "datetime", "time")
"""What a value of does not say by itself what it is of."""
_HEADING = Column("heading", "", 0, "text", Format("text"), "left", 20)


def sub(
    block: Block, columns: tuple[Column, ...], dataset: Dataset, *, locale: str, looks: Mapping[str, ColumnLook]
) -> Table:
    """The rows of `block`, to be shown under those of the block that it names. Errors: ReportError."""
    name = block.options["of"]
    parents = measure(
        dataset.blocks[name], dataset.path(name), locale=locale, timezone=dataset.timezone, sums=(), looks=looks
    )
    keys = option_columns(block, "by", columns)
    parent_keys = option_columns(block, "by", parents, of=name)
    head = option_columns(block, "head", parents, of=name) or tuple(column for column in parents if not column.hidden)
    subtotal = option_columns(block, "subtotal", columns)
    total = option_columns(block, "total", columns) or subtotal
    for column in (*subtotal, *total):
        if column.format.kind not in NUMERIC:
            raise wrong(block, f"{column.name} in “{block.name}” is {column.type}, and only numbers add up")
    summed = {column.index for column in total}
    if total:
        columns = tuple(column if column.index in summed else replace(column, total=None) for column in columns)
    merged = _Merge(block, keys, parent_keys, _headings(parent_keys, head, locale), width=len(columns))
    spooled = derive.write(
        dataset.directory,
        f"{block.name}.sub",
        [SpoolColumn("heading", "text"), *(SpoolColumn(column.name, column.type) for column in columns)],
        merged.rows(dataset.path(name), dataset.path(block.name)),
    )
    own = dataset.blocks[block.name]
    rows = Rows(str(dataset.path(block.name)), own.rows, own.bytes, own.sha256)
    hidden = {column.index for column in keys}
    moved = tuple(
        replace(column, index=column.index + 1, hidden=column.hidden or column.index in hidden) for column in columns
    )
    shown = Table(
        block.name,
        block.title,
        (_HEADING, *moved),
        Rows(str(dataset.directory / spooled.file), spooled.rows, spooled.bytes, spooled.sha256),
        groups=(_HEADING,),
        named=False,
        subtotal=tuple(moved[columns.index(column)] for column in columns if column.index in _indexes(subtotal)),
    )
    # Without a row of its own there is nothing to list: the parents stand in their own block.
    return Table(block.name, block.title, columns, rows, shown=shown if rows.count else None)


class _Merge:
    """Two tables in the order of their keys, read side by side."""

    def __init__(
        self,
        block: Block,
        keys: Sequence[Column],
        parent_keys: Sequence[Column],
        headings: Sequence[tuple[Column, str, str]],
        *,
        width: int,
    ) -> None:
        self._block = block
        self._of = block.options["of"]
        self._keys = keys
        self._parent_keys = parent_keys
        self._headings = headings
        self._width = width

    def rows(self, parents: Path, children: Path) -> Iterator[list[str | None]]:
        """Each row of `children` behind its parent's heading; a parent without any has a row of nothing."""
        below = read(children)
        row = next(below, None)
        number = 1
        last: list[str | None] | None = None
        for parent in read(parents):
            key = [parent[column.index] for column in self._parent_keys]
            if key == last:
                raise wrong(self._block, f"by={self._names()}: “{self._of}” has two rows with {self._said(key)}")
            last, heading = key, self._heading(parent)
            alone = True
            while row is not None and [row[column.index] for column in self._keys] == key:
                yield [heading, *row]
                alone = False
                row, number = next(below, None), number + 1
            if alone:
                yield [heading, *[None] * self._width]
        if row is not None:
            said = self._said([row[column.index] for column in self._keys])
            raise wrong(
                self._block,
                f"row {number} of “{self._block.name}” has {said}, and no row of “{self._of}” has it, or none at this "
                f"place: each row needs one, and both queries the same order by {self._names()}",
            )

    def _heading(self, parent: Sequence[str | None]) -> str:
        shown = (
            (label, display(parent[column.index], column.format, locale)) for column, label, locale in self._headings
        )
        return " · ".join(label + text for label, text in shown if text)

    def _names(self) -> str:
        return ", ".join(column.name for column in self._keys)

    def _said(self, key: Sequence[str | None]) -> str:
        pairs = zip(self._keys, key, strict=True)
        return ", ".join(f"{column.name} = {'NULL' if value is None else value}" for column, value in pairs)


def _headings(keys: Sequence[Column], head: Sequence[Column], locale: str) -> list[tuple[Column, str, str]]:
    """What a heading says: the keys, so that no two are alike, then the other columns; figures, dates behind titles."""
    first = _indexes(keys)
    wanted = (*keys, *(column for column in head if column.index not in first))
    return [(column, f"{column.title} " if column.format.kind in _TITLED else "", locale) for column in wanted]


def _indexes(columns: Sequence[Column]) -> set[int]:
    return {column.index for column in columns}
