"""How wide a long table's columns are: one pass over its rows picks the few lines that `layout` needs to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from reportd.render.fonts import width_em
from reportd.render.lines import Line, Source
from reportd.render.view import Grid, View
from reportd.report.document import Column
from reportd.report.formats import displayer
from reportd.report.looks import total_text
from reportd.spool import read_columns

_SAMPLE = 600
"""Lines taken from all: enough to say how long a text usually is."""
_GOLDEN = 0.6180339887
_NINES = str.maketrans("12345678", "99999999")
_SHAPES_MAX = 20_000


def surveyed(view: View) -> View:
    """`view`, where the lines of each long table are a sample and, made up, some with every column's widest value."""
    parts = tuple(
        replace(part, lines=_survey(part, part.source)) if isinstance(part, Grid) and part.source else part
        for part in view.parts
    )
    return replace(view, parts=parts)


@dataclass(slots=True)
class _Widest:
    """The widest text of one column so far; `shapes` are those that need no second look."""

    bold: bool
    text: str = ""
    width: float = 0.0
    shapes: set[str | None] = field(default_factory=set)

    def see(self, shapes: Iterable[str | None], show: Callable[[str | None], str]) -> None:
        """Measure what `show` makes of those `shapes` that are new."""
        fresh = set(shapes) - self.shapes
        if len(self.shapes) + len(fresh) > _SHAPES_MAX:
            self.shapes.clear()
        self.shapes |= fresh
        for shape in fresh:
            text = show(shape)
            if (width := width_em(text, bold=self.bold)) > self.width:
                self.text, self.width = text, width


def _survey(grid: Grid, source: Source) -> tuple[Line, ...]:
    # Marks are set in bold behind a sign, and sums of groups are nowhere but in the lines: these must all be made.
    if source.table.subtotal or any(column.conditions for column in source.columns):
        return _survey_of_lines(grid, source)
    return _survey_of_columns(grid, source)


def _survey_of_columns(grid: Grid, source: Source) -> tuple[Line, ...]:
    """By the spooled values: a number is as wide as it has figures, so hardly any needs to be shown."""
    picks = _picks(source.table.rows.count)
    pick = next(picks)
    widest = [_Widest(bold=False) for _ in source.columns]
    # A wrapping column goes by its usual length; only what may not wrap has to be seen to the last row.
    seen = [
        (column, displayer(column.format, source.document.locale), widest[number])
        for number, (column, head) in enumerate(zip(source.columns, grid.heads, strict=True))
        if not head.wraps
    ]
    sample: list[Line] = []
    number = 0
    for batch in read_columns(source.table.rows.path):
        for column, show, found in seen:
            found.see(_outlines(column, batch[column.index]), show)
        after = number + len(batch[0])
        while pick < after:
            sample.append(source.row([values[pick - number] for values in batch]))
            pick = next(picks)
        number = after
    totals = [total_text(column, column.total, source.document.locale) for column in source.columns]
    return (*sample, _row(sample, widest), Line("total", ("", *totals[1:])))


def _outlines(column: Column, values: list[str | None]) -> Iterable[str | None]:
    """Values no narrower than `values`, far fewer. All figures are as wide, but rounding may add one: hence nines."""
    match column.format.kind:
        case "date" | "datetime":  # the width goes by month and hour
            return {raw and raw[5:13] + raw[19:]: raw for raw in values}.values()
        case "time" | "boolean":
            return set(values)
        case _:
            shapes = {raw and raw.translate(_NINES) for raw in values}
            # An exponent of nines would be another number altogether.
            return shapes if not any(shape and "e" in shape for shape in shapes) else set(values)


def _survey_of_lines(grid: Grid, source: Source) -> tuple[Line, ...]:
    picks = _picks(source.table.rows.count)
    pick = next(picks)
    rows = [_Widest(bold=bool(column.conditions)) for column in source.columns]
    sums = [_Widest(bold=True) for _ in grid.heads]
    seen = [(number, rows[number]) for number, head in enumerate(grid.heads) if not head.wraps]
    sample: list[Line] = []
    number = 0
    for line in source.lines():
        if line.kind == "row":
            for column, found in seen:
                found.see((line.cells[column],), str)
            if number == pick:
                sample.append(line)
                pick = next(picks)
            number += 1
        elif line.kind in ("subtotal", "total"):
            for column in range(line.span, len(line.cells)):
                sums[column].see((line.cells[column],), str)
    return (*sample, _row(sample, rows), Line("total", ("", *(column.text for column in sums[1:]))))


def _picks(rows: int) -> Iterator[int]:
    """The numbers of the lines to look at, one out of each stretch of equal length.

    Not the first of each: data repeat themselves, and a step that is a multiple of ten would only ever see every tenth.
    """
    step = max(1, rows // _SAMPLE)
    for stretch in count():
        yield stretch * step + int(stretch * _GOLDEN % 1 * step)


def _row(sample: list[Line], widest: list[_Widest]) -> Line:
    """A row of the widest values; a wrapping column's is as in any row, so that it weighs nothing."""
    return Line("row", tuple(found.text or cell for found, cell in zip(widest, sample[0].cells, strict=True)))
