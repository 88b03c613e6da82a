"""A table's rows from the spool into sheets: batches of columns in, sheet XML out. A long sheet's time goes here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reportd import spool
from reportd.render.xlsx.cells import CellWriter
from reportd.render.xlsx.package import PieceWriter
from reportd.report.document import Column

LEVELS_MAX = 7
"""Excel's outline goes no deeper."""

_Batch = Sequence[Sequence[str | None]]


class RowWriter:
    """Writes spooled rows through one `CellWriter` per column, sheet after sheet until there are no more.

    Within `groups`, the widest first, rows have levels of the outline.
    """

    def __init__(
        self, path: Path | str, columns: Sequence[Column], writers: Sequence[CellWriter], *, groups: Sequence[Column]
    ) -> None:
        self._batches: Iterator[_Batch] = spool.read_columns(path)
        self._rest: _Batch = ()
        self._columns = columns
        self._writers = writers
        self._groups = groups[:LEVELS_MAX]

    def write(self, piece: PieceWriter, *, room: int) -> int:
        """Write at most `room` rows, from a sheet's second row on; how many there were."""
        written = 0
        outline = _Outline(self._groups)
        while batch := self._rest or next(self._batches, ()):
            count = min(len(batch[0]), room - written)
            self._rest = [column[count:] for column in batch] if count < len(batch[0]) else ()
            if not count:
                break
            chosen = [batch[column.index] for column in self._columns]
            if self._rest:
                chosen = [column[:count] for column in chosen]
            levels = outline.levels(batch, count) if self._groups else None
            piece.write(_xml(chosen, self._writers, first=written + 2, levels=levels))
            written += count
        return written


class _Outline:
    """The levels of one sheet's rows: a row that opens a group stays when that is folded, what follows it goes.

    A data sheet is a rectangle without lines of headings and sums, so a group's first row stands for it.
    """

    def __init__(self, groups: Sequence[Column]) -> None:
        self._groups = groups
        self._before: tuple[str | None, ...] = ()
        self._written = [f' outlineLevel="{level}"' if level else "" for level in range(len(groups) + 1)]

    def levels(self, batch: _Batch, count: int) -> list[str]:
        """The attribute of each of the first `count` rows of `batch`: how many of its groups have begun above it."""
        within = self._written[-1]
        levels = []
        for key in zip(*(batch[column.index][:count] for column in self._groups), strict=True):
            if key == self._before:
                levels.append(within)
                continue
            shared = 0
            for ours, theirs in zip(key, self._before, strict=False):
                if ours != theirs:
                    break
                shared += 1
            levels.append(self._written[shared])
            self._before = key
        return levels


def _xml(columns: _Batch, writers: Sequence[CellWriter], *, first: int, levels: list[str] | None) -> str:
    """The rows of a batch, numbered from `first` on; `levels` are attributes of theirs."""
    count = len(columns[0])
    numbers = list(map(str, range(first, first + count)))
    template, lanes = ['<row r="%s">'], [numbers]
    if levels is not None:
        template, lanes = ['<row r="%s"%s>'], [numbers, levels]
    for values, writer in zip(columns, writers, strict=True):
        slot, fillers = writer.slot(values, numbers)
        template.append(slot)
        lanes.extend(fillers)  # type: ignore[arg-type]
    literals = "".join([*template, "</row>"]).split("%s")
    # All pieces of all rows in one list, laid out lane by lane, and joined once: twice as fast as a template per row,
    # and no Python code runs per row.
    step = 2 * len(lanes) + 1
    row = [""] * step
    row[::2] = literals
    pieces = row * count
    for lane, filler in enumerate(lanes):
        pieces[2 * lane + 1 :: step] = filler
    return "".join(pieces)
