"""A document's page as text: our own skeleton, or a report's template that extends it, over the same plain data.

A template runs in the sandbox of `report.sandbox`, for SECONDS_MAX at most, and makes CHARACTERS_MAX at most. What goes
wrong in it is told with its file and line.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from reportd.errors import LimitExceeded, ReportdError
from reportd.render.view import View
from reportd.report import sandbox, template
from reportd.report.assets import asset_of
from reportd.report.definition import Template
from reportd.report.document import Column, Document
from reportd.report.fault import fault, nearest
from reportd.report.formats import displayer, parse
from reportd.spool import read

THEME = Path(__file__).parent / "theme"
ROWS_MAX = 2000
"""Rows that `rows()` and `values()` bring into a template; a longer table is a block."""
CHARACTERS_MAX = 10_000_000
SECONDS_MAX = 20.0
"""What one template may make, and how long it may compute."""
_ITS_OWN = (
    *(TemplateError, RecursionError, ArithmeticError, LookupError),
    *(TypeError, ValueError, AttributeError, AssertionError),
)


def page(
    view: View,
    *,
    base: str,
    parts: Mapping[int, Callable[[], Markup]],
    styles: Markup,
    **more: Any,
) -> str:
    """The page of `view` on the skeleton `base` of the theme, filled in by the report's template if it has one.

    `parts` make the HTML of the view's parts, by number, when they are asked for; `more` is for the skeleton alone.
    Errors: ReportError and LimitExceeded, for a template.
    """
    given = {**_common(view), "parts": lambda: (make() for make in parts.values()), "styles": styles, **more}
    own = view.document.template
    if own is None:
        return compiled(base).render(given, templated=False)
    names = {section.name: None for section in view.document.sections}

    def block(name: str) -> Markup:
        if name not in names:
            raise LookupError(f'there is no block "{name}"{nearest(name, names)} (there is: {", ".join(names)})')
        return Markup("").join(make() for number, make in parts.items() if view.parts[number].name == name)

    own_names = {
        "block": block,
        "blocks": list(names),
        "rows": partial(_rows, view.document, shown=True),
        "values": partial(_rows, view.document, shown=False),
        "asset": partial(_asset, own),
        "text": partial(_text, own),
    }
    return _templated(own, {**given, **own_names, "templated": True}, ours={template.BASE: _source(base)})


def compiled(name: str) -> Compiled:
    """One of the theme's own pages and parts."""
    return _compiled(name)


@lru_cache(maxsize=16)
def _compiled(name: str) -> Compiled:
    return _theme().get_template(f"{name}.html")


@lru_cache(maxsize=1)
def _theme() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(THEME),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=4)
def _source(name: str) -> str:
    return (THEME / f"{name}.html").read_text(encoding="utf-8")


def _common(view: View) -> dict[str, Any]:
    """What skeleton and template both know of the document."""
    document = view.document
    return {
        "title": view.title,
        "subtitle": view.subtitle,
        "about": list(view.about),
        "as_of": view.as_of,
        "banners": list(view.banners),
        "locale": document.locale,
        "filters": [{"label": label, "value": value} for label, value in document.filters],
        "params": dict(document.provenance.params),
        "logo": document.theme.logo.uri if document.theme.logo else "",
    }


def _templated(own: Template, given: Mapping[str, Any], *, ours: Mapping[str, str]) -> str:
    with _told(own), _limited(own):
        pieces: list[str] = []
        length = 0
        for piece in sandbox.environment(own, ours).get_template(template.FILE).generate(given):
            pieces.append(piece)
            length += len(piece)
            if length > CHARACTERS_MAX:
                raise LimitExceeded(
                    f"{own.path}/{template.FILE} makes more than {CHARACTERS_MAX:,} characters;"
                    ' long tables belong into block("…")',
                    limit_characters=CHARACTERS_MAX,
                )
        return "".join(pieces)


def _rows(document: Document, name: str, *, shown: bool) -> list[dict[str, Any]]:
    """The rows of a section, each as a mapping from the query's columns to texts, or to values."""
    sections = {section.name: section for section in document.sections}
    section = sections.get(name)
    if section is None or section.rows is None:
        raise LookupError(f'there are no rows of "{name}"{nearest(name, sections)} (there is: {", ".join(sections)})')
    if section.rows.count > ROWS_MAX:
        raise LookupError(
            f'"{name}" has {section.rows.count:,} rows, and at most {ROWS_MAX:,} fit here: use block("{name}")'
        )
    makers = [(column.name, column.index, _maker(column, document.locale, shown=shown)) for column in section.columns]
    return [{key: make(row[index]) for key, index, make in makers} for row in islice(read(section.rows.path), ROWS_MAX)]


def _maker(column: Column, locale: str, *, shown: bool) -> Callable[[str | None], Any]:
    return displayer(column.format, locale) if shown else partial(_value, type=column.type)


def _value(raw: str | None, *, type: str) -> Any:
    return parse(raw, type)


def _asset(own: Template, name: str) -> str:
    return asset_of(name, own.assets).uri


def _text(own: Template, key: str, **given: object) -> str:
    """The text for `key`; `{name}` in it is what is `given` as `name`."""
    if key not in own.texts:
        raise LookupError(f'there is no text "{key}"{nearest(key, own.texts)} (there is: {", ".join(own.texts)})')
    text = own.texts[key]
    for name, value in given.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


@contextmanager
def _told(own: Template) -> Iterator[None]:
    """What goes wrong in a template is the report's fault, at a line of one of its files."""
    try:
        yield
    except (ReportdError, MemoryError):
        raise
    except Exception as error:
        if not isinstance(error, _ITS_OWN):
            raise
        where, line = _place(own, error)
        raise fault(where, _reason(error), line=line) from error


def _place(own: Template, error: BaseException) -> tuple[str, int | None]:
    """The innermost line of the report's own files that `error` came through."""
    files = {f"{own.path}/{file}" for file in own.files}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            return frame.filename, frame.lineno
    return f"{own.path}/{template.FILE}", getattr(error, "lineno", None)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "calls itself without an end"
    text = str(error.args[0]) if isinstance(error, LookupError) and error.args else str(error)
    return text or type(error).__name__


@contextmanager
def _limited(own: Template) -> Iterator[None]:
    """Stop what computes without an end, while it is still Python that computes."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise LimitExceeded(f"{own.path}/{template.FILE} does not end: it computed for {SECONDS_MAX:.0f} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
