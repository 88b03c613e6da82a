"""A table's lines become operators with their places across the page: aligned, wrapped, cut to three lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reportd.render.fonts import SEMIBOLD, faces
from reportd.render.layout import clamp
from reportd.render.stream.face import Face
from reportd.render.stream.fallback import Fallback
from reportd.render.stream.geometry import Geometry, Slot, Text, Type
from reportd.render.stream.objects import Objects
from reportd.render.view import Grid, Line, LineKind

Piece = tuple[str, str]
"""A line of a cell's text: its x, and the operators that show it there."""
Cell = tuple[Piece, ...]

_CACHE_MAX = 50_000
_PLACES = {"latin-400": "R0", "latin-600": "R1"}
_SLACK = 1.0001


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line, set. `height` in px; `lines` is how many lines of text it has; `first_span` the columns of its first cell."""

    line: Line
    height: float
    lines: int
    cells: list[Cell]


class Typesetter:
    """Shows texts in the two weights of our font, and in others where it lacks a character."""

    def __init__(self) -> None:
        made = {face.name: Face(face) for face in faces() if face.name in _PLACES}
        self._faces = {name.endswith(str(SEMIBOLD)): face for name, face in made.items()}
        self._fallback = Fallback()

    def font(self, type: Type) -> str:
        """The operator that chooses the font of `type`."""
        return f"/R{int(type.bold)} {type.size:.4f} Tf"

    def shower(self, type: Type) -> Callable[[str], tuple[str, float]]:
        """A function from a text to its operators (where the font of `type` is chosen) and its width in px."""
        face, size = self._faces[type.bold], type.size

        def show(text: str) -> tuple[str, float]:
            if face.knows(text):
                shown, width = face.show(text)
                return f"[{shown}]TJ", width * size
            ((operators, width),) = self.wrapped(text, type, None)
            return operators, width

        return show

    def measurer(self, type: Type) -> Callable[[str], float] | None:
        face, size = self._faces[type.bold], type.size
        return lambda text: face.width(text) * size

    def knows(self, text: str, type: Type) -> bool:
        return self._faces[type.bold].knows(text)

    def wrapped(self, text: str, type: Type, room: float | None) -> list[tuple[str, float]]:
        """`text` in lines set by Pango."""
        font = self.font(type)
        return [(f"{shown} {font}", width) for shown, width in self._fallback.lines(text, type.style, room)]

    def at(self, text: Text) -> str:
        """The operators that show `text` in its place, font and colour chosen."""
        shown, _ = self.shower(text.type)(text.text)
        return f"{self.font(text.type)} {colour(text.type)} 1 0 0 -1 {text.x:.3f} {text.y:.3f} Tm {shown}"

    def write(self, numbers: Sequence[int], objects: Objects) -> str:
        """Write the fonts, ours as `numbers`; the entries of a resource dictionary that name them all."""
        for number, bold in zip(numbers, (False, True), strict=True):
            self._faces[bold].write(number, objects)
        others = self._fallback.write(objects)
        return " ".join(f"/R{place} {number} 0 R" for place, number in enumerate(numbers)) + " " + others


def colour(type: Type) -> str:
    """The operator that chooses the colour of `type`."""
    return " ".join(f"{part:.4g}" for part in type.colour) + " rg"


class Setting:
    """Sets the lines of one table."""

    def __init__(self, grid: Grid, geometry: Geometry, typesetter: Typesetter) -> None:
        self._geometry = geometry
        self._places = [head.place for head in grid.heads]
        self._all = self._places == list(range(len(self._places)))
        shapes = geometry.shapes
        self._row = [
            _Column(slot, typesetter, wraps=head.wraps)
            for slot, head in zip(shapes["row"].slots, grid.heads, strict=True)
        ]
        self._links = [_Column(slot, typesetter, wraps=head.wraps, link=geometry.link) for slot, head in zip(shapes["row"].slots, grid.heads, strict=True)]
        self._sums = {kind: [_Column(slot, typesetter, wraps=False) for slot in shapes[kind].slots] for kind in ("subtotal", "total")}
        self._wide = {kind: _Column(shapes[kind].slots[0], typesetter, wraps=True, cut=False) for kind in ("group", "cut")}
        self._typesetter = typesetter

    def set(self, line: Line) -> SetLine:
        """`line`, of the whole table, as it stands in this part of it."""
        line = self._picked(line)
        match line.kind:
            case "row":
                columns = self._row
                if line.links:
                    columns = [self._links[n] if target else column for n, (column, target) in enumerate(zip(columns, line.links, strict=True))]
                cells = [column.set(text) for column, text in zip(columns, line.cells, strict=True)]
            case "group" | "cut":
                cells = [self._wide[line.kind].set(line.cells[0])]
            case _:
                cells = self._sum(line)
        shape = self._geometry.shapes[line.kind]
        count = max(map(len, cells), default=1) or 1
        return SetLine(line, shape.height + (count - 1) * shape.leading, count, cells)

    def _sum(self, line: Line) -> list[Cell]:
        columns = self._sums[line.kind]
        cells = [column.set(text) for column, text in zip(columns[line.span :], line.cells[line.span :], strict=True)]
        return [columns[0].set(line.cells[0], until=columns[line.span - 1]), *cells]

    def _picked(self, line: Line) -> Line:
        if self._all or line.kind in ("group", "cut"):
            return line
        return picked(line, self._places)


class _Column:
    """Sets the texts of one column, each text once as long as it is remembered."""

    def __init__(self, slot: Slot, typesetter: Typesetter, *, wraps: bool, cut: bool = True, link: Type | None = None) -> None:
        type = link or slot.type
        self._slot, self._type, self._wraps, self._cut = slot, type, wraps, cut
        self._typesetter = typesetter
        self._show = typesetter.shower(type)
        self._colour = (colour(type) + " ", " " + colour(slot.type)) if link else ("", "")
        self._known: dict[str, Cell] = {}

    @property
    def end(self) -> float:
        return self._slot.x + self._slot.width

    def set(self, text: str, *, until: _Column | None = None) -> Cell:
        found = self._known.get(text)
        if found is not None and until is None:
            return found
        if not text.strip():
            return ()
        if self._wraps:
            shown = self._lines(text)
        else:
            shown = [self._show(text)]
        end = (until or self).end
        before, after = self._colour
        made = tuple(
            (f"{end - width if self._slot.align_right else self._slot.x:.3f}", f"{before}{operators}{after}")
            for operators, width in shown
        )
        if until is None:
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            self._known[text] = made
        return made

    def _lines(self, text: str) -> list[tuple[str, float]]:
        room = self._slot.width
        known = self._typesetter.knows(text, self._type)
        if known:
            whole = self._show(text)
            if whole[1] <= room * _SLACK:
                return [whole]
        if self._cut:
            text = clamp(text, room / self._type.size)
        if not known:
            return self._typesetter.wrapped(text, self._type, room)
        return [self._show(line) for line in broken(text, room, self._typesetter.measurer(self._type))]


def picked(line: Line, places: Sequence[int]) -> Line:
    """`line` with the cells of some columns only."""
    from reportd.render.layout import _picked

    return _picked(line, places)


def broken(text: str, room: float, width: Any) -> list[str]:
    """`text` in lines no wider than `room`, broken where words end, and within a word that is wider than a line."""
    lines: list[str] = []
    current = ""
    for piece in pieces(text):
        if width((current + piece).rstrip(" ")) <= room * _SLACK:
            current += piece
            continue
        if current:
            lines.append(current.rstrip(" "))
        current = piece
        while width(current.rstrip(" ")) > room * _SLACK and len(current) > 1:
            low, high = 1, len(current) - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if width(current[:middle]) <= room * _SLACK else (low, middle - 1)
            lines.append(current[:low])
            current = current[low:]
    return [*lines, current.rstrip(" ")] if current.strip(" ") or not lines else lines


def pieces(text: str) -> list[str]:
    """`text` cut at every place where a line may end: after spaces, hyphens, slashes and dashes (as in UAX 14)."""
    found, start = [], 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        if after == " ":
            continue
        if before == " " or (before in "-/" and not after.isdigit()) or before in "–—|?!":
            if before != " " and after in ",.;:!?)]}/…\"'":
                continue
            found.append(text[start:index])
            start = index
    return [*found, text[start:]]
