"""A job's parameters: from JSON, once, to typed values that Postgres reads as text.

Every value is resolved at the job's own time: `last month` in a job of 3 November is October, whenever it runs. What
`as_json` gives is stored, and resolving that gives the same values again, at any later time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from reportd.errors import ParamsError
from reportd.report import periods
from reportd.report.definition import Param
from reportd.report.fault import nearest
from reportd.report.lexer import placeholders
from reportd.report.periods import Period
from reportd.report.values import Clock, rule_of
from reportd.report.zones import zone_of

MASK = "•••"
# As long as a bigint; a longer one would be out of range, however the server writes it.
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_SHOWN_MAX = 80
_LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class Value:
    """One value as Postgres' text input (None: NULL) and the name of its type (None: PREPARE decides)."""

    text: str | None
    type: str | None


@dataclass(frozen=True, slots=True)
class Params:
    """The values of all parameters. `values` has every placeholder's, those of a range's two instants included."""

    params: tuple[Param, ...]
    values: Mapping[str, Value]
    _typed: Mapping[str, Any]

    @property
    def typed(self) -> Mapping[str, Any]:
        """The values as Python's own by parameter: a Period for a daterange, a tuple for a list, None for NULL."""
        return self._typed

    def bound(self, extra: Mapping[str, Value]) -> Params:
        """These parameters with the placeholders of `extra` beside, or in place of, their own."""
        return replace(self, values={**self.values, **extra})

    def as_json(self) -> dict[str, Any]:
        """The values as JSON, secrets included; resolved again, they give these Params."""
        return {param.name: self._json(param) for param in self.params}

    def masked(self) -> dict[str, Any]:
        """The values as JSON with secrets hidden, for documents, logs and metrics."""
        return {param.name: MASK if self._hidden(param) else self._json(param) for param in self.params}

    def described(self, locale: str = "en") -> tuple[tuple[str, str], ...]:
        """(title, value in words) of every parameter that has a value, in the order declared; secrets are hidden."""
        given = (param for param in self.params if self._typed[param.name] is not None)
        return tuple((param.title, MASK if self._hidden(param) else self._words(param, locale)) for param in given)

    def _hidden(self, param: Param) -> bool:
        return param.secret and self._typed[param.name] is not None

    def _json(self, param: Param) -> Any:
        value, write = self._typed[param.name], rule_of(param).json
        if value is None:
            return None
        return [write(item) for item in value] if param.many else write(value)

    def _words(self, param: Param, locale: str) -> str:
        value, words = self._typed[param.name], rule_of(param).words
        if not param.many:
            return words(value, locale)
        listed = ", ".join(words(item, locale) for item in value[:_LISTED_MAX])
        return f"{listed} + {len(value) - _LISTED_MAX}" if len(value) > _LISTED_MAX else listed or "–"


def resolve(
    params: Sequence[Param], raw: Mapping[str, Any], *, now: datetime, timezone: str, fiscal_start: int = 1
) -> Params:
    """The values of `params` that `raw` (JSON) gives, defaults for those it leaves out or gives as null.

    Words such as `last month` count from `now` (aware; the job's slot, else its creation) in `timezone` (IANA); a
    fiscal year begins in the month `fiscal_start`. Errors: ParamsError: the parameter, its value, what is allowed.
    """
    known = [param.name for param in params]
    for name in raw:
        if name not in known:
            allowed = f"known: {', '.join(known)}" if known else "this report has none"
            raise ParamsError(f'unknown parameter "{name}"{nearest(name, known)} ({allowed})', param=name)
    clock = Clock(now, _zone(timezone), fiscal_start)
    typed = {param.name: _typed(param, raw.get(param.name), clock) for param in params}
    values = {name: value for param in params for name, value in _values(param, typed[param.name], clock)}
    return Params(tuple(params), values, typed)


def check(param: Param, *, now: datetime, timezone: str) -> None:
    """Make sure that a declaration's own limits and default fit it. Errors: ParamsError; detail `key` is `min`, …"""
    clock = Clock(now, _zone(timezone))
    # A range's limits are its first and last day.
    single = replace(param, minimum=None, maximum=None, many=False, required=False, default=None)
    bound = replace(single, type="date") if param.type == "daterange" else single
    limits = [_declared(bound, key, value, clock) for key, value in (("min", param.minimum), ("max", param.maximum))]
    low, high = limits
    if low is not None and high is not None and low > high:
        raise ParamsError(f"params.{param.name}.min: {param.minimum} is above max {param.maximum}", key="min")
    if param.default is not None:
        _declared(replace(param, default=None), "default", param.default, clock)


def sql_types(params: Sequence[Param]) -> dict[str, str | None]:
    """The Postgres type of every placeholder that `params` give; None where PREPARE decides."""
    types: dict[str, str | None] = {}
    for param in params:
        name, *instants = param.names
        types[name] = _sql_type(param)
        types.update(dict.fromkeys(instants, "timestamp with time zone"))
    return types


def independent(params: Sequence[Param], names: Collection[str]) -> tuple[Param, ...]:
    """`params` without those called `names`, and without those whose queries use such a one."""
    left: list[Param] = []
    gone = set(names)
    for param in params:
        blocks = [block for block in (param.default_block, param.choices_block) if block]
        if param.name in gone or any(token.name in gone for block in blocks for token in placeholders(block.sql)):
            gone.update(param.names)
        else:
            left.append(param)
    return tuple(left)


def from_cell(param: Param, cell: str) -> Any:
    """What the database gave for `param`, or for one item of its list, as the JSON that an order would write.

    A text that the type does not take stays one: `resolve` says what is wrong with it.
    """
    match param.type:
        case "bool" if cell in ("t", "f", "true", "false"):
            return cell.startswith("t")
        case "int" if _WHOLE.fullmatch(cell):
            return int(cell)
        case _:
            return cell


def schema_of(params: Sequence[Param]) -> dict[str, Any]:
    """The JSON Schema of `jobs.params`, in the subset that the INSERT trigger checks.

    Checked at INSERT: type, required, enum, minimum, maximum, items, additionalProperties, and our `shape`: a pattern
    that every text of the type matches whatever its case, in what Python and Postgres read alike. Checked when the job
    starts: an author's `pattern` (here for forms and other readers), the calendar, and numbers written as text.
    """
    return {
        "type": "object",
        "properties": {param.name: _property(param) for param in params},
        "required": [param.name for param in params if param.required],
        "additionalProperties": False,
    }


def _typed(param: Param, raw: Any, clock: Clock) -> Any:
    """The typed value, None for NULL."""
    if raw is None:
        raw = param.default
    if raw is None:
        if param.required:
            raise ParamsError(f'parameter "{param.name}" is missing ({_kind(param)})', param=param.name)
        return None
    if not param.many:
        return _item(param, raw, clock)
    if not isinstance(raw, list | tuple):
        raise _unfit(param, raw, "is no list")
    return tuple(_item(param, item, clock) for item in raw)


def _item(param: Param, raw: Any, clock: Clock) -> Any:
    try:
        return rule_of(param).read(raw, param, clock)
    except ValueError as error:
        raise _unfit(param, raw, str(error)) from None


def _unfit(param: Param, raw: Any, phrase: str) -> ParamsError:
    shown = MASK if param.secret else _shown(raw)
    return ParamsError(f'parameter "{param.name}": {shown} {phrase}', param=param.name, value=shown)


def _declared(param: Param, key: str, raw: Any, clock: Clock) -> Any:
    """The value that a declaration gives for `key`, read by the declaration's own rule."""
    if raw is None:
        return None
    try:
        value = _typed(param, raw, clock)
    except ParamsError as error:
        phrase = error.message.removeprefix(f'parameter "{param.name}": ')
        raise ParamsError(f"params.{param.name}.{key}: {phrase}", key=key) from None
    if key != "default" and param.type in ("date", "timestamp") and not str(raw)[:1].isdigit():
        raise ParamsError(f"params.{param.name}.{key}: {_shown(raw)} moves; write a date such as 2026-01-01", key=key)
    return value


def _values(param: Param, typed: Any, clock: Clock) -> list[tuple[str, Value]]:
    write = rule_of(param).write
    kind = _sql_type(param)
    if typed is None:
        return [(name, Value(None, kind if name == param.name else _INSTANT)) for name in param.names]
    if param.many:
        return [(param.name, Value("{" + ",".join(_element(write(item)) for item in typed) + "}", kind))]
    values = [(param.name, Value(write(typed), kind))]
    if isinstance(typed, Period):
        _, start, end = param.names
        values.append((start, Value(_edge(typed.start, clock) or "-infinity", _INSTANT)))
        values.append((end, Value(_edge(typed.end, clock) or "infinity", _INSTANT)))
    return values


def _edge(day: Any, clock: Clock) -> str | None:
    return str(periods.first_instant(day, clock.zone)) if day else None


def _element(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _sql_type(param: Param) -> str | None:
    sql = rule_of(param).sql
    return f"{sql}[]" if sql and param.many else sql


def _property(param: Param) -> dict[str, Any]:
    item: dict[str, Any] = {"type": _types(param, optional=not param.required and not param.many)}
    if param.choices:
        item["enum"] = [*param.choices, None] if not param.required and not param.many else list(param.choices)
    if param.type in ("int", "numeric"):
        for key, bound in (("minimum", param.minimum), ("maximum", param.maximum)):
            if bound is not None:
                item[key] = _json_number(bound)
    if shape := rule_of(param).shape:
        item["shape"] = {"noun": shape.noun, "pattern": shape.pattern, "examples": list(shape.examples)}
    if param.pattern is not None:
        item["pattern"] = f"^(?:{param.pattern})$"
    if param.secret:
        item["writeOnly"] = True
    if param.many:
        item = {"type": "array" if param.required else ["array", "null"], "items": item}
    item["title"] = param.title
    if param.description is not None:
        item["description"] = param.description
    if param.secret:
        item["writeOnly"] = True
    elif param.default is not None:
        item["default"] = param.default
    return item


def _types(param: Param, *, optional: bool) -> str | list[str]:
    types = list(rule_of(param).json_types)
    if optional:
        types.append("null")
    return types[0] if len(types) == 1 else types


def _json_number(bound: Any) -> int | float:
    number = Decimal(str(bound))
    return int(number) if number == number.to_integral_value() else float(number)


def _kind(param: Param) -> str:
    """What a missing parameter should be, in words."""
    kind = "a value" if param.type == "any" else f"type {param.type}"
    if param.choices:
        kind = f"one of: {', '.join(param.choices)}"
    return f"a list, each {kind}" if param.many else kind


def _shown(raw: Any) -> str:
    text = json.dumps(raw, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def _zone(timezone: str) -> Any:
    try:
        return zone_of(timezone)
    except ValueError as error:
        raise ParamsError(str(error), timezone=timezone) from None


_INSTANT = "timestamp with time zone"
