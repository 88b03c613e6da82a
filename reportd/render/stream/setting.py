"""A table's lines become operators with their places across the page: aligned, wrapped, cut to three lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from reportd.render.fonts import REGULAR, SEMIBOLD, faces
from reportd.render.layout import picked
from reportd.render.lines import Line, LineKind
from reportd.render.stream.face import Face, Shown
from reportd.render.stream.fallback import Fallback
from reportd.render.stream.geometry import Geometry, Shape, Slot, Text, Type
from reportd.render.stream.objects import Objects
from reportd.render.view import Grid
from reportd.render.wrapping import clamp

Piece = tuple[str, str, float]
"""A line of a cell's text: the operators that show it, up to and from where its baseline's y is to stand; and by how
much it is higher than a line in our font."""
Cell = tuple[Piece, ...]

Tall = tuple[str, float, float]
"""Operators, width, and by how much the line is higher than one in our font."""

_CACHE_MAX = 5_000
_SUMS: tuple[LineKind, ...] = ("subtotal", "total")
_WIDE: tuple[LineKind, ...] = ("group", "cut")
_WEIGHTS = ((False, REGULAR), (True, SEMIBOLD))
_SLACK = 1.0001
_PIECES = re.compile(r"(?:[^ -]|-(?![^\W\d]))*(?:-| +|$)")


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line, set. `height` in px; `lines`: how many lines of text it has."""

    line: Line
    height: float
    lines: int
    cells: list[Cell]


class Typesetter:
    """Shows texts in the weights of our font, and in others where it lacks a character."""

    def __init__(self) -> None:
        made = {face.name: Face(face) for face in faces()}
        self._faces = {
            bold: [face for name, face in made.items() if name.endswith(f"-{weight}")] for bold, weight in _WEIGHTS
        }
        self._known = {bold: frozenset().union(*(face.knows for face in some)) for bold, some in self._faces.items()}
        self._fallback = Fallback()
        self.tall = False

    def font(self, type: Type) -> str:
        """The operator that chooses the font of `type`."""
        return f"/R{int(type.bold)}0 {type.size:.6f} Tf"

    def shower(self, type: Type) -> Callable[[str], Shown]:
        """A function from a text to its operators (where the font of `type` is chosen) and its width in px."""
        show_known, knows = self._faces[type.bold][0].at(type.size).show, self.knower(type)

        def show(text: str) -> Shown:
            try:
                shown, width = show_known(text)
            except KeyError:
                if knows(text):
                    return self._mixed(text, type)
                ((operators, width, _),) = self.wrapped(text, type, None)
                return operators, width
            return f"[{shown}]TJ", width

        return show

    def knower(self, type: Type) -> Callable[[str], bool]:
        """A function from a text to whether our font has all its characters."""
        return self._known[type.bold].issuperset

    def wrapped(self, text: str, type: Type, room: float | None, *, shape: Shape | None = None) -> list[Tall]:
        """`text` in lines of at most `room` px, set by Pango; its fonts may need more height than a `shape`'s lines."""
        font = self.font(type)
        lines: list[Tall] = []
        down = 0.0
        for shown, width, height, baseline in self._fallback.lines(text, type.style, room):
            change = baseline + (shape.leading - height) / 2 - shape.ascent if shape else 0.0
            down += max(0.0, change)
            lines.append((f"0 {-down:.3f} Td {shown} {font}", width, abs(change)))
            down += max(0.0, -change)
        self.tall = self.tall or down > 0
        return lines

    def at(self, text: Text) -> str:
        """The operators that show `text` in its place, font and colour chosen."""
        shown, _ = self.shower(text.type)(text.text)
        return f"{self.font(text.type)} {colour(text.type)} 1 0 0 -1 {text.x:.3f} {text.y:.3f} Tm {shown}"

    def write(self, objects: Objects) -> str:
        """Write the fonts; the entries of a resource dictionary that name them."""
        named = []
        for bold, alphabets in self._faces.items():
            for part, face in enumerate(alphabets):
                if face.used:
                    named.append(f"/R{int(bold)}{part} {face.write(objects)} 0 R")
        return " ".join([*named, self._fallback.write(objects)])

    def _mixed(self, text: str, type: Type) -> Shown:
        alphabets = self._faces[type.bold]
        operators, total = [], 0.0
        for part, characters in groupby(
            text, key=lambda c: next(n for n, face in enumerate(alphabets) if c in face.knows)
        ):
            shown, width = alphabets[part].at(type.size).show("".join(characters))
            operators.append(f"/R{int(type.bold)}{part} {type.size:.6f} Tf [{shown}]TJ")
            total += width
        return " ".join([*operators, self.font(type)]), total


def colour(type: Type) -> str:
    """The operator that chooses the colour of `type`."""
    return " ".join(f"{part:.4g}" for part in type.colour) + " rg"


def _choice(type: Type, typesetter: Typesetter) -> str:
    return f"{typesetter.font(type)} {colour(type)}"


class Setting:
    """Sets the lines of one table."""

    def __init__(self, grid: Grid, geometry: Geometry, typesetter: Typesetter) -> None:
        self._geometry, self._heads = geometry, grid.heads
        self._places = [head.place for head in grid.heads]
        self._all = grid.source is None or len(self._places) == len(grid.source.columns)
        shapes = geometry.shapes
        self._typesetter = typesetter
        self._row = self._columns(None)
        self._links = self._columns(geometry.link)
        self._marked = {mark: self._columns(type) for mark, type in geometry.marks.items()}
        self._sums = {
            kind: [_Column(slot, shapes[kind], typesetter, wraps=False) for slot in shapes[kind].slots]
            for kind in _SUMS
        }
        self._wide = {
            kind: _Column(shapes[kind].slots[0], shapes[kind], typesetter, wraps=True, cut=False) for kind in _WIDE
        }

    def set(self, line: Line) -> SetLine:
        """`line`, of the whole table, as it stands in this part of it."""
        line = self._picked(line)
        texts = line.once if line.repeats else line.cells
        match line.kind:
            case "row" if not line.marks and not line.links:
                cells = [column[text] for column, text in zip(self._row, texts, strict=True)]
            case "row":
                columns = self._row
                if line.marks:
                    columns = [
                        self._marked[mark][n] if mark else column
                        for n, (column, mark) in enumerate(zip(columns, line.marks, strict=True))
                    ]
                if line.links:
                    columns = [
                        self._links[n] if target else column
                        for n, (column, target) in enumerate(zip(columns, line.links, strict=True))
                    ]
                cells = [column[text] for column, text in zip(columns, texts, strict=True)]
            case "group" | "cut":
                cells = [self._wide[line.kind][line.cells[0]]]
            case _:
                cells = self._sum(line)
        shape = self._geometry.shapes[line.kind]
        count = max(map(len, cells)) or 1
        height = shape.height + (count - 1) * shape.leading
        if self._typesetter.tall:
            tallest = max(sum(shape.leading + more for *_, more in cell) for cell in cells)
            height = max(height, shape.height - shape.leading + tallest)
        return SetLine(line, height, count, cells)

    def begun(self, lines: Iterable[Line]) -> tuple[Line, ...]:
        """`lines` for WeasyPrint to set just as `set` does: this part's columns, long texts cut."""
        cut = [
            (number, column)
            for number, (column, head) in enumerate(zip(self._row, self._heads, strict=True))
            if head.wraps
        ]
        return tuple(self._begun(self._picked(line), cut) for line in lines)

    def _begun(self, line: Line, cut: list[tuple[int, _Column]]) -> Line:
        if line.kind != "row":
            return line
        cells = list(line.once)
        for number, column in cut:
            cells[number] = column.clamped(cells[number])
        return replace(line, cells=tuple(cells))

    def _columns(self, type: Type | None) -> list[_Column]:
        shape = self._geometry.shapes["row"]
        return [
            _Column(slot, shape, self._typesetter, wraps=head.wraps, type=type)
            for slot, head in zip(shape.slots, self._heads, strict=True)
        ]

    def _sum(self, line: Line) -> list[Cell]:
        columns = self._sums[line.kind]
        cells = [column[text] for column, text in zip(columns[line.span :], line.cells[line.span :], strict=True)]
        return [columns[0].reaching(line.cells[0], columns[line.span - 1]), *cells]

    def _picked(self, line: Line) -> Line:
        if self._all or line.kind in ("group", "cut"):
            return line
        return picked(line, self._places)


class _Column(dict[str, Cell]):
    """The texts of one column, set; each text once as long as it is remembered."""

    def __init__(
        self,
        slot: Slot,
        shape: Shape,
        typesetter: Typesetter,
        *,
        wraps: bool,
        cut: bool = True,
        type: Type | None = None,
    ) -> None:
        super().__init__()
        kind = slot.type if type is None else type
        self._slot, self._type, self._wraps, self._cut = slot, kind, wraps, cut
        self._shape, self._typesetter = shape, typesetter
        self._show, self._knows = typesetter.shower(kind), typesetter.knower(kind)
        # What differs from the type of all rows is chosen for this text, and undone.
        self._chosen = (
            ("", "") if type is None else (f"{_choice(kind, typesetter)} ", f" {_choice(slot.type, typesetter)}")
        )
        self._left, self.end = f"{self._chosen[0]}1 0 0 -1 {slot.x:.3f} ", slot.x + slot.width

    def __missing__(self, text: str) -> Cell:
        if len(self) >= _CACHE_MAX:
            self.clear()
        cell = self[text] = self.reaching(text, self)
        return cell

    def reaching(self, text: str, last: _Column) -> Cell:
        """`text` in the room from this column to the `last`; over more than one it begins on the left."""
        if not text or text.isspace():
            return ()
        if not self._knows(text):
            return self._elsewhere(text, last)
        before, after = self._chosen
        shown = self._lines(text) if self._wraps else [self._show(text)]
        if self._slot.align_right and last is self:
            return tuple(
                [(f"{before}1 0 0 -1 {self.end - width:.3f} ", f" Tm {ops}{after}", 0.0) for ops, width in shown]
            )
        return tuple([(self._left, f" Tm {ops}{after}", 0.0) for ops, _ in shown])

    def _elsewhere(self, text: str, last: _Column) -> Cell:
        """A text that other fonts are needed for."""
        before, after = self._chosen
        flush = self._slot.align_right and last is self
        if self._wraps and self._cut:
            text = self.clamped(text)
        room = self._slot.width if self._wraps else None
        return tuple(
            (
                f"{before}1 0 0 -1 {last.end - width if flush else self._slot.x:.3f} ",
                f" Tm {operators}{after}",
                more,
            )
            for operators, width, more in self._typesetter.wrapped(text, self._type, room, shape=self._shape)
        )

    def clamped(self, text: str) -> str:
        """`text`, cut where it would take too many lines."""
        return clamp(text, self._slot.width / self._type.size)

    def _lines(self, text: str) -> list[tuple[str, float]]:
        room = self._slot.width
        whole = self._show(text)
        if whole[1] <= room * _SLACK:
            return [whole]
        if self._cut:
            text = self.clamped(text)
        return [self._show(line) for line in _broken(text, room, lambda piece: self._show(piece)[1])]


def _broken(text: str, room: float, width: Callable[[str], float]) -> list[str]:
    """`text` in lines no wider than `room` px, broken where Pango does: at spaces and hyphens, else anywhere."""
    lines: list[str] = []
    line = ""
    for piece in _PIECES.findall(text):
        if line and width((line + piece).rstrip(" ")) > room:
            lines.append(line.rstrip(" "))
            line = ""
        line += piece
        while width(line.rstrip(" ") or " ") > room and len(line) > 1:
            low, high = 1, len(line) - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if width(line[:middle]) <= room else (low, middle - 1)
            lines.append(line[:low])
            line = line[low:]
    return [*lines, line.rstrip(" ")] if line.strip(" ") else lines
