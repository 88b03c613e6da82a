"""A view becomes HTML: one template per kind of part, escaped, with no address of anything outside itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from reportd.render.scripts import is_right_to_left
from reportd.render.view import Grid, Part, View
from reportd.report.document import Document

THEME = Path(__file__).parent / "theme"


def html_of(view: View, *, styles: str = "") -> str:
    """`view` as a complete page; `styles` is CSS for its head. Figures must have been drawn."""
    document = view.document
    return template("base").render(
        view=view,
        lang=document.locale,
        metadata=tuple(metadata(document)),
        styles=Markup(styles),  # noqa: S704  our own rules; what comes from outside went through css_text
        part_of=part_html,
    )


def css_text(text: str) -> str:
    """`text` as a CSS string that can stand in a `<style>` element, whatever it holds."""
    written = (c if c.isalnum() or c in " .,:;-–()/" else f"\\{ord(c):x} " if c.isprintable() else " " for c in text)
    return f'"{"".join(written)}"'


@lru_cache(maxsize=4)
def style(name: str) -> str:
    """A stylesheet of the theme: `base` is the look, `print` what paper adds."""
    return (THEME / f"{name}.css").read_text(encoding="utf-8")


def part_html(part: Part) -> Markup:
    if isinstance(part, Grid) and part.heights:
        return Markup(template("slots").render(part=part, slot=slot_class))  # noqa: S704  rendered with autoescape
    classes = _classes(part) if isinstance(part, Grid) else {}
    return Markup(template(part.kind).render(part=part, classes=classes, directed=directed))  # noqa: S704  rendered with autoescape


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


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(THEME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=8)
def template(name: str) -> Template:
    return _environment().get_template(f"{name}.html")
