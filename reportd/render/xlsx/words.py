"""The words that only a workbook needs; like those that it shares with the page they are in `report.locales`."""

from __future__ import annotations

from collections.abc import Mapping

from reportd.report.locales import locale_of

_OURS = "sheet "


def words(locale: str) -> Mapping[str, str]:
    """The words of a locale, by their names without the `sheet` before them."""
    found = locale_of(locale).words
    return {name.removeprefix(_OURS): word for name, word in found.items() if name.startswith(_OURS)}
