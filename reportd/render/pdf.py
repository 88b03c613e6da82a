"""The PDF renderer: a view, arranged on paper, set by WeasyPrint. Tagged (PDF/UA-1), reproducible, with our font alone.

What every document shares (parsed stylesheets, fonts known to fontconfig) is prepared once per process and survives a
fork, so a child starts with layout. Nothing is ever fetched: not from the network, not from the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from reportd.errors import PdfEngineMissing
from reportd.render.fonts import FAMILY, faces
from reportd.render.html import css_text, html_of, style
from reportd.render.layout import Page, arrange
from reportd.render.pango import install_line
from reportd.render.svg import draw
from reportd.render.task import RenderedFile, RenderSettings
from reportd.render.view import Figure, Part, View, view_of
from reportd.report.document import Document

CHART_HEIGHT = 165.0
_DATA_URI_BYTES_MAX = 2_000_000
_FONT_SCHEME = "reportd-font:"


class PDF:
    """Format `pdf`: one file, all sections in order."""

    format = "pdf"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `<report>.pdf`. Tables longer than `settings.pdf_rows_max` are cut and say so.

        Errors: PdfEngineMissing where the host has no Pango; the message has the line that installs it.
        """
        engine = _engine()
        view = view_of(document, rows_max=settings.pdf_rows_max)
        page, view = arrange(view, paper=document.paper)
        view = _drawn(view, page)
        name = f"{document.provenance.report}.pdf"
        path = out / name
        pages = engine.write(
            html_of(view), css=_page_css(view, page), path=path, as_of_s=int(document.as_of.timestamp())
        )
        return [RenderedFile("pdf", name, str(path), "application/pdf", rows=_rows(document), pages=pages)]


def _drawn(view: View, page: Page) -> View:
    parts: list[Part] = []
    for part in view.parts:
        if isinstance(part, Figure):
            drawing = draw(
                part.chart, title=part.heading, width=page.inner, height=CHART_HEIGHT, locale=view.document.locale
            )
            parts.append(replace(part, svg=drawing.svg, note=drawing.note or ""))
        else:
            parts.append(part)
    return replace(view, parts=tuple(parts))


def _rows(document: Document) -> int:
    return sum(table.rows.count for table in document.tables)


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
        f"@page {{ size: {size}; @bottom-left {{ content: {left} }} @bottom-right {{ content: {number} }}"
        f" @bottom-center {{ content: {confidentiality} }} }}"
        f" .group th {{ string-set: group content() {continued} }}"
    )


# -- the engine


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    try:
        import weasyprint
    except OSError as error:
        raise PdfEngineMissing(
            f"PDF needs Pango, which this host does not have; install it with: {install_line()}", reason=str(error)
        ) from error
    return _Engine.prepare(weasyprint)


@dataclass(frozen=True, slots=True)
class _Engine:
    """WeasyPrint with everything parsed and loaded that documents share."""

    weasyprint: ModuleType
    fonts: Any
    styles: tuple[Any, ...]
    fetcher: Any

    @classmethod
    def prepare(cls, weasyprint: ModuleType) -> _Engine:
        from weasyprint.text.fonts import FontConfiguration

        fonts = FontConfiguration()
        fetcher = _fetcher(weasyprint)
        styles = tuple(
            weasyprint.CSS(string=text, font_config=fonts, url_fetcher=fetcher)
            for text in (_font_faces(), style("base"), style("print"))
        )
        return cls(weasyprint, fonts, styles, fetcher)

    def write(self, html: str, *, css: str, path: Path, as_of_s: int) -> int:
        """Set `html` into `path`; the number of pages."""
        # Whatever takes a time of its own while writing takes the data's: same data, same bytes.
        os.environ.setdefault("SOURCE_DATE_EPOCH", str(as_of_s))
        own = self.weasyprint.CSS(string=css, font_config=self.fonts, url_fetcher=self.fetcher)
        options = {"pdf_variant": "pdf/ua-1", "pdf_identifier": True, "custom_metadata": True}
        rendering = self.weasyprint.HTML(string=html, url_fetcher=self.fetcher).render(
            font_config=self.fonts, stylesheets=[*self.styles, own], **options
        )
        rendering.write_pdf(path, **options)
        return len(rendering.pages)


def _font_faces() -> str:
    return "".join(
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {face.weight}; src: url("{_FONT_SCHEME}{face.name}");'
        f" unicode-range: {_ranges(face.characters)} }}"
        for face in faces()
    )


def _ranges(characters: tuple[int, ...]) -> str:
    """Code points as CSS writes them: `U+20-7E, U+A0-17F`."""
    runs: list[list[int]] = []
    for code in sorted(characters):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ", ".join(f"U+{first:X}-{last:X}" if last > first else f"U+{first:X}" for first, last in runs)


def _fetcher(weasyprint: ModuleType) -> Any:
    """Hands out our font's faces and small `data:` URIs, and refuses every other address."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    fonts: Mapping[str, bytes] = {face.name: face.content for face in faces()}

    class Fetcher(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            if url.startswith(_FONT_SCHEME):
                return URLFetcherResponse(url, fonts[url.removeprefix(_FONT_SCHEME)], {"Content-Type": "font/ttf"})
            if url.startswith("data:") and len(url) <= _DATA_URI_BYTES_MAX:
                return super().fetch(url, headers)
            raise ValueError(f"a document may not load {url[:100]!r}")

    return Fetcher(allowed_protocols=("data",), allow_redirects=False)
