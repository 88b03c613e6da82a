"""A drawing as it may stand in a document: Vega's SVG held against a list, with names and sizes that suit the page.

What it draws is an author's, so nothing of it is believed: it loads nothing, runs nothing, and its names are not those
of another drawing on the same page.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from xml.etree.ElementTree import Element, ParseError, fromstring

from reportd.render.fonts import FAMILY
from reportd.render.vega import request
from reportd.report.assets import LOGOS, check

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = ("href", "{http://www.w3.org/1999/xlink}href")
# fmt: off
_ELEMENTS = frozenset((
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "defs",
    "linearGradient", "radialGradient", "stop", "clipPath", "image",
))
_ATTRIBUTES = frozenset((
    "d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "dx", "dy", "points", "width",
    "height", "transform", "offset", "gradientUnits", "gradientTransform", "spreadMethod", "clipPathUnits",
    "clip-path", "clip-rule", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity",
    "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stop-color",
    "stop-opacity", "opacity", "font-weight", "font-style", "text-anchor", "dominant-baseline", "letter-spacing",
    "text-decoration", "preserveAspectRatio",
))
# fmt: on
_PLACES = frozenset(("d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "transform", "points"))
_LONG = re.compile(r"-?\d*\.\d{3,}(?:e[-+]?\d+)?")
_REFERENCE = re.compile(r"url\(\s*[\"']?#([\w-]+)[\"']?\s*\)")
_DATA = re.compile(r"data:(image/(?:png|jpeg|svg\+xml));base64,([A-Za-z0-9+/=\s]+)")
_NAMES = re.compile(r"[\w ,'-]+")
_UNSAFE = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Clean:
    """What is inside the `<svg>`, and its size in points."""

    content: str
    width: float
    height: float


def clean(svg: str, *, name: str) -> Clean:
    """`svg` without all that a document has no use for; `name` leads the names within it.

    Errors: ValueError that says what may not stand in a document.
    """
    if _UNSAFE.search(svg) or "\0" in svg:
        raise ValueError("the drawing has a DOCTYPE or entities")
    try:
        tree = fromstring(svg)  # noqa: S314  without entities it is harmless
    except ParseError as error:
        raise ValueError(f"the drawing is not SVG: {error}") from None
    sizes = [float(tree.get(side, "0")) for side in ("width", "height")]
    if tree.tag != f"{_SVG}svg" or not all(0 < size < 20_000 for size in sizes):
        raise ValueError("the drawing is empty, or larger than any page")
    writer = _Writer(name)
    content = "".join(piece for child in tree for piece in writer.written(child, 0))
    return Clean(content, *sizes)


class _Writer:
    def __init__(self, name: str) -> None:
        self._name = re.sub(r"\W", "-", name)
        self._names: dict[str, str] = {}

    def written(self, element: Element, depth: int) -> Iterator[str]:
        tag = element.tag.removeprefix(_SVG)
        if depth > _DEPTH_MAX:
            raise ValueError(f"the drawing nests more than {_DEPTH_MAX} deep")
        if tag == "a":  # a link, which paper has no use for, round marks that it has
            tag = "g"
        if tag not in _ELEMENTS:
            raise ValueError(f"<{tag.rpartition('}')[2]}> can't stand in a document")
        if element.get("display") == "none" or (tag == "path" and not element.get("d")):
            return
        yield f"<{tag}{''.join(self._attributes(tag, element))}>"
        if tag in ("text", "tspan"):
            yield escape(element.text or "", quote=False)
        for child in element:
            yield from self.written(child, depth + 1)
            if tag in ("text", "tspan"):
                yield escape(child.tail or "", quote=False)
        yield f"</{tag}>"

    def _attributes(self, tag: str, element: Element) -> Iterator[str]:
        size = element.get("font-size")
        if size and (number := re.fullmatch(r"([\d.]+)(?:px)?", size)):
            # As a style: a web page's rules for our own charts go before an attribute.
            yield f' style="font-size:{float(number[1]):g}px"'
        family = element.get("font-family")
        if family and family != request.FAMILY and _NAMES.fullmatch(family):
            yield f' font-family="{escape(family)}, {FAMILY}"'
        for name, value in element.attrib.items():
            if name == "id":
                yield f' id="{self._named(value)}"'
            elif name in _HREF and tag == "image":
                yield f' href="{escape(_held(value))}"'
            elif name in _ATTRIBUTES and not (name == "opacity" and value == "1"):
                yield f' {name}="{escape(self._value(name, value))}"'

    def _value(self, name: str, value: str) -> str:
        if name in _PLACES:
            value = _LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), value)
        if "url" in value.lower() or "\\" in value:
            found = _REFERENCE.fullmatch(value.strip())
            if found is None:
                raise ValueError(f"a document loads nothing ({value[:80]!r})")
            return f"url(#{self._named(found[1])})"
        return value

    def _named(self, name: str) -> str:
        """Names are counted: Vega's own go on from chart to chart."""
        return self._names.setdefault(name, f"{self._name}-{len(self._names) + 1}")


def _held(address: str) -> str:
    """`address` if it holds a picture. Errors: ValueError."""
    match = _DATA.fullmatch(address)
    if match is None or match[1] not in LOGOS.values():
        raise ValueError(f"a document loads nothing: a picture in a chart is a data: address ({address[:80]!r})")
    check(b64decode(match[2]), match[1], name="a picture in the chart")
    return address
