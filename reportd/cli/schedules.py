"""`reportd schedules`: list, show, next, pause, resume, run-now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, emit_table, moment
from reportd.db import schedules as db_schedules
from reportd.db.queries import Connection
from reportd.db.schedules import Occurrence, ScheduleRow
from reportd.errors import UnknownSchedule
from reportd.report import cron
from reportd.report.fault import nearest

_AHEAD = timedelta(days=366 * 50)


@click.group()
def schedules() -> None:
    """List and show schedules, preview, pause and resume them, or run one now."""


@schedules.command("list")
@click.option("--all", "with_retired", is_flag=True, help="Also those that their file no longer declares.")
@json_option
@database_options
def list_(*, with_retired: bool, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Every schedule, its state and its next tick."""
    rows = [row for row in asked(dsn, config_path, db_schedules.list_) if with_retired or row.retired_at is None]
    if as_json:
        emit_json([_as_json(row) for row in rows])
    elif rows:
        emit_table(
            ("name", "orders", "cron", "zone", "state", "next", "last", "runs", "errors"),
            [
                (
                    row.name,
                    row.template or row.kind,
                    row.cron,
                    row.timezone,
                    state(row),
                    moment(row.next_run_at),
                    moment(row.last_run_at),
                    row.run_count,
                    row.error_count,
                )
                for row in rows
            ],
            right=("runs", "errors"),
        )
    else:
        click.echo("no schedules: declare one in a report's front matter, or INSERT one", err=True)


@schedules.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Ticks to show.")
@json_option
@database_options
def show(*, name: str, limit: int, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """One schedule: its rules, how it is doing, and its latest ticks."""

    async def found(connection: Connection) -> tuple[ScheduleRow, list[Occurrence]]:
        row = await _named(connection, name)
        return row, await db_schedules.occurrences(connection, id=row.id, limit=limit)

    row, ticks = asked(dsn, config_path, found)
    if as_json:
        emit_json({"schedule": _as_json(row), "occurrences": [asdict(tick) for tick in ticks]})
        return
    click.echo(f"{click.style(f'schedule {row.name}', bold=True)}  {state(row)}")
    _facts(row)
    if row.error:
        click.echo(f"  {click.style('error', fg='red', bold=True)}     {row.error.get('message')}")
    if ticks:
        click.echo("\n" + click.style("ticks", bold=True))
        emit_table(
            ("slot", "outcome", "job", "reason"),
            [(moment(tick.slot), tick.outcome, tick.job_id, tick.reason) for tick in ticks],
            right=("job",),
        )


@schedules.command("next")
@click.argument("name", required=False)
@click.option("--number", "-n", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many ticks.")
@click.option("--cron", "expression", metavar="CRON", help='A cron line instead of a schedule: "0 7 1 * *".')
@click.option("--timezone", default="UTC", show_default=True, help="Zone of the cron line.")
@json_option
@database_options
def next_(
    *,
    name: str | None,
    number: int,
    expression: str | None,
    timezone: str,
    as_json: bool,
    dsn: str | None,
    config_path: Path | None,
) -> None:
    """The next ticks of a schedule within its span, or of a cron line, by the clock of its zone."""
    if (name is None) == (expression is None):
        raise click.UsageError("give the name of a schedule, or a line with --cron")
    after = datetime.now(UTC)
    ends_at: datetime | None = None
    if name is not None:
        row = asked(dsn, config_path, lambda connection: _named(connection, name))
        expression, timezone, ends_at = row.cron, row.timezone, row.ends_at
        after = max(after, row.starts_at - timedelta(microseconds=1)) if row.starts_at else after
    assert expression is not None
    coming = cron.between(expression, timezone, after, after + _AHEAD)
    slots = [slot for slot in islice(coming, number) if ends_at is None or slot < ends_at]
    if as_json:
        emit_json([slot.astimezone(ZoneInfo(timezone)).isoformat() for slot in slots])
        return
    for slot in slots:
        click.echo(slot.astimezone(ZoneInfo(timezone)).strftime("%a %Y-%m-%d %H:%M %Z"))
    if not slots:
        click.echo("no tick is left", err=True)


@schedules.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@json_option
@database_options
def pause(*, names: tuple[str, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Hold schedules, also over restarts and new versions of their files. Their ticks are not made up for."""
    _set(names, dsn, config_path, as_json=as_json, paused=True)


@schedules.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@json_option
@database_options
def resume(*, names: tuple[str, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Let schedules go on, from now."""
    _set(names, dsn, config_path, as_json=as_json, paused=False)


@schedules.command("run-now")
@click.argument("name")
@json_option
@database_options
def run_now(*, name: str, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Order a schedule's job now, beside its plan, and print the job's id."""
    job = asked(dsn, config_path, lambda connection: db_schedules.run_now(connection, name))
    if as_json:
        emit_json({"id": job})
    else:
        click.echo(job)


def state(row: ScheduleRow) -> str:
    """What a schedule is doing, in one word or two."""
    if row.retired_at is not None:
        return "retired"
    if not row.is_active:
        return "off"
    if row.is_paused:
        return "paused"
    if row.waiting_slot is not None:
        return "waits"
    if row.error is not None:
        return "error"
    if row.planned_at is None:
        return "new"
    return "active" if row.next_run_at is not None else "ended"


def _set(names: Sequence[str], dsn: str | None, config_path: Path | None, *, as_json: bool, paused: bool) -> None:
    async def done(connection: Connection) -> list[str]:
        rows = [await _named(connection, name) for name in names]
        for row in rows:
            await db_schedules.set_paused(connection, row.name, paused=paused)
        return [row.name for row in rows]

    for_each = asked(dsn, config_path, done)
    if as_json:
        emit_json([{"name": name, "is_paused": paused} for name in for_each])
    else:
        for name in for_each:
            click.echo(f"{name} {'paused' if paused else 'goes on'}")


async def _named(connection: Connection, name: str) -> ScheduleRow:
    rows = {row.name: row for row in await db_schedules.list_(connection)}
    if name not in rows:
        raise UnknownSchedule(f'there is no schedule "{name}"{nearest(name, rows)}', hint="reportd schedules list")
    return rows[name]


def _facts(row: ScheduleRow) -> None:
    facts = [
        ("orders", f"{row.kind or ''} {f'template {row.template}' if row.template else ''}".strip()),
        ("cron", f"{row.cron}  {row.timezone}"),
        ("rules", f"misfire {row.misfire}, overlap {row.overlap}"),
        ("from", moment(row.starts_at)),
        ("until", moment(row.ends_at)),
        ("params", ", ".join(f"{name}={value}" for name, value in row.params.items()) or None),
        ("formats", ", ".join(row.formats or ()) or None),
        ("deliver", ", ".join(map(str, row.deliver)) or None),
        ("next", moment(row.next_run_at)),
        ("waits", moment(row.waiting_slot)),
        ("last", f"{moment(row.last_run_at)}, job {row.last_job_id}" if row.last_job_id else None),
        ("runs", f"{row.run_count}, {row.error_count} errors"),
    ]
    for label, value in facts:
        if value is not None:
            click.echo(f"  {label:<9} {value}")


def _as_json(row: ScheduleRow) -> dict[str, object]:
    return {**asdict(row), "state": state(row)}
