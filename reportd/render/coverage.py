"""Which characters a document has, and which of them no font on this host can show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from weasyprint.text.ffi import ffi, gobject, pango

# WeasyPrint declares only what it calls itself; the function is Pango's since 1.16.
ffi.cdef("int pango_layout_get_unknown_glyphs_count (PangoLayout *layout);")


def unknown(characters: Iterable[str], font_map: Any, *, family: str) -> tuple[str, ...]:
    """Those of `characters` that Pango would show as a box, given `font_map` and the families asked for first."""
    layout = _Layout(font_map, family)
    wanted = tuple(characters)
    # One question for all, and one for each only if something is missing.
    return tuple(layout.lacking(wanted)) if layout.lacks("\n".join(wanted)) else ()


class _Layout:
    def __init__(self, font_map: Any, family: str) -> None:
        context = ffi.gc(pango.pango_font_map_create_context(font_map), gobject.g_object_unref)
        self._layout = ffi.gc(pango.pango_layout_new(context), gobject.g_object_unref)
        description = ffi.gc(pango.pango_font_description_new(), pango.pango_font_description_free)
        pango.pango_font_description_set_family(description, ffi.new("char[]", f"{family}, sans-serif".encode()))
        pango.pango_layout_set_font_description(self._layout, description)

    def lacks(self, text: str) -> bool:
        encoded = text.encode()
        pango.pango_layout_set_text(self._layout, ffi.new("char[]", encoded), len(encoded))
        return bool(pango.pango_layout_get_unknown_glyphs_count(self._layout))

    def lacking(self, characters: Iterable[str]) -> Iterator[str]:
        return (character for character in characters if self.lacks(character))
