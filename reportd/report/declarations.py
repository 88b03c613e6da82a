"""Parameters and targets as the front matter declares them."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, Literal, cast, get_args

from reportd.report import conditions
from reportd.report.definition import Block, Delivering, Param, ParamType
from reportd.report.formats import title_of
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.zones import zone_of

_PARAM_KEYS = (
    "type",
    "title",
    "description",
    "required",
    "default",
    "default_sql",
    "choices",
    "choices_sql",
    "min",
    "max",
    "pattern",
    "many",
    "secret",
)
_PARAM_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_TYPES = tuple(name for name in get_args(ParamType) if name != "any")
_UNITS_S = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "month": 30 * 86_400.0, "year": 365 * 86_400.0}
_BOUNDED = ("int", "numeric", "date", "timestamp", "daterange")


def params(front: FrontMatter) -> tuple[Param, ...]:
    """The parameters under `params`, in the order written. Errors: ReportError."""
    declared = front.values.get("params", {})
    if not isinstance(declared, dict):
        raise front.fault(["params"], 'params must be tables, such as params.period = { type = "daterange" }')
    found = tuple(_param(front, name, raw) for name, raw in declared.items())
    names = {param.name for param in found}
    for param in found:
        for derived in param.names[1:]:
            if derived in names:
                message = f'"{derived}" is given by the daterange "{param.name}" already; rename one of the two'
                raise front.fault(["params", derived], message)
    return found


def delivering(front: FrontMatter, *, blocks: Collection[str] | None) -> Delivering | None:
    """What `deliver` says: a list of targets, or a table with `to` and `when`, a condition about `blocks`.

    Errors: ReportError. Whether there are such channels is known once their packages are: see `targets.check`.
    """
    if "deliver" not in front.values:
        return None
    raw = front.values["deliver"]
    table = Table(front, ("deliver",), {"to": raw} if isinstance(raw, list) else raw, ("to", "when"))
    when = table.text("when")
    if when is not None:
        try:
            conditions.parse(when, blocks=blocks)
        except ValueError as error:
            raise table.fault("when", str(error)) from None
    to = table.texts("to", allowed='a list of targets, such as ["file:sales/"]') or ()
    return Delivering(to, when, front.line("deliver", "to") if isinstance(raw, dict) else front.line("deliver"))


def retain_of(table: Table) -> float | None:
    """How long `retain` says that files are kept, in seconds."""
    text = table.text("retain")
    if text is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4}) (hour|day|week|month|year)s?", text)
    if match is None:
        raise table.wrong("retain", 'a length of time, such as "90 days" (hours, days, weeks, months, years)')
    return int(match[1]) * _UNITS_S[match[2]]


def attached(front: FrontMatter) -> Literal["csv"] | None:
    """What `pdf.attach` asks for inside the PDF. Errors: ReportError."""
    if "pdf" not in front.values:
        return None
    table = Table(front, ("pdf",), front.values["pdf"], ("attach",))
    return cast(Literal["csv"] | None, table.text("attach", one_of=("csv",)))


def _param(front: FrontMatter, name: str, raw: Any) -> Param:
    keys = ("params", name)
    if not re.fullmatch(_PARAM_NAME, name):
        raise front.fault(
            keys, f'"{name}" can\'t name a parameter: letters a–z, digits and _, at most 63, no digit first'
        )
    table = Table(front, keys, raw, _PARAM_KEYS)
    kind = table.text("type", one_of=_TYPES)
    if kind is None:
        raise front.fault(keys, f"params.{name}: type is missing (one of: {', '.join(_TYPES)})")
    required = table.flag("required")
    default = as_json(table.any("default"))
    default_block = _query(table, "default_sql", f"default-{name}")
    if default_block is not None and default is not None:
        raise table.fault("default_sql", "default stands there already; drop one of the two")
    if required and (default is not None or default_block is not None):
        raise table.fault("required", "a parameter with a default is never missing; drop one of the two")
    return Param(
        name=name,
        type=cast(ParamType, kind),
        title=table.text("title") or title_of(name),
        required=required,
        default=default,
        choices=_choices(table, kind),
        minimum=_bound(table, "min", kind),
        maximum=_bound(table, "max", kind),
        pattern=_pattern(table, kind),
        many=table.flag("many"),
        secret=table.flag("secret"),
        line=front.line(*keys),
        description=table.text("description"),
        choices_block=_choices_block(table, name, kind),
        default_block=default_block,
    )


def _choices(table: Table, kind: str) -> tuple[str, ...]:
    choices = table.texts("choices", allowed='a list of different texts, such as ["open", "paid"]')
    if kind == "enum" and choices is None and "choices_sql" not in table:
        raise table.front.fault(
            table.keys, f'{table.at}: an enum needs choices = ["…", "…"], or choices_sql = "select …"'
        )
    if choices is not None and "choices_sql" in table:
        raise table.fault("choices_sql", "choices stand there already; drop one of the two")
    if kind != "enum" and choices is not None:
        raise table.fault("choices", f'only an enum has choices; write type = "enum" in place of "{kind}"')
    return choices or ()


def _choices_block(table: Table, name: str, kind: str) -> Block | None:
    """The query that gives the choices."""
    block = _query(table, "choices_sql", f"choices-{name}")
    if block is not None and kind != "enum":
        raise table.fault("choices_sql", f'only an enum has choices; write type = "enum" in place of "{kind}"')
    return block


def _query(table: Table, key: str, name: str) -> Block | None:
    """A query of a parameter's, which the job runs in front of the report's own."""
    sql = table.text(key)
    if sql is None:
        return None
    line, file = table.front.line(*table.keys, key), table.front.path.rpartition("/")[2]
    return Block("data", name, "", sql.strip().removesuffix(";"), line, file)


def _bound(table: Table, key: str, kind: str) -> Any:
    if key in table and kind not in _BOUNDED:
        raise table.fault(key, f"a {kind} has no {key}; it is for {', '.join(_BOUNDED)}")
    return as_json(table.any(key))


def _pattern(table: Table, kind: str) -> str | None:
    pattern = table.text("pattern")
    if pattern is None:
        return None
    if kind != "text":
        raise table.fault("pattern", f"a {kind} has no pattern; it is for text")
    try:
        re.compile(pattern)
    except re.error as error:
        raise table.fault("pattern", f"not a regular expression: {error}") from None
    return pattern


def formats_of(table: Table) -> tuple[str, ...] | None:
    """The `formats` of a table. Which ones there are depends on what is installed, so only their shape is checked."""
    return table.texts("formats", pattern=r"[a-z0-9_-]{1,63}", allowed='a list of formats, such as ["pdf", "xlsx"]')


def timezone_of(table: Table) -> str | None:
    """The `timezone` of a table, known to exist."""
    name = table.text("timezone")
    if name is not None:
        try:
            zone_of(name)
        except ValueError as error:
            raise table.fault("timezone", str(error)) from None
    return name


def as_json(value: Any) -> Any:
    """TOML's dates as text, since parameters are JSON."""
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value
