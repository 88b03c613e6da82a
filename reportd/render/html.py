"""A view becomes HTML: one template per kind of part, escaped, with no address of anything outside itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache, partial
from xml.etree.ElementTree import Element

from markupsafe import Markup, escape

from reportd.render import markup
from reportd.render.page import THEME, compiled, page
from reportd.render.scripts import is_right_to_left
from reportd.render.view import Grid, Part, View
from reportd.report.document import Document
from reportd.report.theme import COLOURS, Theme

_GENERIC = ("serif", "sans-serif", "monospace", "system-ui", "cursive", "fantasy")


def html_of(view: View, *, styles: str = "") -> str:
    """`view` as a complete page; `styles` is CSS for its head. Figures must have been drawn.

    With a template of the report's it is whatever that made; `markup` says what of it may stand in a document.
    """
    fluid = view.document.template is not None
    return page(
        view,
        base="base",
        parts={number: partial(part_html, part, fluid=fluid) for number, part in enumerate(view.parts)},
        styles=Markup(styles),  # noqa: S704  our own rules; what comes from outside went through css_text
        metadata=tuple(metadata(view.document)),
    )


def coloured(css: str, theme: Theme) -> str:
    """`css` of our own with the colours of `theme` in place of their names, which would take time for every element."""
    for name in COLOURS:
        css = css.replace(f"var(--{name})", getattr(theme, name))
    return css


def theme_css(theme: Theme, *, families: str) -> str:
    """The rules that give a document the colours and the fonts of `theme`; `families` are those to fall back on."""
    colours = {name: getattr(theme, name) for name in COLOURS}
    rules = [f":root {{ {' '.join(f'--{name}: {colour};' for name, colour in colours.items())} }}"]
    for file in theme.files:
        rules.append(
            f"@font-face {{ font-family: {css_text(file.family)}; font-weight: {file.weight}; font-style: {file.style};"
            f' src: url("{file.asset.uri}") }}'
        )
    if theme.fonts:
        # Words that mean a kind of font are no names.
        own = (family if family in _GENERIC else css_text(family) for family in theme.fonts)
        rules.append(f"html {{ font-family: {', '.join(own)}, {families} }}")
    return " ".join(rules)


def printable(view: View) -> str | Element:
    """`view` for the engine: the page as XML, or, with a template of the report's, as a tree that was looked through.

    Errors: ReportError, for what a template makes.
    """
    own = view.document.template
    return html_of(view) if own is None else markup.read(html_of(view), own)


def css_text(text: str) -> str:
    """`text` as a CSS string that can stand in a `<style>` element, whatever it holds."""
    written = (c if c.isalnum() or c in " .,:;-–()/" else f"\\{ord(c):x} " if c.isprintable() else " " for c in text)
    return f'"{"".join(written)}"'


@lru_cache(maxsize=4)
def style(name: str) -> str:
    """A stylesheet of the theme: `base` is the look, `print` what paper adds."""
    return (THEME / f"{name}.css").read_text(encoding="utf-8")


def part_html(part: Part, *, fluid: bool = False) -> Markup:
    """`part` as HTML; the columns of a `fluid` table share the room that there is."""
    if isinstance(part, Grid) and part.heights:
        return Markup(compiled("slots").render(part=part, slot=slot_class))  # noqa: S704  rendered with autoescape
    given: dict[str, object] = {"part": part, "directed": directed}
    if isinstance(part, Grid):
        given |= {"classes": _classes(part), "widths": _widths(part, fluid=fluid)}
    return Markup(compiled(part.kind).render(given))  # noqa: S704  rendered with autoescape


def _widths(grid: Grid, *, fluid: bool) -> list[str]:
    if fluid:
        return [f"{100 * width / sum(grid.widths):.3f}%" for width in grid.widths]
    return [f"{width:.2f}pt" for width in grid.widths]


def directed(text: str) -> Markup:
    """`text`, escaped; one that reads from right to left says so, and stays at its column's edge."""
    if is_right_to_left(text):
        return Markup('<bdi dir="rtl">{}</bdi>').format(text)
    return escape(text)


def _classes(grid: Grid) -> dict[str, list[Markup]]:
    """The class attribute of each column's cells, by kind of line; made once, as cells are many.

    `r`ight, `a`part from the figure before, `w`rapping, `h`airline below, `sum`: a rule above.
    """
    sides = ["r" if head.align == "right" else "a" if head.apart else "" for head in grid.heads]
    wraps = ["w" if head.wraps else "" for head in grid.heads]
    hair = "" if grid.striped else "h"
    return {
        "head": [_class(side) for side in sides],
        "row": [_class(side, wrap, hair) for side, wrap in zip(sides, wraps, strict=True)],
        "subtotal": [_class(side) for side in sides],
        "total": [_class(side, "sum") for side in sides],
        # A label that reaches over several columns begins on the left, whatever the first one does.
        "subtotal label": [_class()],
        "total label": [_class("sum")],
    }


def _class(*names: str) -> Markup:
    named = " ".join(name for name in names if name)
    return Markup(' class="{}"').format(named) if named else Markup("")


def slot_class(height: float) -> str:
    """The class of an empty cell that is `height` points high."""
    return f"s{round(height * 100)}"


def slot_css(view: View) -> str:
    """The rules for the classes of every slot in `view`."""
    grids = [part for part in view.parts if isinstance(part, Grid) and part.heights]
    heights = {height for grid in grids for height in (grid.head_height, *grid.heights)}
    return "".join(f".{slot_class(height)} {{ height: {height}pt }} " for height in sorted(heights))


def metadata(document: Document) -> Iterator[tuple[str, str]]:
    """Who made what from which data: enough to make the same file again, and to check that it is the same."""
    provenance = document.provenance
    yield "generator", f"reportd {provenance.version}"
    if document.author:
        yield "author", document.author
    if document.description:
        yield "description", document.description
    yield "keywords", provenance.report
    yield "dcterms.created", document.as_of.replace(microsecond=0).isoformat()
    yield "dcterms.modified", document.as_of.replace(microsecond=0).isoformat()
    yield "reportd-as-of", document.as_of.isoformat()
    yield "reportd-report", provenance.report
    yield "reportd-report-sha256", provenance.report_sha256
    yield "reportd-data-sha256", provenance.data_sha256
    yield "reportd-params", json.dumps(provenance.params, ensure_ascii=False, sort_keys=True, default=str)
    counts = {section.name: section.rows.count for section in document.sections if section.rows is not None}
    yield "reportd-rows", json.dumps(counts, ensure_ascii=False)
    yield "reportd-origin", json.dumps(document.origin, default=str)
