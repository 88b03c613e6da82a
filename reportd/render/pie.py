"""A pie: parts of one whole, clockwise from twelve, with a key that says name, value and share of each.

Told by order and share as well as by colour, so that it survives a grey printer.
"""

from __future__ import annotations

import math
from decimal import Decimal

from reportd.render.canvas import SIZE, Canvas, shortened, width_of
from reportd.render.series import Series
from reportd.report.document import Format
from reportd.report.formats import display_number
from reportd.report.locales import Locale

_ROW = SIZE * 1.75
_GAP = 26.0
_NAME_MAX = 0.38
# A share smaller than this has no room for its figure at the rim; the key has it.
_NAMED_FROM = 0.035


def draw_pie(canvas: Canvas, data: Series, *, locale: Locale) -> None:
    """Draw `data`, whose values are not below zero and not all zero, into the whole of `canvas`."""
    [line] = data.lines
    values = [value or 0.0 for value in line.values]
    whole = sum(values)
    shares = [value / whole for value in values]
    percent = _percent(shares)
    shown = [display_number(Decimal(repr(share)), percent, locale.tag) for share in shares]
    radius = canvas.height / 2 - SIZE * 1.8
    x, y = radius + width_of("100 %") + 6, canvas.height / 2
    turn = 0.0
    for number, (share, text) in enumerate(zip(shares, shown, strict=True)):
        if share:
            canvas.slice(x, y, radius, turn, turn + share, canvas.theme.colour(number))
        if share >= _NAMED_FROM:
            _at_rim(canvas, x, y, radius, turn + share / 2, text)
        turn += share
    figures = [
        "–" if value is None else display_number(Decimal(repr(value)), line.column.format, locale.tag)
        for value in line.values
    ]
    names = [shortened(label, canvas.width * _NAME_MAX) for label in data.labels]
    left = x + radius + width_of("100 %") + _GAP
    values_end = left + 13 + max(map(width_of, names)) + 18 + max(map(width_of, figures))
    shares_end = values_end + 12 + max(map(width_of, shown)) + 4
    top = y - _ROW * len(names) / 2
    for number, (name, figure, share_text) in enumerate(zip(names, figures, shown, strict=True)):
        base = top + number * _ROW + SIZE
        canvas.key(left, base - SIZE * 0.85, SIZE * 0.95, canvas.theme.colour(number))
        canvas.text(left + 13, base, name, color=canvas.theme.ink)
        canvas.text(values_end, base, figure, anchor="end", color=canvas.theme.muted)
        canvas.text(shares_end, base, share_text, anchor="end", color=canvas.theme.ink, bold=True)


def _percent(shares: list[float]) -> Format:
    """Whole percents, with a decimal where a part would come out as nothing."""
    return Format("percent", decimals=1 if any(0 < share < 0.01 for share in shares) else 0)


def _at_rim(canvas: Canvas, x: float, y: float, radius: float, turn: float, text: str) -> None:
    angle = 2 * math.pi * turn
    across, up = math.sin(angle), math.cos(angle)
    anchor = "middle" if abs(across) < 0.25 else "start" if across > 0 else "end"
    lift = SIZE * (0.33 - 0.33 * up)
    canvas.text(x + (radius + 4) * across, y - (radius + 4) * up + lift, text, anchor=anchor, color=canvas.theme.muted)
