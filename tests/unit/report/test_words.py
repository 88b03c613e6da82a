"""What reportd itself prints, in every language that it has."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from reportd.report.locales import locale_of
from reportd.report.words import BY_LANGUAGE
from tests.spooled import Given, document

ENGLISH = BY_LANGUAGE["en"]
OTHERS = sorted(BY_LANGUAGE.keys() - {"en"})


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_word_and_no_placeholder_more_or_less(language: str) -> None:
    words = BY_LANGUAGE[language]
    assert list(words) == list(ENGLISH)
    assert {name: _placeholders(word) for name, word in words.items()} == {
        name: _placeholders(word) for name, word in ENGLISH.items()
    }
    sentences = [name for name, word in ENGLISH.items() if len(re.sub(r"\{\w+\}", "", word).split()) > 2]
    assert not [name for name in sentences if words[name] == ENGLISH[name]], "left in English"
    assert len(words["sheet summary"]) <= 31, "the name of a sheet"
    assert locale_of(f"{language}-XX").words is words


@pytest.mark.parametrize("language", OTHERS)
def test_a_document_speaks_its_language(tmp_path: Path, language: str) -> None:
    rows = [("a", "2026-05-04", 1000), ("b", "2026-06-05", 2)]
    table = Given("table", {"name": "text", "day": "date", "amount": "bigint"}, rows)
    bars = Given("bar", {"day": "date", "amount": "bigint"}, [("2026-05-01", 1), ("2026-06-01", 2)])
    made = document(tmp_path / "spool", table, bars, locale=language)
    [file] = HTML().render(made, out=tmp_path, settings=RenderSettings())
    text, words = Path(file.path).read_text(), BY_LANGUAGE[language]
    assert f'<th scope="row" colspan="2">{words["total"]}</th>' in text
    assert words["as of"].partition("{")[0] in text
    assert f">{locale_of(language).months[4]} 2026<" in text, "May, on the axis of the chart"
