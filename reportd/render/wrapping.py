"""Breaks a cell's text into lines, by the font's own widths. All lengths are em."""

from __future__ import annotations

from reportd.render.fonts import width_em

LINES_MAX = 3
_MEASURED_LEAST = 256
_WORD_CUT_MAX = 12  # characters of a broken word that are dropped rather than left standing


def wrap(text: str, width: float, *, bold: bool = False) -> list[str]:
    """`text` in lines of at most `width`, broken between words; a word longer than a line is broken anywhere."""
    if width_em(text, bold=bold) <= width:
        return [text]
    lines: list[str] = []
    line, used, space = "", 0.0, width_em(" ", bold=bold)
    for word in text.split(" "):
        length = width_em(word, bold=bold)
        if line and used + space + length <= width:
            line, used = f"{line} {word}", used + space + length
            continue
        if line:
            lines.append(line)
        while length > width and len(word) > 1:
            fits = _fitting(word, width, bold=bold)
            lines.append(word[:fits])
            word = word[fits:]
            length = width_em(word, bold=bold)
        line, used = word, length
    return [*lines, line] if line else lines


def clamp(text: str, width: float, *, lines: int = LINES_MAX) -> str:
    """`text`, cut with an ellipsis if it takes more than `lines` lines of `width`."""
    begun = _begun(text, width, lines)
    if begun == text and len(wrap(text, width)) <= lines:
        return text
    text = begun
    low, high = 0, len(text)
    while low < high:  # the longest beginning that leaves room for the ellipsis
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(wrap(text[:middle] + "…", width)) <= lines else (low, middle - 1)
    cut = text[:low]
    space = cut.rfind(" ")
    return (cut[:space] if low - space < _WORD_CUT_MAX and space > 0 else cut).rstrip(" ,;.:") + "…"


def _begun(text: str, width: float, lines: int) -> str:
    """As much of a long text as takes more than `lines` lines: what lies further on is never measured."""
    size = _MEASURED_LEAST
    while size < len(text) and len(wrap(text[:size], width)) <= lines:
        size *= 2
    return text[:size]


def _fitting(word: str, width: float, *, bold: bool) -> int:
    """How many characters of `word` fill a line; at least one, so that there is an end."""
    used = 0.0
    for number, character in enumerate(word):
        used += width_em(character, bold=bold)
        if used > width:
            return max(number, 1)
    return len(word)
