"""One file of the pages that WeasyPrint laid out and those that are written here: one tree of pages, tags, bookmarks."""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pydyf

from reportd.render.engine import Engine, Rendering
from reportd.render.html import html_of
from reportd.render.layout import MARGIN, Page
from reportd.render.stream.geometry import BREAK, Geometry, geometry, specimen
from reportd.render.stream.objects import Objects
from reportd.render.stream.paginate import paginate
from reportd.render.stream.setting import Setting, Typesetter, colour, picked
from reportd.render.stream.sheet import PX, Sheets
from reportd.render.stream.trees import Bookmarks, Pages, Parents
from reportd.render.view import Grid, View

_LINE_LEAST = 12.0  # points: no line of a table is lower, so that many fill the first page at most
_NO_NUMBER = "@page { @bottom-right { visibility: hidden } }"


def write(engine: Engine, view: View, page: Page, *, css: str, path: Path, as_of_s: int) -> int:
    """Write `view`, whose long tables have a source, into `path`; the number of pages.

    `css` has the rules of this document, as for `Engine.write`. Part after a long table begins on a new page.
    """
    long = {number: part for number, part in enumerate(view.parts) if isinstance(part, Grid) and part.source}
    shapes = {number: _geometry(engine, view, part, css) for number, part in long.items()}
    count = int((page.height - MARGIN) / _LINE_LEAST) + 10
    typesetter = Typesetter()
    begun = replace(
        view,
        parts=tuple(
            _begun(part, Setting(part, shapes[number], typesetter), count) if number in long else part  # type: ignore[arg-type]
            for number, part in enumerate(view.parts)
        ),
    )
    rendering = engine.render(html_of(begun), css=css + _NO_NUMBER + _breaks(view, list(long)), as_of_s=as_of_s)
    starts = _starts(rendering, list(long))
    kept = [number for number in range(len(rendering.pages)) if number in starts or number not in _middles(rendering, starts)]
    ...
