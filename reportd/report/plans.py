"""Schedules and templates as the front matter declares them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Literal, cast

from reportd.errors import CronError
from reportd.report import cron
from reportd.report.blocks import NAME
from reportd.report.declarations import as_json, formats_of, timezone_of
from reportd.report.definition import DeclaredSchedule, DeclaredTemplate
from reportd.report.fault import fault
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.zones import zone_of

_PRESET_KEYS = ("params", "formats", "deliver")
_TEMPLATE_KEYS = ("title", *_PRESET_KEYS)
_SCHEDULE_KEYS = (
    *("cron", "timezone", "template", *_PRESET_KEYS),
    *("misfire", "overlap", "starts_at", "ends_at", "is_active"),
)
_NAME_RULE = "lower-case letters, digits, _ and -, at most 63"


def templates(front: FrontMatter) -> tuple[DeclaredTemplate, ...]:
    """The templates under `templates`. Errors: ReportError."""
    declared = front.values.get("templates", {})
    if not isinstance(declared, dict):
        raise front.fault(
            ["templates"],
            'templates must be tables, such as [templates.board] with params = { period = "last quarter" }',
        )
    return tuple(_template(front, name, raw) for name, raw in declared.items())


def schedules(front: FrontMatter, report: str, *, timezone: str | None) -> tuple[DeclaredSchedule, ...]:
    """The schedules under `schedule` and `schedules`; `timezone` is the report's. Errors: ReportError."""
    found = tuple(_schedule(front, keys, name, raw, timezone) for keys, name, raw in _plans(front, report))
    names = [schedule.name for schedule in found]
    for schedule in found:
        if names.count(schedule.name) > 1:
            raise fault(front.path, f'two schedules are named "{schedule.name}"', line=schedule.line)
    return found


def _template(front: FrontMatter, name: str, raw: Any) -> DeclaredTemplate:
    keys = ("templates", name)
    table = Table(front, keys, raw, _TEMPLATE_KEYS)
    if not re.fullmatch(NAME, name):
        raise front.fault(keys, f'"{name}" can\'t name a template: {_NAME_RULE}')
    return DeclaredTemplate(
        name=name,
        title=table.text("title"),
        params=_params(table),
        formats=formats_of(table) or (),
        deliver=_targets(table),
        line=front.line(*keys),
    )


def _plans(front: FrontMatter, report: str) -> Iterator[tuple[Sequence[str | int], str, Any]]:
    """(where, name, table) of every schedule: the one, those of a list, those with keys."""
    if "schedule" in front.values:
        yield ("schedule",), report, front.values["schedule"]
    match front.values.get("schedules", {}):
        case list() as plans:
            for number, plan in enumerate(plans):
                name = plan.get("name", number + 1) if isinstance(plan, dict) else number + 1
                yield ("schedules", number), f"{report}-{name}", _without(plan, "name")
        case dict() as plans:
            for key, plan in plans.items():
                yield ("schedules", key), f"{report}-{key}", plan
        case _:
            raise front.fault(
                ["schedules"], 'schedules must be tables, such as [schedules.monthly] with cron = "0 7 1 * *"'
            )


def _without(plan: Any, key: str) -> Any:
    return {name: value for name, value in plan.items() if name != key} if isinstance(plan, dict) else plan


def _schedule(
    front: FrontMatter, keys: Sequence[str | int], name: str, raw: Any, timezone: str | None
) -> DeclaredSchedule:
    table = Table(front, keys, raw, _SCHEDULE_KEYS)
    if not re.fullmatch(NAME, name):
        raise front.fault(keys, f'"{name}" can\'t name a schedule: {_NAME_RULE}')
    expression = table.text("cron")
    if expression is None:
        raise front.fault(keys, f'{table.at}: cron is missing, such as cron = "0 7 1 * *"')
    zone = timezone_of(table) or timezone
    try:
        cron.check(expression, zone or "UTC")
    except CronError as error:
        raise table.fault("cron", error.message) from None
    starts_at, ends_at = _instant(table, "starts_at", zone), _instant(table, "ends_at", zone)
    if starts_at and ends_at and ends_at <= starts_at:
        raise table.fault("ends_at", "it ends before it starts")
    misfire = table.text("misfire", one_of=("skip", "last", "all")) or "last"
    overlap = table.text("overlap", one_of=("allow", "skip", "queue")) or "allow"
    return DeclaredSchedule(
        name=name,
        cron=expression,
        timezone=zone,
        template=table.text("template", pattern=NAME, allowed=f"a template's name: {_NAME_RULE}"),
        params=_params(table),
        formats=formats_of(table) or (),
        deliver=_targets(table),
        misfire=cast(Literal["skip", "last", "all"], misfire),
        overlap=cast(Literal["allow", "skip", "queue"], overlap),
        starts_at=starts_at,
        ends_at=ends_at,
        is_active=table.flag("is_active", default=True),
        line=front.line(*keys),
    )


def _params(table: Table) -> Mapping[str, Any]:
    params = table.any("params")
    if params is not None and not isinstance(params, dict):
        raise table.wrong("params", 'a table, such as { period = "last month" }')
    return {key: as_json(value) for key, value in (params or {}).items()}


def _targets(table: Table) -> tuple[str, ...]:
    return table.texts("deliver", allowed='a list of targets, such as ["file:sales/"]') or ()


def _instant(table: Table, key: str, zone: str | None) -> datetime | None:
    """A date or time without offset is one in the schedule's zone, which must be named then."""
    value = table.any(key)
    if value is None:
        return None
    if not isinstance(value, date):
        raise table.wrong(key, "a time without quotes, such as 2026-11-01T00:00:00Z")
    instant = value if isinstance(value, datetime) else datetime.combine(value, time())
    if instant.tzinfo is None and zone is None:
        raise table.fault(key, f"{value.isoformat()} where? Name timezone, or write an offset: {instant.isoformat()}Z")
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=zone_of(cast(str, zone)))
