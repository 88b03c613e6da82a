"""How a locale writes numbers and dates, and with which words it says what reportd itself prints into a document.

A small table instead of a library: reports need separators, a date order and a dozen words, not calendars. A tag is
looked up whole (`de-AT`), then by its language (`de`), then as English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache

from reportd.report.words import BY_LANGUAGE

NO_BREAK_SPACE = "\u00a0"
NARROW_NO_BREAK_SPACE = "\u202f"
_MONTHS: Mapping[str, tuple[str, ...]] = {
    language: tuple(names.split())
    for language, names in {
        "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        "fr": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "es": "ene feb mar abr may jun jul ago sept oct nov dic",
        "it": "gen feb mar apr mag giu lug ago set ott nov dic",
        "pt": "jan fev mar abr mai jun jul ago set out nov dez",
        "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "pl": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Locale:
    """One locale's habits. `date` is a template over `{dd} {mm} {mon} {y}`, `day` one
    over `{d} {dd} {mm} {mon}` for the axis of a chart, `excel_date` the date's number format in a sheet.

    `percent` is what stands between a number and its percent sign. `clock24` is False where people write 2:05 pm.
    `months` are short names, empty where this table does not know them (a chart's axis then has numbers).
    """

    tag: str
    group: str = ","
    decimal: str = "."
    percent: str = ""
    date: str = "{dd} {mon} {y}"
    day: str = "{d} {mon}"
    excel_date: str = "[$-409]dd mmm yyyy"
    clock24: bool = True
    months: tuple[str, ...] = _MONTHS["en"]
    letter: bool = False
    words: Mapping[str, str] = field(default_factory=lambda: BY_LANGUAGE["en"])

    @property
    def language(self) -> str:
        """The primary subtag: what a document's `lang` falls back to."""
        return self.tag.partition("-")[0]


def _dotted(
    tag: str, *, group: str = ".", decimal: str = ",", percent: str = NO_BREAK_SPACE, day: str = "{d}. {mon}"
) -> Locale:
    return _spoken_in(Locale(tag, group, decimal, percent, "{dd}.{mm}.{y}", day, "dd.mm.yyyy"), day="{dd}.{mm}.")


def _slashed(tag: str, *, group: str, percent: str = NO_BREAK_SPACE) -> Locale:
    return _spoken_in(Locale(tag, group, ",", percent, "{dd}/{mm}/{y}", "{d} {mon}", "dd/mm/yyyy"), day="{dd}/{mm}")


def _spoken_in(habits: Locale, *, day: str) -> Locale:
    """`habits` with the months and words of its language; where the months are not known, `day` has none."""
    months = _MONTHS.get(habits.language, ())
    words = BY_LANGUAGE.get(habits.language, BY_LANGUAGE["en"])
    return replace(habits, months=months, day=habits.day if months else day, words=words)


_DUTCH = Locale("nl", ".", ",", "", "{dd}-{mm}-{y}", "{d} {mon}", "dd-mm-yyyy")
_SWEDISH = Locale("sv", NO_BREAK_SPACE, ",", NO_BREAK_SPACE, "{y}-{mm}-{dd}", "{mm}-{dd}", "yyyy-mm-dd")
_LOCALES: Mapping[str, Locale] = {
    locale.tag: locale
    for locale in (
        Locale("en"),
        Locale(
            "en-US",
            date="{mon} {dd}, {y}",
            day="{mon} {d}",
            excel_date="[$-409]mmm dd, yyyy",
            clock24=False,
            letter=True,
        ),
        Locale("en-CA", date="{y}-{mm}-{dd}", day="{mon} {d}", excel_date="yyyy-mm-dd", letter=True),
        _dotted("de"),
        _dotted("de-CH", group="’", decimal=".", percent=""),
        _slashed("fr", group=NARROW_NO_BREAK_SPACE, percent=NARROW_NO_BREAK_SPACE),
        _slashed("es", group="."),
        _slashed("it", group=".", percent=""),
        _slashed("pt", group=".", percent=""),
        _spoken_in(_DUTCH, day="{dd}-{mm}"),
        _spoken_in(_SWEDISH, day="{mm}-{dd}"),
        _dotted("da"),
        _dotted("nb", group=NO_BREAK_SPACE),
        _dotted("fi", group=NO_BREAK_SPACE),
        _dotted("pl", group=NO_BREAK_SPACE, percent="", day="{d} {mon}"),
        _dotted("cs", group=NO_BREAK_SPACE),
    )
}


# A document is in one language, and a render child makes one document: what it prints may have words of the report's.
_spoken: ContextVar[Mapping[str, str]] = ContextVar("spoken", default={})  # noqa: B039  it is never changed


@contextmanager
def speaking(words: Mapping[str, str]) -> Iterator[None]:
    """Have every locale say `words` (by the names above) in place of its own, within the block."""
    token = _spoken.set(words)
    _worded.cache_clear()
    try:
        yield
    finally:
        _spoken.reset(token)
        _worded.cache_clear()


def locale_of(tag: str) -> Locale:
    """The locale for a tag such as `de-AT` or `en_US`; an unknown one is written like English."""
    return _worded(tag) if _spoken.get() else _habits(tag)


@lru_cache(maxsize=64)
def _worded(tag: str) -> Locale:
    habits = _habits(tag)
    return replace(habits, words={**habits.words, **_spoken.get()})


@lru_cache(maxsize=64)
def _habits(tag: str) -> Locale:
    words = tag.replace("_", "-").split("-")
    language = words[0].lower()
    region = words[-1].upper() if len(words) > 1 else ""
    return _LOCALES.get(f"{language}-{region}") or _LOCALES.get(language) or _LOCALES["en"]
