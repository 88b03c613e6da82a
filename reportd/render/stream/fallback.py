"""Texts that our font can't set: other scripts, right to left, marks. Pango sets them, as it does in WeasyPrint."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pydyf
from weasyprint import DEFAULT_OPTIONS
from weasyprint.draw.text import draw_first_line
from weasyprint.matrix import Matrix
from weasyprint.pdf.fonts import build_fonts_dictionary
from weasyprint.pdf.stream import Stream
from weasyprint.text.line_break import split_first_line

from reportd.render.stream.objects import Objects

_UNMOVED = Matrix(d=-1)


class Fallback:
    """Sets lines of text with whatever fonts the host has; they are embedded by `write`."""

    def __init__(self) -> None:
        self._fonts: dict[Any, Any] = {}
        self._stream = Stream(self._fonts, (0, 0, 1, 1), {}, {}, None, {}, None)

    def lines(self, text: str, style: Any, room: float | None) -> Iterator[tuple[str, float, float, float]]:
        """`text` in lines of at most `room` px (all on one without).

        Of each: the operators that show it, its width, its height and the baseline below its top.
        """
        rest = text
        while rest:
            layout, _, resume, width, height, baseline = split_first_line(rest, style, None, room, 0)
            yield self._shown(layout, style), width, height, baseline
            if resume is None:
                return
            rest = rest.encode()[resume:].decode().lstrip(" ")

    def _shown(self, layout: Any, style: Any) -> str:
        layout.reactivate(style)
        self._stream.stream.clear()
        self._stream._current_font = None
        # Colour emoji are pictures, which no other text of a table needs: their place stays empty.
        draw_first_line(
            self._stream,
            SimpleNamespace(text=layout.text, style=style, pango_layout=layout, baseline=0),
            "clip",
            "none",
            _UNMOVED,
        )
        layout.deactivate()
        # The first operator places the text: that is for the caller.
        return b" ".join(self._stream.stream[1:]).decode("latin-1")

    def write(self, objects: Objects) -> str:
        """Write the fonts; the entries of a resource dictionary that name them."""
        if not self._fonts:
            return ""
        target = _Target(objects)
        fonts = build_fonts_dictionary(target, self._fonts, True, True, {**DEFAULT_OPTIONS, "pdf_variant": "pdf/ua-1"})
        target.finish()
        return " ".join(f"/{name} {reference.decode()}" for name, reference in fonts.items())


class _Target:
    """Takes pydyf's objects into our file; they may still change until `finish`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._added: list[pydyf.Object] = []

    def add_object(self, added: pydyf.Object) -> None:
        added.number = self._objects.number()
        self._added.append(added)

    def finish(self) -> None:
        for added in self._added:
            self._objects.plain(added.number, added.data)
