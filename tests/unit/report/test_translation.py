"""Reports in other languages: which file holds for a locale, and how its mistakes are told."""

from __future__ import annotations

import pytest

from reportd.errors import ReportError
from reportd.report.definition import Report
from reportd.report.document import Format
from reportd.report.formats import display
from reportd.report.locales import locale_of, speaking
from reportd.report.translation import localised, words
from tests.folders import ORDERS, body, report

DE = """
title = "Umsätze"
subtitle = "je Region"
[blocks]
orders = "Bestellungen"
[columns]
amount = "Betrag"
[params]
period = "Zeitraum"
[texts]
greeting = "Guten Tag"
[words]
as_of = "Stand {time}"
continued = "(weiter)"
"""
TOML = 'title = "Sales"\nparams.period = { type = "text", default = "all" }\ncolumns.amount.format = "eur0"\n'


def translated(**files: str) -> Report:
    """The report with these languages, by locale (`_` for `-`)."""
    languages = {f"i18n/{tag.replace('_', '-')}.toml": text for tag, text in files.items()}
    return report({"report.toml": TOML, **body("{{ title }}"), **languages}, ORDERS)


def test_texts_are_those_of_the_locale() -> None:
    made = localised(translated(de=DE), "de-AT")
    assert (made.title, made.subtitle) == ("Umsätze", "je Region")
    assert [block.title for block in made.blocks] == ["Bestellungen"]
    assert (made.columns["amount"].title, made.columns["amount"].format) == ("Betrag", "eur0")
    assert made.params[0].title == "Zeitraum"
    assert made.template is not None
    assert made.template.texts == {"greeting": "Guten Tag"}


def test_another_locale_leaves_the_report_as_it_is() -> None:
    assert localised(translated(de=DE), "fr").title == "Sales"
    assert words(translated(de=DE), "fr") == {}


def test_a_country_says_only_what_its_language_does_not() -> None:
    made = translated(de=DE, de_AT='title = "Umsätze in Österreich"\n[words]\ncontinued = "(Forts.)"\n')
    at = localised(made, "de_AT")
    assert (at.title, at.subtitle) == ("Umsätze in Österreich", "je Region")
    assert localised(made, "de-CH").title == "Umsätze"
    assert words(made, "de-AT") == {"as of": "Stand {time}", "continued": "(Forts.)"}


def test_texts_that_a_language_lacks_are_english() -> None:
    made = translated(de=DE, en='[texts]\ngreeting = "Hello"\nregards = "Regards"\n')
    template = localised(made, "de").template
    assert template is not None
    assert template.texts == {"greeting": "Guten Tag", "regards": "Regards"}


def test_words_hold_within_the_block_and_numbers_stay_the_locales() -> None:
    with speaking(words(translated(de=DE), "de")):
        assert locale_of("de").words["continued"] == "(weiter)"
        assert locale_of("de").words["total"] == "Summe"
        assert display("1234.5", Format("number", decimals=2), "de") == "1.234,50"
    assert locale_of("de").words["continued"] == "(Fortsetzung)"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("de.toml", 'titel = "x"', 'de.toml:1: unknown key "titel"; did you mean "title"?'),
        ("de.toml", '[blocks]\n\nordres = "x"', 'de.toml:3: unknown key "ordres" in blocks; did you mean "orders"?'),
        ("de.toml", '[params]\nperiode = "x"', 'unknown key "periode" in params; did you mean "period"?'),
        ("de.toml", '[words]\npgae = "x"', 'unknown key "pgae" in words; did you mean "page"?'),
        ("de.toml", '[words]\npage = "{pag}"', 'words.page: {pag} is no placeholder of it; did you mean "page"?'),
        ("de.toml", '[words]\npage = "{page.__class__}"', "words.page: {page.__class__} is no placeholder of it"),
        ("de.toml", '[words]\npage = "{page!r}"', "words.page: {page} is no placeholder of it"),
        ("de.toml", '[words]\npage = "{page:>99999999}"', "words.page: {page} is no placeholder of it"),
        ("de.toml", '[words]\npage = "{"', "a brace by itself is written twice"),
        ("de.toml", "title = 1", "de.toml:1: title: '1' is not a text in quotes"),
        ("de.toml", "[texts]\na = 1", "de.toml:2: texts.a: '1' is not a text in quotes"),
        ("de.toml", "blocks = 1", "de.toml:1: blocks must be a table"),
        ("german.toml", "", "is named for its language, such as i18n/de.toml"),
    ],
)
def test_a_mistake_is_told_with_its_place(file: str, text: str, message: str) -> None:
    with pytest.raises(ReportError) as raised:
        report({"report.toml": TOML, f"i18n/{file}": text}, ORDERS)
    assert raised.value.message.startswith("reports/sales/i18n/")
    assert message in raised.value.message
