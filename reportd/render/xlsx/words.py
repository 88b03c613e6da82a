"""The words that only a workbook needs; those it shares with the page are in `report.locales`."""

from __future__ import annotations

from collections.abc import Mapping

from reportd.report.locales import locale_of

_ENGLISH: Mapping[str, str] = {
    "summary": "Summary",
    "chart data": "Chart data",
    "sheets": "In this workbook",
    "rows": "Rows",
    "origin": "Where these numbers come from",
    "report": "Report",
    "job": "Job",
    "made by": "Made by",
    "params": "Parameters",
    "report text": "SHA-256 of the report",
    "data": "SHA-256 of the data",
    "goes on": "Goes on in {sheets}: a sheet holds no more rows.",
    "as text": "{column}: {count} that a cell can’t hold exactly, kept as text.",
    "cut": "{column}: {count} longer than a cell can hold, cut and marked there.",
    "unlinked": "{column}: {count} addresses are plain text, since a sheet holds no more links.",
}

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": _ENGLISH,
    "de": {
        "summary": "Übersicht",
        "chart data": "Diagrammdaten",
        "sheets": "In dieser Arbeitsmappe",
        "rows": "Zeilen",
        "origin": "Herkunft der Zahlen",
        "report": "Bericht",
        "job": "Auftrag",
        "made by": "Erzeugt von",
        "params": "Parameter",
        "report text": "SHA-256 des Berichts",
        "data": "SHA-256 der Daten",
        "goes on": "Fortsetzung in {sheets}: ein Blatt fasst nicht mehr Zeilen.",
        "as text": "{column}: {count}, die eine Zelle nicht genau fasst, als Text.",
        "cut": "{column}: {count} länger als eine Zelle fasst, dort gekürzt und markiert.",
        "unlinked": "{column}: {count} Adressen sind einfacher Text, da ein Blatt nicht mehr Verweise fasst.",
    },
}


def words(locale: str) -> Mapping[str, str]:
    """The words of a locale's language, English where there are none."""
    return _WORDS.get(locale_of(locale).language, _ENGLISH)
