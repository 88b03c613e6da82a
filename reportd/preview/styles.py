"""How the cells of a workbook look: the part of its `styles.xml` that a preview shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

_GENERAL = "General"
# Those of the formats without a code of their own that xlsxwriter turns a code into.
_BUILT_IN = {
    0: _GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    14: "dd/mm/yyyy",
    20: "h:mm",
    22: "dd/mm/yyyy h:mm",
    37: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00",
    49: "@",
}
_PLAIN = "#000000"


@dataclass(frozen=True, slots=True)
class Style:
    """One look. Sizes in points; colours `#rrggbb`, None for the default; `top` and `bottom` are rules in pixels."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    size: float = 11.0
    color: str | None = None
    fill: str | None = None
    align: str | None = None
    valign: str = "bottom"
    wrap: bool = False
    indent: int = 0
    top: int = 0
    bottom: int = 0
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A cell format: its style and its number format."""

    style: Style
    number: str = _GENERAL


@dataclass(frozen=True, slots=True)
class Looks:
    """A workbook's cell formats by number, and those that its conditions put on top, by number."""

    cells: tuple[Look, ...]
    marks: tuple[Look, ...]

    def marked(self, look: Look, mark: int) -> Look:
        """`look` where the condition with the format `mark` holds."""
        top = self.marks[mark]
        style = replace(
            look.style,
            bold=top.style.bold or look.style.bold,
            color=top.style.color or look.style.color,
            fill=top.style.fill or look.style.fill,
        )
        return Look(style, look.number if top.number == _GENERAL else top.number)


def looks(root: Element) -> Looks:
    """The formats under the root of a `styles.xml`."""
    numbers = {int(each.get("numFmtId", "0")): each.get("formatCode", "") for each in root.iter(f"{MAIN}numFmt")}
    fonts = [_font(each) for each in _below(root, "fonts")]
    fills = [_fill(each) for each in _below(root, "fills")]
    borders = [_border(each) for each in _below(root, "borders")]
    cells = []
    for xf in _below(root, "cellXfs"):
        style = replace(fonts[_number(xf, "fontId")], fill=fills[_number(xf, "fillId")])
        style = _aligned(_ruled(style, borders[_number(xf, "borderId")]), xf.find(f"{MAIN}alignment"))
        cells.append(Look(style, _code(_number(xf, "numFmtId"), numbers)))
    return Looks(tuple(cells), tuple(_mark(each) for each in _below(root, "dxfs")))


def _below(root: Element, name: str) -> Iterator[Element]:
    found = root.find(f"{MAIN}{name}")
    yield from found if found is not None else ()


def _number(element: Element, name: str) -> int:
    return int(element.get(name, "0"))


def _code(number: int, codes: Mapping[int, str]) -> str:
    return codes.get(number) or _BUILT_IN.get(number, _GENERAL)


def _font(element: Element) -> Style:
    size = element.find(f"{MAIN}sz")
    return Style(
        bold=element.find(f"{MAIN}b") is not None,
        italic=element.find(f"{MAIN}i") is not None,
        underline=element.find(f"{MAIN}u") is not None,
        size=float(size.get("val", "11")) if size is not None else 11.0,
        color=_color(element.find(f"{MAIN}color")),
    )


def _fill(element: Element) -> str | None:
    pattern = element.find(f"{MAIN}patternFill")
    if pattern is None or pattern.get("patternType") != "solid":
        return None
    return _color(pattern.find(f"{MAIN}fgColor"))


def _border(element: Element) -> tuple[int, int, str | None]:
    """The rules above and below in pixels, and their colour."""
    edges = [element.find(f"{MAIN}{side}") for side in ("top", "bottom")]
    colors = [_color(edge.find(f"{MAIN}color")) for edge in edges if edge is not None]
    top, bottom = (_RULES.get(edge.get("style", ""), 0) if edge is not None else 0 for edge in edges)
    return top, bottom, next((color for color in colors if color), None)


_RULES = {"hair": 1, "thin": 1, "medium": 2, "thick": 3, "double": 3}


def _ruled(style: Style, border: tuple[int, int, str | None]) -> Style:
    top, bottom, color = border
    return replace(style, top=top, bottom=bottom, rule=color)


def _aligned(style: Style, alignment: Element | None) -> Style:
    if alignment is None:
        return style
    return replace(
        style,
        align=alignment.get("horizontal"),
        valign=alignment.get("vertical", "bottom"),
        wrap=alignment.get("wrapText") == "1",
        indent=_number(alignment, "indent"),
    )


def _mark(element: Element) -> Look:
    font, fill, number = (element.find(f"{MAIN}{name}") for name in ("font", "fill", "numFmt"))
    pattern = fill.find(f"{MAIN}patternFill") if fill is not None else None
    style = Style() if font is None else _font(font)
    if pattern is not None:
        style = replace(style, fill=_color(pattern.find(f"{MAIN}bgColor")))
    return Look(style, number.get("formatCode", _GENERAL) if number is not None else _GENERAL)


def _color(element: Element | None) -> str | None:
    rgb = element.get("rgb") if element is not None else None
    color = f"#{rgb[-6:].lower()}" if rgb else None
    return None if color == _PLAIN else color
