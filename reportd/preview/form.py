"""The form of a report's parameters: a field for each, and what the texts typed into them come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reportd.report.definition import Param
from reportd.report.entry import entered
from reportd.report.params import schema_of

TEXT_CHARACTERS_MAX = 10_000
"""Longer ones are nobody's parameter."""

PERIODS = (
    *("today", "yesterday", "this week", "last week", "this month", "last month", "last 30 days", "MTD"),
    *("this quarter", "last quarter", "last 12 months", "this year", "last year", "YTD"),
)
DAYS = ("today", "yesterday", "tomorrow")
MOMENTS = ("now", "today", "yesterday")
"""What a field proposes; it takes whatever the type does."""

Control = Literal["text", "choice", "truth", "secret"]


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter's place in the form. `default` is what an empty field means; a secret's is not told."""

    name: str
    title: str
    control: Control
    type: str
    required: bool
    many: bool
    default: str
    choices: tuple[str, ...]
    proposals: tuple[str, ...]
    help: str


def fields(
    params: Sequence[Param], choices: Mapping[str, Sequence[str]], found: Mapping[str, Any] | None = None
) -> tuple[Field, ...]:
    """The form for `params`, in the order declared; by parameter, `choices` are those that the database has, and
    `found` (JSON) the defaults that its queries gave.
    """
    known = found or {}
    return tuple(
        _field(param, tuple(choices.get(param.name, param.choices)), default=known.get(param.name, param.default))
        for param in params
    )


def given(params: Sequence[Param], texts: Mapping[str, str]) -> dict[str, Any]:
    """The parameters (JSON) that the fields' `texts` give; empty ones and those of other reports give none."""
    properties = schema_of(params)["properties"]
    return {param.name: entered(text, properties[param.name]) for param in params if (text := texts.get(param.name))}


def _field(param: Param, choices: tuple[str, ...], *, default: Any) -> Field:
    return Field(
        name=param.name,
        title=param.title,
        control=_control(param, choices),
        type=param.type,
        required=param.required,
        many=param.many,
        default="" if param.secret else _typed(default),
        choices=() if param.secret else choices,
        proposals=_PROPOSALS.get(param.type, ()) if not (param.many or param.secret) else (),
        help=_help(param),
    )


def _control(param: Param, choices: tuple[str, ...]) -> Control:
    if param.secret:
        return "secret"
    if param.many:
        return "text"
    if param.type == "bool":
        return "truth"
    return "choice" if choices else "text"


_PROPOSALS = {"daterange": PERIODS, "date": DAYS, "timestamp": MOMENTS}


def _typed(value: Any) -> str:
    """A default as somebody would type it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list() | tuple():
            plain = all(isinstance(item, str) and "," not in item and item for item in value)
            return ", ".join(value) if plain else json.dumps(value, ensure_ascii=False)
        case _:
            return json.dumps(value)


def _help(param: Param) -> str:
    """What there is to know before typing: the author's words, the limits, that commas part a list."""
    default = "default from a query" if param.default_block else ""
    low, high = param.minimum, param.maximum
    limits = (
        f"{low} to {high}"
        if low is not None and high is not None
        else f"from {low}"
        if low is not None
        else f"up to {high}"
        if high is not None
        else ""
    )
    pattern = f"like {param.pattern}" if param.pattern else ""
    choices = f"of {', '.join(param.choices)}" if param.many and param.choices else ""
    return " · ".join(
        filter(None, (param.description, limits, pattern, choices, default, "commas between" if param.many else ""))
    )
