"""A report in another language: `i18n/de.toml` has its texts, and those of our own that shall read differently.

```toml
title = "Umsatz nach Region"
[blocks]
orders = "Bestellungen"
[columns]
amount = "Betrag (EUR)"
[params]
period = "Zeitraum"
[texts]                       # for a template: {{ text("greeting") }}
greeting = "Guten Tag"
[words]                       # what reportd itself prints
page = "Blatt {page} von {pages}"
```
The job's locale chooses: `de-AT` takes `i18n/de.toml`, and over it `i18n/de-AT.toml`. Numbers and dates are its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from string import Formatter
from typing import Any

from reportd.report import frontmatter
from reportd.report.definition import Block, ColumnLook, Param, Report, Translation
from reportd.report.fault import fault, nearest
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.words import BY_LANGUAGE

FOLDER = "i18n/"
_FILE = re.compile(r"i18n/([a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*)\.toml")
_SENTENCES = ("title", "subtitle", "description", "confidentiality")
_TABLES = ("blocks", "columns", "params", "texts", "words")
_WORDS = {key.replace(" ", "_"): key for key in BY_LANGUAGE["en"]}


def belongs(file: str) -> bool:
    """Whether a file of this name, within its report's directory, is a translation."""
    return file.startswith(FOLDER) and file.endswith(".toml")


def parse(
    path: str, file: str, text: str, *, blocks: Iterable[Block], params: Iterable[Param], coded: bool
) -> Translation:
    """The translation in `file` of the report at `path`; one that is `coded` may make blocks that nobody declared.

    Errors: ReportError with the line and the nearest name.
    """
    if _FILE.fullmatch(file) is None:
        raise fault(f"{path}/{file}", "is named for its language, such as i18n/de.toml or i18n/de-AT.toml")
    front = frontmatter.read_file(f"{path}/{file}", text)
    table = Table(front, (), front.values, (*_SENTENCES, *_TABLES))
    words = _texts(front, "words", known=_WORDS)
    for key, word in words.items():
        _check_placeholders(front, key, word)
    return Translation(
        front.path,
        sentences={key: said for key in _SENTENCES if (said := table.text(key))},
        blocks=_texts(front, "blocks", known=None if coded else [block.name for block in blocks]),
        columns=_texts(front, "columns"),
        params=_texts(front, "params", known=[param.name for param in params]),
        texts=_texts(front, "texts"),
        words={_WORDS[key]: word for key, word in words.items()},
    )


def localised(report: Report, locale: str) -> Report:
    """`report` with its texts as the translation for `locale` has them, where it says anything."""
    if report.template:
        report = replace(report, template=replace(report.template, texts=_template_texts(report, locale)))
    merged = _merged(_chosen(report, locale))
    columns = dict(report.columns)
    for name, title in merged.columns.items():
        columns[name] = replace(columns.get(name, ColumnLook(name)), title=title)
    said = merged.sentences
    return replace(
        report,
        title=said.get("title", report.title),
        subtitle=said.get("subtitle", report.subtitle),
        description=said.get("description", report.description),
        confidentiality=said.get("confidentiality", report.confidentiality),
        blocks=tuple(replace(block, title=merged.blocks.get(block.name, block.title)) for block in report.blocks),
        params=tuple(replace(param, title=merged.params.get(param.name, param.title)) for param in report.params),
        columns=columns,
    )


def words(report: Report, locale: str) -> Mapping[str, str]:
    """The words that documents of `report` in `locale` have in place of our own, by the names of `locales`."""
    return _merged(_chosen(report, locale)).words


def _template_texts(report: Report, locale: str) -> Mapping[str, str]:
    """The texts for the template; what `locale` lacks comes from the report's own language, or from English."""
    found = [_merged(_chosen(report, each)).texts for each in ("en", report.locale or "en", locale)]
    return {key: text for each in found for key, text in each.items()}


def _chosen(report: Report, locale: str) -> list[Translation]:
    """The translations for `locale`, the more general first."""
    tag = locale.replace("_", "-").lower()
    by_tag = {name.replace("_", "-").lower(): each for name, each in report.translations.items()}
    return [by_tag[each] for each in dict.fromkeys((tag.partition("-")[0], tag)) if each in by_tag]


def _merged(chosen: Iterable[Translation]) -> Translation:
    merged = Translation("")
    for each in chosen:
        merged = Translation(
            each.path,
            {**merged.sentences, **each.sentences},
            {**merged.blocks, **each.blocks},
            {**merged.columns, **each.columns},
            {**merged.params, **each.params},
            {**merged.texts, **each.texts},
            {**merged.words, **each.words},
        )
    return merged


def tag_of(file: str) -> str:
    """The locale that a translation's file is for."""
    return file.removeprefix(FOLDER).removesuffix(".toml")


def _texts(front: FrontMatter, name: str, *, known: Collection[str] | None = None) -> dict[str, str]:
    raw: Any = front.values.get(name, {})
    table = Table(front, (name,), raw, known if known is not None else raw)
    return {key: text for key in raw if (text := table.text(key))}


def _check_placeholders(front: FrontMatter, key: str, word: str) -> None:
    allowed = {name for _, name, _, _ in Formatter().parse(BY_LANGUAGE["en"][_WORDS[key]]) if name}
    try:
        used = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(word) if name is not None]
    except ValueError as error:
        raise front.fault(("words", key), f"words.{key}: {error}; a brace by itself is written twice") from None
    for name, spec, conversion in used:
        if name not in allowed or spec or conversion:
            there = ", ".join(f"{{{each}}}" for each in sorted(allowed)) or "none"
            message = f"words.{key}: {{{name}}} is no placeholder of it{nearest(name, allowed)} (there is: {there})"
            raise front.fault(("words", key), message)
