"""A page of a long table: its content, and the tags that say which text is which cell."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pydyf

from reportd.render.stream.geometry import Geometry, Rule, Text
from reportd.render.stream.objects import Objects
from reportd.render.stream.paginate import Sheet
from reportd.render.stream.setting import SetLine, Typesetter, colour
from reportd.render.stream.trees import Bookmarks, Parents
from reportd.render.view import Grid

PX = 0.75
"""Points in a CSS pixel."""

_GROUP_LEVEL = 3
_FRAME = 9.0


@dataclass(frozen=True, slots=True)
class _Link:
    """A linked text: the numbers of its tag, of its cell's and of its mark; `box` in px (left, top, right, bottom)."""

    number: int
    cell: int
    mark: int
    target: str
    box: tuple[float, float, float, float]


class Sheets:
    """Writes the pages of one table below the tag `table`; what is the same on all is drawn once.

    `fonts` is the number of the resource dictionary's fonts, `key` the next free key of `parents`.
    """

    def __init__(
        self,
        grid: Grid,
        geometry: Geometry,
        *,
        objects: Objects,
        typesetter: Typesetter,
        table: int,
        fonts: int,
        continued: str,
    ) -> None:
        self._grid, self._geometry, self._objects, self._typesetter = grid, geometry, objects, typesetter
        self._table, self._fonts, self._continued = table, fonts, continued
        self._drawings: dict[object, tuple[str, int]] = {}
        self._resources = objects.number()
        row = geometry.shapes["row"].slots[0].type
        self._body = f"{typesetter.font(row)} {colour(row)}"
        self._furniture = self._drawing("furniture", self._drawn(geometry.furniture))
        self._box = b"[0 0 %.4f %.4f]" % (geometry.width * PX, geometry.height * PX)
        self._marks = _Marks()
        self.bodies: list[int] = []

    def write(
        self, sheet: Sheet, *, page: int, parent: int, footer: int, key: int, parents: Parents, bookmarks: Bookmarks
    ) -> int:
        """Write `sheet` as the object `page`, with the stream `footer` to follow; the next free key."""
        content = self._objects.number()
        body, links = self._tagged(sheet, page=page, key=key, parents=parents)
        self._objects.stream(content, body.encode("latin-1"))
        annotations = b""
        if links:
            annotations = b"/Annots[" + b" ".join(b"%d 0 R" % number for number in links) + b"]"
        data = b"<</Type/Page/Parent %d 0 R/MediaBox%b/Resources %d 0 R" % (parent, self._box, self._resources)
        data += b"/Contents[%d 0 R %d 0 R]/Tabs/S/StructParents %d%b>>" % (content, footer, key, annotations)
        self._objects.pack(page, data)
        for y, line in sheet.lines:
            if line.line.kind == "group":
                height = self._geometry.height - y
                bookmarks.add(
                    _GROUP_LEVEL,
                    line.line.cells[0],
                    page,
                    self._geometry.shapes["group"].slots[0].left * PX,
                    height * PX,
                )
        return key + 1 + len(links)

    def close(self) -> None:
        """Write what the pages share."""
        drawings = " ".join(f"/{name} {number} 0 R" for name, number in self._drawings.values())
        data = f"<</Font {self._fonts} 0 R/XObject<<{drawings}>>>>"
        self._objects.pack(self._resources, data.encode())

    def _tagged(self, sheet: Sheet, *, page: int, key: int, parents: Parents) -> tuple[str, list[int]]:
        """The page's content; its tags are written, its links' numbers returned."""
        geometry = self._geometry
        cells = sum(len(line.cells) for _, line in sheet.lines)
        marks = self._marks.up_to(cells)
        body = self._objects.number(1 + len(sheet.lines) + cells)
        self.bodies.append(body)
        number = body + 1
        rows: list[int] = []
        tags: list[str] = []
        texts: list[str] = []
        links: list[_Link] = []
        drawings: list[str] = []
        mark = 0
        for y, line in sheet.lines:
            kind = line.line.kind
            shape = geometry.shapes[kind]
            drawing = self._rules(line)
            if drawing:
                drawings.append(f"q 1 0 0 1 0 {y:.3f} cm /{drawing} Do Q")
            if kind != "row":
                texts.append(f"{self._typesetter.font(shape.slots[0].type)} {colour(shape.slots[0].type)}")
            row = number
            rows.append(row)
            number += 1 + len(line.cells)
            kids = _references(range(row + 1, number))
            struck = [f"<</S/TR/P {body} 0 R/K[{kids}]>>"]
            above = f"/P {row} 0 R/Pg {page} 0 R"
            first, extra = ("TD", "") if kind == "row" else ("TH", self._attributes(line))
            if line.lines == 1 and not line.line.links and all(line.cells):
                # Nearly every row is such: the same as below, without asking.
                high = f"{y + shape.baseline:.3f}"
                after = mark + len(line.cells)
                tag = f"<</S/TD{above}"
                struck.append(f"<</S/{first}{above}/K {mark}{extra}>>")
                struck += [tag + known for known in marks.known[mark + 1 : after]]
                texts += [
                    f"{begun}{start}{high}{end} EMC"
                    for begun, ((start, end, _),) in zip(marks.begun[mark:after], line.cells, strict=True)
                ]
                tags.append(kids)
                mark = after
            else:
                mark = self._uneven((y, line), row, (first, extra), mark, above, texts, tags, struck, links)
            self._objects.pack_all(row, struck)
            if kind != "row":
                texts.append(self._body)
        self._objects.pack(body, f"<</S/TBody/P {self._table} 0 R/K[{_references(rows)}]>>".encode())
        parents.add(key, f"[{' '.join(tags)}]".encode())
        annotations = [
            self._annotation(link, page, key + number, parents) for number, link in enumerate(links, start=1)
        ]
        artifact = "/Artifact<</Type/Pagination>>BDC"
        running = ""
        if sheet.running is not None and geometry.running is not None:
            running = f" BT {self._typesetter.at(self._named(geometry.running, sheet.running))} ET"
        return (
            f"q {PX} 0 0 -{PX} 0 {geometry.height * PX:.4f} cm\n{artifact} /{self._furniture} Do{running} EMC\n"
            "/Artifact BMC\n" + "\n".join(drawings) + f"\nEMC\nBT {self._body}\n" + "\n".join(texts) + "\nET Q"
        ), annotations

    def _uneven(
        self,
        placed: tuple[float, SetLine],
        row: int,
        first: tuple[str, str],
        mark: int,
        above: str,
        texts: list[str],
        tags: list[str],
        struck: list[str],
        links: list[_Link],
    ) -> int:
        """A line with empty cells, cells of several lines, or links; the next mark."""
        y, line = placed
        shape = self._geometry.shapes[line.line.kind]
        tag, extra = first
        targets = line.line.links or itertools.repeat("")
        for place, (cell, target) in enumerate(zip(line.cells, targets, strict=False), start=row + 1):
            owner = place
            if not cell:
                struck.append(f"<</S/{tag}{above}{extra}>>")
            else:
                if target:
                    slot = shape.slots[place - row - 1]
                    owner = self._objects.number()
                    struck.append(f"<</S/TD{above}/K {owner} 0 R>>")
                    box = (slot.x, y, slot.x + slot.width, y + line.height)
                    links.append(_Link(owner, place, mark, target, box))
                else:
                    struck.append(f"<</S/{tag}{above}/K {mark}{extra}>>")
                down = y + shape.baseline
                shown = []
                for start, end, _ in cell:
                    shown.append(f"{start}{down:.3f}{end}")
                    down += shape.leading
                texts.append(f"/{'Link' if target else tag}<</MCID {mark}>>BDC {' '.join(shown)} EMC")
                tags.append(f"{owner} 0 R")
                mark += 1
            tag, extra = "TD", ""
        return mark

    def _annotation(self, link: _Link, page: int, key: int, parents: Parents) -> int:
        """Write what a reader can click, and its tag; its number."""
        left, top, right, bottom = (edge * PX for edge in link.box)
        height = self._geometry.height * PX
        target = pydyf.String(link.target).data.decode("latin-1")
        number = self._objects.add(
            f"<</Type/Annot/Subtype/Link/Rect[{left:.2f} {height - bottom:.2f} {right:.2f} {height - top:.2f}]/F 4"
            f"/BS<</W 0>>/Contents {target}/A<</S/URI/URI {target}>>/StructParent {key}>>".encode("latin-1")
        )
        self._objects.pack(
            link.number,
            f"<</S/Link/P {link.cell} 0 R/Pg {page} 0 R"
            f"/K[{link.mark}<</Type/OBJR/Obj {number} 0 R/Pg {page} 0 R>>]>>".encode(),
        )
        parents.add(key, b"%d 0 R" % link.number)
        return number

    def _named(self, place: Text, group: str) -> Text:
        return Text(f"{group} {self._continued}", place.x, place.y, place.right, place.type)

    def _attributes(self, line: SetLine) -> str:
        span = len(self._grid.heads) if line.line.kind in ("group", "cut") else line.line.span
        return "/A<</O/Table/Scope/Row" + (f"/ColSpan {span}" if span > 1 else "") + ">>"

    def _rules(self, line: SetLine) -> str:
        """The name of the drawing of what is below and between the texts of `line`."""
        odd = line.line.odd and self._grid.striped
        key = (line.line.kind, odd, line.height, line.line.span)
        if key in self._drawings:
            return self._drawings[key][0]
        shape = self._geometry.shapes[line.line.kind]
        rules = self._geometry.odd if odd else _spanned(shape.rules, line.line.span)
        if not rules:
            return ""
        grown = line.height - shape.height
        return self._drawing(key, self._drawn(_stretched(rules, shape.height, grown)))

    def _drawn(self, parts: Iterable[Text | Rule]) -> str:
        drawn = []
        for part in parts:
            match part:
                case Rule():
                    drawn.append(_filled(part))
                case Text():
                    drawn.append(f"BT {self._typesetter.at(part)} ET")
        return "\n".join(drawn)

    def _drawing(self, key: object, content: str) -> str:
        number = self._objects.number()
        name = f"D{len(self._drawings)}"
        self._drawings[key] = (name, number)
        entries = b"/Type/XObject/Subtype/Form/BBox[0 -10 %.3f %.3f]/Resources<</Font %d 0 R>>"
        box = (self._geometry.width, self._geometry.height, self._fonts)
        self._objects.stream(number, content.encode("latin-1"), entries % box)
        return name


class _Marks:
    """What says of a page's marks, by their numbers: a cell's text has `begun`; its mark is `known` to its tag.

    The same on every page, so it is written once.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.known: list[str] = []

    def up_to(self, count: int) -> _Marks:
        """These, at least for `count` marks."""
        more = range(len(self.known), count)
        self.begun += [f"/TD<</MCID {mark}>>BDC " for mark in more]
        self.known += [f"/K {mark}>>" for mark in more]
        return self


def _references(numbers: Iterable[int]) -> str:
    return " ".join([f"{number} 0 R" for number in numbers])


def _filled(rule: Rule) -> str:
    """A border as WeasyPrint paints one: clipped, and what two frames differ in; a viewer then rounds it just so."""
    shade = " ".join(f"{channel:.4g}" for channel in rule.colour)
    if not rule.border:
        return f"{shade} rg {rule.x:.3f} {rule.y:.3f} {rule.width:.3f} {rule.height:.4f} re f"
    left, top, right, bottom = rule.x, rule.y, rule.x + rule.width, rule.y + rule.height
    clip = f"{right:.3f} {bottom:.4f} m {left:.3f} {bottom:.4f} l {left:.3f} {top:.4f} l {right:.3f} {top:.4f} l W* n"
    frames = " ".join(
        f"{left:.3f} {top - _FRAME:.4f} {rule.width:.3f} {_FRAME + more:.4f} re" for more in (0, rule.height)
    )
    return f"q {clip} {shade} rg {frames} f* Q"


def _spanned(rules: tuple[Rule, ...], span: int) -> tuple[Rule, ...]:
    """The rules of a line whose first cell reaches over `span` columns."""
    if span < 2 or len(rules) < span:
        return rules
    return (replace(rules[0], width=sum(rule.width for rule in rules[:span])), *rules[span:])


def _stretched(rules: tuple[Rule, ...], height: float, grown: float) -> Iterable[Rule]:
    """`rules` of a line that is `grown` px higher: a rule at its bottom moves, one as high as the line grows."""
    for rule in rules:
        if abs(rule.height - height) < 0.01:
            yield replace(rule, height=rule.height + grown)
        else:
            moved = grown if rule.y > height / 2 else 0.0
            yield replace(rule, y=rule.y + moved)
