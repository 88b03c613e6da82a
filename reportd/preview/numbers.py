"""A cell's value as a sheet shows it: the number formats that reports use, in the document's locale."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

from reportd.report.locales import Locale

_EPOCH = datetime(1899, 12, 30)
_DAYS_MAX = 2_958_466
_ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)
_PART = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[[^\]]*\]'
    r"|(?P<clock>(?i:yyyy|yy|mmmm|mmm|mm|m|dddd|ddd|dd|d|hh|h|ss|s|am/pm))"
    r"|(?P<digits>[#0?][#0?,]*(?:\.[#0?]+)?)|(?P<percent>%)|(?P<text>@)|(?P<other>.)",
    re.DOTALL,
)
_GENERAL_DIGITS = 11


def shown(value: str, code: str, locale: Locale) -> str:
    """The number `value` (a decimal text as the file has it) under the number format `code`."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if code.lower() == "general" or code in ("", "@"):
        return _general(number, locale)
    chosen = _chosen(_sections(code), number)
    if chosen.is_clock:
        return _moment(number, chosen, locale)
    return _figure(number, chosen, locale)


@dataclass(frozen=True, slots=True)
class _Section:
    """One of a format's parts: `tokens` are (name of the group, text); `signless` that it brings its own sign."""

    tokens: tuple[tuple[str, str], ...]
    signless: bool = False

    @property
    def is_clock(self) -> bool:
        return any(kind == "clock" for kind, _ in self.tokens)


@lru_cache(maxsize=256)
def _sections(code: str) -> tuple[_Section, ...]:
    tokens = [
        (match.lastgroup, match[match.lastgroup] or "") for match in _PART.finditer(code) if match.lastgroup is not None
    ]
    parts: list[list[tuple[str, str]]] = [[]]
    for kind, text in tokens:
        if (kind, text) == ("other", ";"):
            parts.append([])
        else:
            parts[-1].append((kind, text))
    return tuple(_Section(tuple(part), signless=place > 0) for place, part in enumerate(parts))


def _chosen(sections: tuple[_Section, ...], number: Decimal) -> _Section:
    if number < 0 and len(sections) > 1:
        return sections[1]
    if number == 0 and len(sections) > 2:
        return sections[2]
    return sections[0]


def _general(number: Decimal, locale: Locale) -> str:
    if number == number.to_integral_value():
        return format(number, "f").partition(".")[0]
    return format(float(number), f".{_GENERAL_DIGITS}g").replace(".", locale.decimal)


def _figure(number: Decimal, section: _Section, locale: Locale) -> str:
    if any(kind == "percent" for kind, _ in section.tokens):
        number *= 100
    out = []
    for kind, text in section.tokens:
        if kind == "digits":
            out.append(_digits(number, text, locale))
        elif kind == "text":
            out.append(_general(number, locale))
        else:
            out.append(text)
    negative = "-" if number < 0 and not section.signless else ""
    return negative + "".join(out)


def _digits(number: Decimal, pattern: str, locale: Locale) -> str:
    whole, _, fraction = pattern.partition(".")
    rounded = _ROUNDING.quantize(abs(number), Decimal(1).scaleb(-len(fraction)))
    digits, _, rest = format(rounded, "f").partition(".")
    digits = digits.zfill(whole.count("0"))
    if "," in whole:
        digits = f"{int(digits):,}".replace(",", locale.group) if digits.strip("0") else digits
    kept = len(fraction.rstrip("#?"))
    rest = rest[:kept] + rest[kept:].rstrip("0")
    return f"{digits}{locale.decimal}{rest}" if rest else digits


def _moment(number: Decimal, section: _Section, locale: Locale) -> str:
    if not 0 <= number < _DAYS_MAX:
        return "#####"
    at = _EPOCH + timedelta(seconds=round(float(number) * 86_400))
    half = any(kind == "clock" and text.lower() == "am/pm" for kind, text in section.tokens)
    out: list[str] = []
    previous = ""
    clocks = [text.lower() for kind, text in section.tokens if kind == "clock"]
    for kind, text in section.tokens:
        if kind != "clock":
            out.append(text)
            continue
        word = text.lower()
        clocks.pop(0)
        # An m between hours and seconds is a minute's.
        minute = word in ("m", "mm") and (previous.startswith("h") or (clocks[:1] or [""])[0].startswith("s"))
        out.append(_CLOCK[f"minute {word}" if minute else word](at, locale, half))
        previous = word
    return "".join(out)


def _hour(at: datetime, half: bool) -> int:
    return (at.hour % 12 or 12) if half else at.hour


def _month(at: datetime, locale: Locale) -> str:
    return locale.months[at.month - 1] if locale.months else at.strftime("%b")


_CLOCK: dict[str, Callable[[datetime, Locale, bool], str]] = {
    "yyyy": lambda at, locale, half: f"{at.year:04}",
    "yy": lambda at, locale, half: f"{at.year % 100:02}",
    "mmmm": lambda at, locale, half: _month(at, locale),
    "mmm": lambda at, locale, half: _month(at, locale),
    "mm": lambda at, locale, half: f"{at.month:02}",
    "m": lambda at, locale, half: str(at.month),
    "minute mm": lambda at, locale, half: f"{at.minute:02}",
    "minute m": lambda at, locale, half: str(at.minute),
    "dddd": lambda at, locale, half: at.strftime("%A"),
    "ddd": lambda at, locale, half: at.strftime("%a"),
    "dd": lambda at, locale, half: f"{at.day:02}",
    "d": lambda at, locale, half: str(at.day),
    "hh": lambda at, locale, half: f"{_hour(at, half):02}",
    "h": lambda at, locale, half: str(_hour(at, half)),
    "ss": lambda at, locale, half: f"{at.second:02}",
    "s": lambda at, locale, half: str(at.second),
    "am/pm": lambda at, locale, half: "AM" if at.hour < 12 else "PM",
}
