"""Which lines make a page: as many as fit, broken only where the lines allow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reportd.render.lines import Line
from reportd.render.stream.setting import SetLine, Setting

_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's lines, each with the y (px) of its top. `running` is the group that the page begins within."""

    lines: list[tuple[float, SetLine]]
    running: str | None


def paginate(lines: Iterator[Line], setting: Setting, *, skip: int, top: float, bottom: float) -> Iterator[Sheet]:
    """The pages of a table after its first `skip` lines, which stand on a page already."""
    group: str | None = None
    for _, line in zip(range(skip), lines, strict=False):
        if line.kind == "group":
            group = line.cells[0]
    sheet: Sheet | None = None
    y = top
    block: list[tuple[Line, SetLine]] = []
    for line in lines:
        block.append((line, setting.set(line)))
        if line.keep or line.kind == "group":
            continue
        if len(block) > 1 and sheet is not None and y + sum(one.height for _, one in block) > bottom + _SLACK:
            yield sheet
            sheet = None
        for whole, one in block:
            if sheet is not None and y + one.height > bottom + _SLACK:
                yield sheet
                sheet = None
            if sheet is None:
                if whole.repeats:
                    one = setting.set(replace(whole, repeats=0))
                within = one.line.kind in ("row", "subtotal", "cut")
                sheet, y = Sheet([], group if within else None), top
            if one.line.kind == "group":
                group = one.line.cells[0]
            sheet.lines.append((y, one))
            y += one.height
        block = []
    if sheet is not None:
        yield sheet
