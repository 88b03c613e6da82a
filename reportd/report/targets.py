"""Where finished files go: `file:sales/{period}/` is a channel and a place in the channel's words, with placeholders.

Placeholders: `{report} {job} {date} {name}` and every parameter that is not secret. A value never brings a slash along,
so a parameter can't lead out of the folder that a target names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reportd.errors import ReportError
from reportd.job import Delivery, Job
from reportd.report.definition import Param, Report
from reportd.report.fault import fault, nearest

GIVEN = ("report", "job", "date", "name")
"""Placeholders that every target may use; `date` is the day of the job's slot, else of its order."""

_TARGET = re.compile(r"([a-z0-9_-]{1,63}):(.*\S.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"\[(\d{4}-\d\d-\d\d),(\d{4}-\d\d-\d\d)\)")
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Declared:
    """A target as somebody wrote it, and the line of the report's file, 0 where it comes from elsewhere."""

    text: str
    line: int = 0


def declared(report: Report) -> list[Declared]:
    """Every target that the report's file names: its own, its schedules' and its templates'."""
    found = [Declared(text, report.deliver.line) for text in report.deliver.to] if report.deliver else []
    found += [Declared(text, report.burst.line) for text in report.burst.deliver] if report.burst else []
    found += [Declared(text, plan.line) for plan in report.schedules for text in plan.deliver]
    found += [Declared(text, template.line) for template in report.templates for text in template.deliver]
    return found


def check(report: Report, channels: Collection[str]) -> None:
    """Make sure that every target in the report's file names one of `channels` and placeholders that there are.

    Errors: ReportError with the line.
    """
    # What columns a burst's query has is known once it was prepared.
    known = None if report.burst else (*GIVEN, *_public(report.params))
    for target in declared(report):
        if wrong := problem(target.text, channels=channels, placeholders=known):
            raise fault(report.source.front, f"deliver: {wrong}", line=target.line or None)


def problem(target: str, *, channels: Collection[str], placeholders: Collection[str] | None) -> str | None:
    """What is wrong with `target`, or None; `placeholders` None: nobody knows them yet."""
    match = _TARGET.fullmatch(target)
    if match is None:
        return f'"{target}" is no target; write CHANNEL:PLACE, such as file:sales/'
    if match[1] not in channels:
        there_are = ", ".join(sorted(channels)) or "none"
        return f'"{target}": there is no channel "{match[1]}"{nearest(match[1], channels)} (channels: {there_are})'
    for name in _PLACEHOLDER.findall(match[2]):
        if placeholders is not None and name not in placeholders:
            known = ", ".join(placeholders)
            return f'"{target}": unknown placeholder {{{name}}}{nearest(name, placeholders)} (known: {known})'
    return None


def deliveries(
    targets: Iterable[Any], *, channels: Collection[str], values: Mapping[str, str], path: str
) -> tuple[Delivery, ...]:
    """`targets` with their placeholders filled from `values`, each once. Errors: ReportError."""
    found: dict[Delivery, None] = {}
    for target in targets:
        if wrong := problem(str(target), channels=channels, placeholders=values):
            raise ReportError(f"deliver: {wrong}", file=path)
        channel, _, place = str(target).partition(":")
        found[Delivery(channel, _PLACEHOLDER.sub(lambda match: values[match[1]], place))] = None
    return tuple(found)


def values(job: Job, params: Sequence[Param], *, resolved: Mapping[str, Any], timezone: str) -> dict[str, str]:
    """What stands for each placeholder in a target of `job`; `resolved` are its parameters as JSON."""
    day = (job.slot or job.created_at).astimezone(ZoneInfo(timezone)).date()
    given = {"report": job.kind, "job": str(job.id), "date": day.isoformat(), "name": safe(job.name or job.kind)}
    return {name: safe(_words(resolved.get(name))) for name in _public(params)} | given


def safe(text: str) -> str:
    """`text` as one part of a path: without slashes and control characters, and never `.` or `..`."""
    cleaned = _UNSAFE.sub("-", text).strip()
    return cleaned if cleaned.strip(".") else "-"


def _public(params: Sequence[Param]) -> list[str]:
    return [param.name for param in params if not param.secret]


def _words(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return "-".join(map(_words, value)) or "none"
        case str() if match := _RANGE.fullmatch(value):
            return _period(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def _period(start: date, end: date) -> str:
    """A period as file names sort it: `2026`, `2026-Q3`, `2026-10`, `2026-10-05`, `2026-10-05_2026-10-11`."""
    last = end - timedelta(days=1)
    months = (end.year - start.year) * 12 + end.month - start.month
    if start.day == end.day == 1:
        if months == 12 and start.month == 1:
            return f"{start.year}"
        if months == 3 and start.month % 3 == 1:
            return f"{start.year}-Q{start.month // 3 + 1}"
        if months == 1:
            return f"{start.year}-{start.month:02d}"
    return start.isoformat() if last == start else f"{start.isoformat()}_{last.isoformat()}"
