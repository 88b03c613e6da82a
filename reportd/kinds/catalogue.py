"""What this daemon can run, loaded from the report directories and told to the database.

A report that can't be read or prepared stays in the catalogue as a broken kind: its jobs fail at once with the reason,
and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import structlog

from reportd import fetch, plugins
from reportd.db import kinds, schedules, templates
from reportd.db.kinds import KindRow
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable, LimitExceeded, QueryInterrupted, ReportdError
from reportd.job import storable
from reportd.kinds.kind import Kind, Offered
from reportd.kinds.report import BrokenKind, ReportKind
from reportd.pipeline import Parts
from reportd.plugins import Broken
from reportd.report.definition import Report
from reportd.report.params import schema_of

log = structlog.get_logger()

Loaded = Report | Broken


async def load(directories: Sequence[Path], *, source: Pool) -> list[Loaded]:
    """Every report in `directories`, each read and its queries prepared on the source database."""
    found: list[Loaded] = []
    for loaded in plugins.reports(directories):
        if isinstance(loaded, Report) and (error := await _unprepared(loaded, source)):
            loaded = Broken(loaded.name, loaded.source.path, error)
        if isinstance(loaded, Broken):
            log.error("report.broken", kind=loaded.name, error=loaded.error.message)
        found.append(loaded)
    return found


async def announce(
    pool: Pool,
    loaded: Sequence[Loaded],
    *,
    installed: Sequence[Offered] = (),
    dropped: Collection[str] = (),
    channels: Collection[str],
    worker: int,
    timezone: str,
) -> None:
    """Write the kinds, and the schedules that reports declare, to the database in the name of `worker`.

    `installed` are the kinds of plugins, `dropped` the names of reports that are not there any more; `channels` are
    those that jobs may deliver by; `timezone` holds for schedules that name none.
    """
    reports = [report for report in loaded if isinstance(report, Report)]
    declared = dict.fromkeys(dropped, ()) | {report.name: report.schedules for report in reports}
    async with session(pool) as conn, conn.transaction():
        rows = [*map(_row, loaded), *(each.row for each in installed), _delivering(channels)]
        await kinds.upsert(conn, rows, worker=worker)
        presets = await templates.declare(
            conn,
            dict.fromkeys(dropped, ()) | {report.name: report.templates for report in reports},
            worker=worker,
        )
        plans = await schedules.declare(conn, declared, worker=worker, timezone=timezone)
    for name in presets.changed:
        log.info("template.declared", template=name)
    for name in presets.retired:
        log.info("template.retired", template=name)
    for name in presets.taken:
        log.warning("template.taken", template=name, hint="SQL or another report has this name; this one is ignored")
    for name in plans.changed:
        log.info("schedule.declared", schedule=name)
    for name in plans.retired:
        log.info("schedule.retired", schedule=name)
    for name in plans.taken:
        log.warning("schedule.taken", schedule=name, hint="SQL or another report has this name; this one is ignored")


def runnable(loaded: Sequence[Loaded], parts: Parts) -> dict[str, Kind]:
    """The kinds by name."""
    made: Mapping[str, Kind] = {
        report.name: ReportKind(report, parts) if isinstance(report, Report) else BrokenKind(report)
        for report in loaded
    }
    return dict(made)


async def _unprepared(report: Report, source: Pool) -> ReportdError | None:
    """Why a report's queries can't be prepared, the first reason, or None."""
    try:
        async with session(source) as conn:
            findings = await fetch.check(conn, report)
    except (DatabaseUnavailable, LimitExceeded, QueryInterrupted) as error:
        # A lock or a restart says nothing about the report; its jobs will find out.
        log.warning("report.unchecked", kind=report.name, error=error.message)
        return None
    return next((finding.error for finding in findings), None)


def _delivering(channels: Collection[str]) -> KindRow:
    """The kind `deliver`. The INSERT trigger reads the channels from its schema."""
    schema = {
        "channels": sorted(channels),
        "type": "object",
        "properties": {"delivery_id": {"type": "integer"}},
        "required": ["delivery_id"],
        "additionalProperties": False,
    }
    hash = "built-in"
    return KindRow("deliver", "task", "Deliver the files of a job", content_hash=hash, params_schema=schema)


def _row(loaded: Loaded) -> KindRow:
    if isinstance(loaded, Broken):
        return KindRow(
            name=loaded.name,
            type="report",
            title=loaded.name,
            params_schema={},
            formats=(),
            content_hash="broken",
            error={"code": loaded.error.code, "message": loaded.error.message, "detail": storable(loaded.error.detail)},
        )
    return KindRow(
        name=loaded.name,
        type="report",
        title=loaded.title,
        params_schema=schema_of(loaded.orderable),
        formats=tuple(plugins.formats()),
        queue=loaded.queue,
        priority=loaded.priority,
        timeout_s=loaded.timeout_s,
        content_hash=loaded.source.sha256,
    )
