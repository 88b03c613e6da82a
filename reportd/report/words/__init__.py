"""What reportd itself prints into a document, by language: page numbers, totals, what was cut, and why.

Texts with a number in them are so worded that they need no plural forms.
"""

from __future__ import annotations

from collections.abc import Mapping

from reportd.report.words import de, en, es, fr, it, nl, pl, pt

BY_LANGUAGE: Mapping[str, Mapping[str, str]] = {
    "de": de.WORDS,
    "en": en.WORDS,
    "es": es.WORDS,
    "fr": fr.WORDS,
    "it": it.WORDS,
    "nl": nl.WORDS,
    "pl": pl.WORDS,
    "pt": pt.WORDS,
}
