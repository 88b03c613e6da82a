"""How wide a long table's columns are: one pass over its lines picks the few that `layout` needs to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reportd.render.fonts import width_em
from reportd.render.view import Grid, Line, View

_SAMPLE = 600
"""Lines taken evenly from all: enough to say how long a text usually is."""
_FIGURES = str.maketrans("123456789", "000000000")
_SHAPES_MAX = 20_000


def surveyed(view: View) -> View:
    """`view`, where the lines of each long table are a sample and, made up, one with every column's widest value."""
    parts = tuple(
        replace(part, lines=_survey(part)) if isinstance(part, Grid) and part.source else part for part in view.parts
    )
    return replace(view, parts=parts)


@dataclass(slots=True)
class _Widest:
    """The widest text seen of one column. All figures are as wide, so texts that differ in them alone are one shape."""

    bold: bool
    text: str = ""
    width: float = 0.0
    shapes: set[str] = field(default_factory=set)

    def see(self, text: str) -> None:
        shape = text.translate(_FIGURES)
        if shape not in self.shapes:
            if len(self.shapes) >= _SHAPES_MAX:
                self.shapes.clear()
            self.shapes.add(shape)
            if (width := width_em(text, bold=self.bold)) > self.width:
                self.text, self.width = text, width


def _survey(grid: Grid) -> tuple[Line, ...]:
    assert grid.source is not None
    step = max(1, grid.source.table.rows.count // _SAMPLE)
    rows = [_Widest(bold=False) for _ in grid.heads]
    sums = [_Widest(bold=True) for _ in grid.heads]
    # A wrapping column goes by its usual length; only what may not wrap has to be seen to the last row.
    seen = [(number, rows[number].see) for number, head in enumerate(grid.heads) if not head.wraps]
    sample: list[Line] = []
    for number, line in enumerate(grid.source.lines()):
        if line.kind == "row":
            cells = line.cells
            for column, see in seen:
                see(cells[column])
            if number % step == 0:
                sample.append(line)
        elif line.kind in ("subtotal", "total"):
            for column in range(line.span, len(line.cells)):
                sums[column].see(line.cells[column])
    widest = tuple(column.text for column in rows)
    return (*sample, _row(sample, widest), Line("total", ("", *(column.text for column in sums[1:]))))


def _row(sample: Sequence[Line], widest: tuple[str, ...]) -> Line:
    """A row of the widest values; a wrapping column's is as in any row, so that it weighs nothing."""
    first = sample[0].cells if sample else widest
    return Line("row", tuple(text or cell for text, cell in zip(widest, first, strict=True)))
