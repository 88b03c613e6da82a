"""What a report's template made, read as a browser would and held against a list: elements, attributes, addresses.

A document loads nothing. Of its addresses only links lead out of it, for a reader to follow; pictures and fonts are in
the document itself. What is not on the list ends the render with its name, so that nothing is missing silently.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

import tinycss2
import tinyhtml5

from reportd.errors import ReportError
from reportd.report import template
from reportd.report.assets import KINDS, check
from reportd.report.definition import Template
from reportd.report.fault import fault

DEPTH_MAX = 100
ELEMENTS_MAX = 200_000

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_NAMED = ("{http://www.w3.org/2000/xmlns/}xmlns", "{http://www.w3.org/2000/xmlns/}xlink", "xml:space", "xml:lang")
# fmt: off
_ELEMENTS = frozenset((
    "html", "head", "title", "meta", "style", "body", "main", "header", "footer", "section", "article", "aside",
    "nav", "div", "p", "span", "br", "hr", "wbr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt",
    "dd", "table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td", "a", "b", "strong",
    "i", "em", "u", "s", "small", "sub", "sup", "mark", "code", "pre", "blockquote", "q", "cite", "abbr", "address",
    "time", "figure", "figcaption", "img", "bdi", "bdo", "ins", "del", "kbd", "samp", "var", "dfn",
))
_DRAWN = frozenset((
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "title",
    "desc", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern", "symbol", "use",
    "image",
))
# fmt: on
_EMPTY = frozenset(("meta", "br", "hr", "wbr", "col", "img"))
_EVERYWHERE = frozenset(("class", "id", "style", "title", "lang", "dir", "role", "translate"))
_OWN = {
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    "time": {"datetime"},
    "meta": {"charset", "name", "content", "http-equiv"},
}
_LINK = re.compile(r"(https?://|mailto:|tel:|#)", re.IGNORECASE)
_TYPES = "|".join(map(re.escape, sorted(set(KINDS.values()))))
_DATA = re.compile(
    rf"data:(?P<type>{_TYPES})(;charset=utf-8)?(?P<base64>;base64)?,(?P<content>.*)", re.IGNORECASE | re.DOTALL
)
_POLICY = "content-security-policy"
# fmt: off
_LOADING = frozenset((
    "src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade", "element", "paint",
))
# fmt: on


def read(html: str, own: Template) -> Element:
    """`html`, made by the template `own`, as a tree of what may stand in a document.

    Errors: ReportError that names what may not, with the template's line where it is written there.
    """
    tree: Element = tinyhtml5.parse(html, namespace_html_elements=False)
    reader = _Reader(own)
    stack = [(tree, 1)]
    count = 0
    while stack:
        element, depth = stack.pop()
        count += 1
        if depth > DEPTH_MAX:
            raise reader.fault(f"elements stand in one another more than {DEPTH_MAX} deep")
        if count > ELEMENTS_MAX:
            raise reader.fault(f'the page has more than {ELEMENTS_MAX:,} elements; long tables belong into block("…")')
        for child in list(element):
            if isinstance(child.tag, str):
                stack.append((child, depth + 1))
            else:
                _remove(element, child)  # a comment
        reader.check(element)
    return tree


def text(tree: Element) -> str:
    """`tree`, as `read` gives it, as HTML that a browser reads in the same way."""
    return "<!DOCTYPE html>\n" + "".join(_written(tree))


def _written(element: Element) -> Iterator[str]:
    tag = element.tag.removeprefix(_SVG)
    attributes = "".join(f' {_attribute(name)}="{escape(value)}"' for name, value in element.attrib.items())
    yield f"<{tag}{attributes}>"
    if tag not in _EMPTY:
        raw = tag == "style" and not element.tag.startswith(_SVG)
        yield (element.text or "") if raw else escape(element.text or "", quote=False)
        for child in element:
            yield from _written(child)
            yield escape(child.tail or "", quote=False)
        yield f"</{tag}>"


def _attribute(name: str) -> str:
    return "xlink:href" if name == _XLINK else name


def _remove(element: Element, child: Element) -> None:
    """Take `child` out of `element`, and leave the text after it."""
    place = list(element).index(child)
    tail = child.tail or ""
    if place:
        element[place - 1].tail = (element[place - 1].tail or "") + tail
    else:
        element.text = (element.text or "") + tail
    del element[place]


class _Reader:
    """Checks one element after the other."""

    def __init__(self, own: Template) -> None:
        self._own = own

    def fault(self, message: str, *written: str) -> ReportError:
        """The error `message`, at the line of the template that has all of `written`, if there is one."""
        for file, source in sorted(self._own.files.items(), key=lambda item: item[0] != template.FILE):
            for number, line in enumerate(source.splitlines(), start=1):
                if written and all(word.lower() in line.lower() for word in written):
                    return fault(f"{self._own.path}/{file}", message, line=number)
        return fault(f"{self._own.path}/{template.FILE}", message)

    def check(self, element: Element) -> None:
        """Errors: ReportError. An `a` whose address is none to follow stays as the text that it is."""
        drawn = element.tag.startswith(_SVG)
        tag = element.tag.removeprefix(_SVG)
        if tag not in (_DRAWN if drawn else _ELEMENTS):
            raise self.fault(f"<{tag.rpartition('}')[2]}> can't stand in a document", f"<{tag.rpartition('}')[2]}")
        for name, value in list(element.attrib.items()):
            if name == "style":
                self._check_css(value)
            elif drawn:
                self._check_drawn(tag, name, value)
            elif name == "href" and tag == "a":
                if not _LINK.match(value):
                    del element.attrib[name]
            elif name == "src" and tag == "img":
                self._check_held(value)
            elif name == "http-equiv" and value.strip().lower() == _POLICY:
                pass
            elif name in _EVERYWHERE or name.startswith(("data-", "aria-")) or name in _OWN.get(tag, ()):
                if name == "http-equiv":
                    raise self.fault(f'<meta http-equiv="{value}"> can\'t stand in a document', "http-equiv")
            elif not (tag == "html" and name == "xmlns"):
                raise self.fault(f"<{tag}> has no {name} in a document", f"<{tag}", name)
        if tag == "style":
            self._check_css("".join(element.itertext()))

    def _check_drawn(self, tag: str, name: str, value: str) -> None:
        if name in ("href", _XLINK):
            if tag == "image":
                self._check_held(value)
            elif not value.startswith("#"):
                raise self.fault(f"<{tag}> uses what is in the document, and not {value[:80]!r}", value[:40])
        elif name.startswith("{") or ":" in name or name.lower().startswith("on"):
            if name not in _NAMED:
                raise self.fault(f"<{tag}> has no {name} in a document", f"<{tag}")
        elif "url" in value.lower() or "\\" in value:
            self._check_css(value)

    def _check_held(self, value: str) -> None:
        if not value.startswith("data:"):
            name = value.rpartition("/")[2]
            hint = f'; write {{{{ asset("{name}") }}}}' if name in self._own.assets else ", and no address"
            message = f"a document loads nothing: pictures are the report's own files{hint} ({value[:80]!r})"
            raise self.fault(message, value[:40])
        try:
            check(*_held(value), name="a picture")
        except ValueError as error:
            raise self.fault(f"{error} ({value[:60]!r})", value[:40]) from None

    def _check_css(self, css: str) -> None:
        for token in _tokens(tinycss2.parse_component_value_list(css)):
            match token.type:
                case "url":
                    self._check_url(token.value)
                case "function" if token.lower_name == "url":
                    self._check_url("".join(each.value for each in token.arguments if each.type == "string"))
                case "function" if token.lower_name in _LOADING:
                    raise self.fault(f"{token.lower_name}() of CSS can't stand in a document", token.lower_name)
                case "at-keyword" if token.lower_value in ("import", "namespace", "charset", "document"):
                    raise self.fault(f"@{token.lower_value} of CSS can't stand in a document", f"@{token.lower_value}")
                case "error" if token.kind in ("bad-url", "bad-string"):
                    raise self.fault(f"this is not CSS: {token.message}")

    def _check_url(self, value: str) -> None:
        if not value.startswith("#"):
            self._check_held(value)


def _held(uri: str) -> tuple[bytes, str]:
    """The content of a `data:` address and its media type. Errors: ValueError where it is none of a picture or font."""
    match = _DATA.fullmatch(uri)
    if match is None:
        raise ValueError("no address that holds a picture or a font")
    content = unquote_to_bytes(match["content"])
    return (b64decode(content) if match["base64"] else content), match["type"].lower()


def _tokens(tokens: list[Any]) -> Iterator[Any]:
    """`tokens` and all that stand in them, however deep."""
    waiting = list(tokens)
    while waiting:
        token = waiting.pop()
        yield token
        waiting += getattr(token, "content", None) or getattr(token, "arguments", None) or []
