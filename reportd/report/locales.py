"""How a locale writes numbers and dates, and the few words that reportd itself prints into a document.

A small table instead of a library: reports need separators, a date order and a dozen words, not calendars. A tag is
looked up whole (`de-AT`), then by its language (`de`), then as English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache

NO_BREAK_SPACE = "\u00a0"
NARROW_NO_BREAK_SPACE = "\u202f"
_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GERMAN_MONTHS = ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez")

WORDS_EN: Mapping[str, str] = {
    "yes": "yes",
    "no": "no",
    "total": "Total",
    "subtotal": "Subtotal",
    "running": "{measure}, running",
    "continued": "(continued)",
    "page": "Page {page} of {pages}",
    "as of": "Data as of {time}",
    "no rows": "No rows",
    "no rows for": "No rows for {filters}",
    "cut": "This document shows the first {shown} of {count} rows of “{table}”.",
    "cut here": "Cut here: {left} more rows of “{table}” are in the sheet and the CSV file.",
    "no font": "{count} characters ({characters}) have no font here and stand as boxes; they are right in the "
    "sheet and the CSV file. To print them: {line}",
    "cut totals": "Totals cover all {count} rows; the sheet and the CSV file have every row.",
    "against": "vs {label}",
    "before": "before",
    "and": "and",
    "none": "none",
    "by": "{measure} by {dimension}",
    "no values": "No values to draw",
    "alt": "{title}: {count} values, from {low} to {high}",
    "points": "pp",
    "chart cut": "The first {shown} of {count} are drawn.",
    "pie parts": "{count} parts are too many for a pie: they are drawn as bars.",
    "area negative": "An area can't show values below zero: they are drawn as lines.",
    "pie negative": "A pie shows no values below zero: they are drawn as bars.",
    "share": "{title}: {parts}",
    "columns": "columns {first}–{last} of {count}",
    "thousands": "k",
    "millions": "M",
    "billions": "bn",
    "sheet summary": "Summary",
    "sheet chart data": "Chart data",
    "sheet sheets": "In this workbook",
    "sheet rows": "Rows",
    "sheet origin": "Where these numbers come from",
    "sheet report": "Report",
    "sheet job": "Job",
    "sheet made by": "Made by",
    "sheet params": "Parameters",
    "sheet report text": "SHA-256 of the report",
    "sheet data": "SHA-256 of the data",
    "sheet goes on": "Goes on in {sheets}: a sheet holds no more rows.",
    "sheet as text": "{column}: {count} that a cell can’t hold exactly, kept as text.",
    "sheet cut": "{column}: {count} longer than a cell can hold, cut and marked there.",
    "sheet unlinked": "{column}: {count} addresses are plain text, since a sheet holds no more links.",
}

WORDS_DE: Mapping[str, str] = {
    "yes": "ja",
    "no": "nein",
    "total": "Summe",
    "subtotal": "Zwischensumme",
    "running": "{measure} kumuliert",
    "continued": "(Fortsetzung)",
    "page": "Seite {page} von {pages}",
    "as of": "Datenstand {time}",
    "no rows": "Keine Zeilen",
    "no rows for": "Keine Zeilen für {filters}",
    "cut": "Dieses Dokument zeigt die ersten {shown} von {count} Zeilen von „{table}“.",
    "cut here": "Hier gekürzt: {left} weitere Zeilen von „{table}“ stehen in der Tabelle und der CSV-Datei.",
    "no font": "Für {count} Zeichen ({characters}) fehlt hier eine Schrift, sie stehen als Kästchen; in der Tabelle "
    "und der CSV-Datei sind sie richtig. Abhilfe: {line}",
    "cut totals": "Summen umfassen alle {count} Zeilen; Tabelle und CSV-Datei enthalten jede Zeile.",
    "against": "ggü. {label}",
    "before": "zuvor",
    "and": "und",
    "none": "keine",
    "by": "{measure} nach {dimension}",
    "no values": "Keine Werte darzustellen",
    "alt": "{title}: {count} Werte, von {low} bis {high}",
    "points": "%-Pkt.",
    "chart cut": "Dargestellt sind die ersten {shown} von {count}.",
    "pie parts": "{count} Teile sind zu viele für ein Kreisdiagramm: sie sind als Balken dargestellt.",
    "area negative": "Eine Fläche kann keine Werte unter null zeigen: sie sind als Linien dargestellt.",
    "pie negative": "Ein Kreisdiagramm zeigt keine Werte unter null: sie sind als Balken dargestellt.",
    "share": "{title}: {parts}",
    "columns": "Spalten {first}–{last} von {count}",
    "thousands": "\u00a0Tsd.",
    "millions": "\u00a0Mio.",
    "billions": "\u00a0Mrd.",
    "sheet summary": "Übersicht",
    "sheet chart data": "Diagrammdaten",
    "sheet sheets": "In dieser Arbeitsmappe",
    "sheet rows": "Zeilen",
    "sheet origin": "Herkunft der Zahlen",
    "sheet report": "Bericht",
    "sheet job": "Auftrag",
    "sheet made by": "Erzeugt von",
    "sheet params": "Parameter",
    "sheet report text": "SHA-256 des Berichts",
    "sheet data": "SHA-256 der Daten",
    "sheet goes on": "Fortsetzung in {sheets}: ein Blatt fasst nicht mehr Zeilen.",
    "sheet as text": "{column}: {count}, die eine Zelle nicht genau fasst, als Text.",
    "sheet cut": "{column}: {count} länger als eine Zelle fasst, dort gekürzt und markiert.",
    "sheet unlinked": "{column}: {count} Adressen sind einfacher Text, da ein Blatt nicht mehr Verweise fasst.",
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
    months: tuple[str, ...] = _ENGLISH_MONTHS
    words: Mapping[str, str] = field(default_factory=lambda: WORDS_EN)
    letter: bool = False

    @property
    def language(self) -> str:
        """The primary subtag: what a document's `lang` falls back to."""
        return self.tag.partition("-")[0]


def _dotted(
    tag: str,
    *,
    group: str = ".",
    decimal: str = ",",
    percent: str = NO_BREAK_SPACE,
    words: Mapping[str, str] = WORDS_EN,
    months: tuple[str, ...] = (),
) -> Locale:
    day = "{d}. {mon}" if months else "{dd}.{mm}."
    return Locale(tag, group, decimal, percent, "{dd}.{mm}.{y}", day, "dd.mm.yyyy", months=months, words=words)


def _slashed(tag: str, *, group: str, percent: str = NO_BREAK_SPACE) -> Locale:
    return Locale(tag, group, ",", percent, "{dd}/{mm}/{y}", "{dd}/{mm}", "dd/mm/yyyy", months=())


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
        _dotted("de", words=WORDS_DE, months=_GERMAN_MONTHS),
        _dotted("de-CH", group="’", decimal=".", percent="", words=WORDS_DE, months=_GERMAN_MONTHS),
        _slashed("fr", group=NARROW_NO_BREAK_SPACE, percent=NARROW_NO_BREAK_SPACE),
        _slashed("es", group="."),
        _slashed("it", group=".", percent=""),
        _slashed("pt", group=".", percent=""),
        Locale("nl", ".", ",", "", "{dd}-{mm}-{y}", "{dd}-{mm}", "dd-mm-yyyy", months=()),
        Locale("sv", NO_BREAK_SPACE, ",", NO_BREAK_SPACE, "{y}-{mm}-{dd}", "{mm}-{dd}", "yyyy-mm-dd", months=()),
        _dotted("da"),
        _dotted("nb", group=NO_BREAK_SPACE),
        _dotted("fi", group=NO_BREAK_SPACE),
        _dotted("pl", group=NO_BREAK_SPACE, percent=""),
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
