"""The PDF renderer: a view, arranged on paper, set by WeasyPrint. Tagged (PDF/UA-1), reproducible, with our font alone.

Long tables are streamed (`stream/`): WeasyPrint lays out their first page and a specimen of the others.

What every document shares (parsed stylesheets, fonts known to fontconfig) is prepared once per process and survives a
fork, so a child starts with layout. Nothing is ever fetched: not from the network, not from the disk.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reportd.errors import PdfEngineMissing
from reportd.render import scripts
from reportd.render.cells import Cells
from reportd.render.characters import characters_of, missing_note
from reportd.render.fonts import FAMILIES
from reportd.render.html import coloured, css_text, printable, slot_css, style, theme_css
from reportd.render.layout import Page, arrange, slotted
from reportd.render.pango import install_line
from reportd.render.stream.survey import surveyed
from reportd.render.stream.trees import too_many_pages
from reportd.render.svg import draw
from reportd.render.task import RenderedFile, RenderSettings
from reportd.render.view import Figure, Grid, Part, View, view_of
from reportd.report.document import Document
from reportd.report.theme import DEFAULT

if TYPE_CHECKING:
    from reportd.render.engine import Engine

CHART_HEIGHT = 165.0
LONG_FROM, LONG_FROM_TEMPLATE = 500, 100
"""Rows of a table from which on it is streamed: what that costs before the first row is then made up for. Within a
template WeasyPrint sets the cells of shorter ones, which takes it a hundred times as long."""


class PDF:
    """Format `pdf`: one file, all sections in order."""

    format = "pdf"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `<report>.pdf`. Tables longer than `settings.pdf_rows_max` are cut and say so.

        Errors: PdfEngineMissing where the host has no Pango; the message has the line that installs it. LimitExceeded
        past `settings.pdf_pages_max`.
        """
        engine = _engine()
        missing = engine.ready(characters_of(document))
        notes = (missing_note(missing, document),) if missing else ()
        long_from = LONG_FROM if document.template is None else LONG_FROM_TEMPLATE
        view = view_of(document, rows_max=settings.pdf_rows_max, long_from=long_from)
        page, view = arrange(surveyed(view), paper=document.paper)
        view = replace(slotted(_drawn(view, page)), banners=(*view.banners, *notes))
        name = f"{document.provenance.report}.pdf"
        path = out / name
        css, as_of_s = _page_css(view, page), int(document.as_of.timestamp())
        if any(isinstance(part, Grid) and part.source for part in view.parts):
            from reportd.render.stream import book  # once Pango is known to be there

            pages_max = settings.pdf_pages_max
            pages = book.write(engine, view, page, css=css, path=path, as_of_s=as_of_s, pages_max=pages_max)
        else:
            grids = {part.number: part for part in view.parts if isinstance(part, Grid) and part.heights}
            cells = Cells(grids, document.theme)
            html, css = printable(view), css + slot_css(view)
            if document.attach is None:
                pages = engine.write(html, css=css, path=path, as_of_s=as_of_s, cells=cells)
            else:
                from reportd.render.stream import attachments

                pages = attachments.write(
                    engine, html, css=css, path=path, as_of_s=as_of_s, cells=cells, document=document
                )
        if pages > settings.pdf_pages_max:
            raise too_many_pages(settings.pdf_pages_max)
        return [RenderedFile("pdf", name, str(path), "application/pdf", rows=document.rows, pages=pages, notes=notes)]


def _drawn(view: View, page: Page) -> View:
    parts: list[Part] = []
    for part in view.parts:
        if isinstance(part, Figure):
            drawing = draw(
                part.chart,
                title=part.heading,
                width=page.inner,
                height=CHART_HEIGHT,
                locale=view.document.locale,
                theme=view.document.theme,
            )
            parts.append(replace(part, svg=drawing.svg, note=drawing.note or ""))
        else:
            parts.append(part)
    return replace(view, parts=tuple(parts))


def _page_css(view: View, page: Page) -> str:
    """The rules that differ from document to document: the paper and the running lines."""
    size = f"{page.width:.2f}pt {page.height:.2f}pt"
    before, _, rest = view.words.words["page"].partition("{page}")
    between, _, after = rest.partition("{pages}")
    number = f"{css_text(before)} counter(page) {css_text(between)} counter(pages) {css_text(after)}"
    left = css_text(f"{view.title} · {view.as_of}")
    confidentiality = css_text(view.document.confidentiality) if view.document.confidentiality else "none"
    continued = css_text(f" {view.words.words['continued']}")
    return (
        f"{_own_look(view)}"
        f" @page {{ size: {size}; @bottom-left {{ content: {left} }} @bottom-right {{ content: {number} }}"
        f" @bottom-center {{ content: {confidentiality} }} }}"
        f" .group {{ string-set: group content() {continued} }}"
    )


def _own_look(view: View) -> str:
    """The rules of a report with a look of its own: all of ours again, in its colours, and its fonts."""
    theme = view.document.theme
    if theme == DEFAULT and view.document.template is None:
        return ""
    families = ", ".join(f'"{family}"' for family in (*FAMILIES.values(), *scripts.FAMILIES)) + ", sans-serif"
    ours = "" if theme == DEFAULT else coloured(style("base") + style("print"), theme)
    return f"{ours} {theme_css(theme, families=families)} table {{ font-family: {families} }}"


@lru_cache(maxsize=1)
def _engine() -> Engine:
    try:
        from reportd.render.engine import Engine
    except OSError as error:
        raise PdfEngineMissing(
            f"PDF needs Pango, which this host does not have; install it with: {install_line()}", reason=str(error)
        ) from error
    return Engine()
