"""A table's rows from the spool into sheets: batches of columns in, sheet XML out. A long sheet's time goes here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reportd import spool
from reportd.render.xlsx.cells import CellWriter
from reportd.render.xlsx.package import PieceWriter
from reportd.report.document import Column

_Batch = Sequence[Sequence[str | None]]


class RowWriter:
    """Writes spooled rows through one `CellWriter` per column, sheet after sheet until there are no more."""

    def __init__(self, path: Path | str, columns: Sequence[Column], writers: Sequence[CellWriter]) -> None:
        self._batches: Iterator[_Batch] = spool.read_columns(path)
        self._rest: _Batch = ()
        self._columns = columns
        self._writers = writers

    def write(self, piece: PieceWriter, *, room: int) -> int:
        """Write at most `room` rows, from a sheet's second row on; how many there were."""
        written = 0
        while batch := self._rest or next(self._batches, ()):
            count = min(len(batch[0]), room - written)
            self._rest = [column[count:] for column in batch] if count < len(batch[0]) else ()
            if not count:
                break
            chosen = [batch[column.index][:count] for column in self._columns]
            piece.write(_xml(chosen, self._writers, first=written + 2))
            written += count
        return written


def _xml(columns: _Batch, writers: Sequence[CellWriter], *, first: int) -> str:
    """The rows of a batch, numbered from `first` on."""
    count = len(columns[0])
    numbers = list(map(str, range(first, first + count)))
    template, lanes = ['<row r="%s">'], [numbers]
    for values, writer in zip(columns, writers, strict=True):
        slot, fillers = writer.slot(values, numbers)
        template.append(slot)
        lanes.extend(fillers)  # type: ignore[arg-type]
    literals = "".join([*template, "</row>"]).split("%s")
    # All pieces of all rows in one list, laid out lane by lane, and joined once: twice as fast as a template per row,
    # and no Python code runs per row.
    step = 2 * len(lanes) + 1
    pieces = [""] * (count * step)
    for lane, literal in enumerate(literals):
        pieces[2 * lane :: step] = [literal] * count
    for lane, filler in enumerate(lanes):
        pieces[2 * lane + 1 :: step] = filler
    return "".join(pieces)
