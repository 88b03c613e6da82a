"""A picture becomes SVG: asked of the daemon, whose drawing process makes it, and looked through before it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any

from reportd.errors import RenderError, ReportdError
from reportd.render.fonts import FAMILY
from reportd.render.vega.clean import clean
from reportd.render.vega.request import Size, request
from reportd.report.document import Picture
from reportd.report.fault import fault
from reportd.report.locales import Locale
from reportd.report.theme import Theme

# Sends a message up and waits for the answer's payload; raises the error that the daemon answers with.
Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]

# A render child has one daemon, and its renderers, a package's own too, are called without it.
_ask: ContextVar[Ask | None] = ContextVar("ask", default=None)
_NARROW = 0.98


@contextmanager
def asking(ask: Ask) -> Iterator[None]:
    """Have pictures drawn by the daemon that `ask` asks, within the block."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def drawn(picture: Picture, *, title: str, size: Size, locale: Locale, theme: Theme) -> str:
    """`picture` as an `<svg>` as wide as `size` at most, in points. `title` is for one who listens.

    Errors: ReportError, LimitExceeded, RenderError, each with the file's name.
    """
    ask = _ask.get()
    if ask is None:
        raise RenderError("charts of Vega-Lite are drawn in a render child only")
    file = picture.specification.file
    try:
        asked = request(picture, size=size, theme=theme, locale=locale)
        svg = ask({"draw": asked})["svg"]
        found = clean(svg, name=picture.specification.block)
    except ReportdError as error:
        raise type(error)(f"{file}: {error.message}", **error.detail) from None
    except ValueError as error:
        raise fault(file, str(error)) from None
    said = picture.specification.spec.get("description")
    words = escape(f"{title}: {said}" if isinstance(said, str) else title)
    scale = min(1.0, size.width / found.width)
    width, height = (f"{round(side * scale, 2):g}" for side in (found.width, found.height))
    # A web page lets its charts fill it; one that is meant to be small stays so.
    style = f' style="width:{width}pt;min-width:0;max-width:100%"' if found.width < _NARROW * size.width else ""
    box = f'width="{width}pt" height="{height}pt" viewBox="0 0 {found.width:g} {found.height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {box}{style} font-family="{FAMILY}, sans-serif">'
        f"<title>{words}</title>{found.content}</svg>"
    )
