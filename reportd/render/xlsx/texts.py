"""Texts for the parts of a workbook that the library writes as they come: it escapes some of them in some places.

The streamed cells keep every character (`cells.escape`). Elsewhere a control character says nothing to a reader, and
one that XML can't hold would leave a file that nothing opens.
"""

from __future__ import annotations

import re

from reportd.render.xlsx.names import clip, units

TEXT_UNITS_MAX = 32_767

_UNHOLDABLE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
# What the library takes for a reference to a cell, anywhere in a title: it would be drawn from there.
_REFERENCE = re.compile(r"!(?=\$?[A-Z]+\$?\d)")
_WORD_JOINER = "\u2060"


def printable(text: str) -> str:
    """`text` with U+FFFD for what XML can't hold."""
    return _UNHOLDABLE.sub("\ufffd", text)


def heading(text: str) -> str:
    """`text` as a chart's title, which is never a formula."""
    return _REFERENCE.sub(f"!{_WORD_JOINER}", printable(text))


def fitting(text: str) -> str:
    """`text` as far as a cell can hold it, with a mark where that is not all of it."""
    if len(text) <= TEXT_UNITS_MAX // 2 or units(text) <= TEXT_UNITS_MAX:
        return text
    mark = f" … [cut: {len(text):,} characters]"
    return clip(text, TEXT_UNITS_MAX - units(mark)) + mark
