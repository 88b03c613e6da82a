"""`reportd jobs`: list, show, cancel, retry."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, emit_table, moment, size
from reportd.db import artifacts as db_artifacts
from reportd.db import deliveries as db_deliveries
from reportd.db import jobs as db_jobs
from reportd.db import kinds as db_kinds
from reportd.db.jobs import JobRow
from reportd.db.queries import Connection
from reportd.job import PERCENT, Status
from reportd.report.secrecy import hidden

_COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}
_ORDER: Mapping[str, int] = {step.value: percent for step, percent in PERCENT.items()}


@click.group()
def jobs() -> None:
    """List, show, cancel and retry jobs."""


@jobs.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]), help="Only jobs in this state.")
@click.option("--kind", help="Only jobs of this kind.")
@click.option("--queue", help="Only jobs of this queue.")
@click.option("--before", type=int, metavar="ID", help="Only jobs older than this one: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@json_option
@database_options
def list_(*, as_json: bool, dsn: str | None, config_path: Path | None, **search: Any) -> None:
    """The latest jobs, newest first."""

    async def found(connection: Connection) -> Sequence[JobRow]:
        return await db_jobs.list_(connection, **search)

    rows = asked(dsn, config_path, found)
    if as_json:
        emit_json([dict(row) for row in rows])
    elif rows:
        emit_table(
            ("id", "kind", "status", "step", "%", "attempt", "requested by", "ordered", "took"),
            [
                (
                    row["id"],
                    row["kind"],
                    _coloured(row["status"]),
                    row["step"] if row["status"] == "running" else None,
                    row["percent"],
                    row["attempt"],
                    row["requested_by"],
                    moment(row["created_at"]),
                    _took(row["started_at"], row["finished_at"]),
                )
                for row in rows
            ],
            right=("id", "%", "attempt", "took"),
        )
    else:
        click.echo("no jobs", err=True)


@jobs.command()
@click.argument("id", type=int)
@json_option
@database_options
def show(*, id: int, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """One job: what was asked, what became of it, its tries and files."""

    async def found(connection: Connection) -> dict[str, Any]:
        row = await db_jobs.get(connection, id)
        kind = await db_kinds.get(connection, row["kind"])
        schema = kind.params_schema if kind else {}
        secret = {name: hidden(row[name], schema) for name in ("params", "params_resolved")}
        return {
            "job": {**row, **secret},
            "why": dict(await db_jobs.why(connection, id)),
            "attempts": [dict(attempt) for attempt in await db_jobs.attempts(connection, id)],
            "artifacts": [asdict(file) for file in await db_artifacts.of_job(connection, id)],
            "deliveries": [asdict(entry) for entry in await db_deliveries.of_job(connection, id)],
        }

    seen = asked(dsn, config_path, found)
    if as_json:
        emit_json(seen)
    else:
        _show(**seen)


@jobs.command()
@click.argument("ids", type=int, nargs=-1, required=True)
@json_option
@database_options
def cancel(*, ids: tuple[int, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """End waiting jobs, and ask running ones to stop; they do within two seconds and leave no file."""
    _each(ids, db_jobs.cancel, dsn, config_path, as_json=as_json, said={"running": "running, was asked to stop"})


@jobs.command()
@click.argument("ids", type=int, nargs=-1, required=True)
@json_option
@database_options
def retry(*, ids: tuple[int, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Make failed or cancelled jobs pending again, with a fresh budget of tries."""
    _each(ids, db_jobs.retry, dsn, config_path, as_json=as_json, said={})


@jobs.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@json_option
@database_options
def resend(*, deliveries: tuple[int, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Deliver files once more, without making them again; DELIVERIES are the ids that `jobs show` lists."""

    async def done(connection: Connection) -> list[tuple[int, int]]:
        return [(id, await db_deliveries.resend(connection, id)) for id in deliveries]

    ordered = asked(dsn, config_path, done)
    if as_json:
        emit_json([{"id": id, "job": job} for id, job in ordered])
    else:
        for id, job in ordered:
            click.echo(f"{id} goes out again by job {job}")


def _each(
    ids: Sequence[int],
    call: Callable[[Connection, int], Awaitable[str]],
    dsn: str | None,
    config_path: Path | None,
    *,
    as_json: bool,
    said: Mapping[str, str],
) -> None:
    async def done(connection: Connection) -> list[tuple[int, str]]:
        return [(id, await call(connection, id)) for id in ids]

    outcomes = asked(dsn, config_path, done)
    if as_json:
        emit_json([{"id": id, "status": status} for id, status in outcomes])
    else:
        for id, status in outcomes:
            click.echo(f"{id} {said.get(status, status)}")


def _show(
    *,
    job: Mapping[str, Any],
    why: Mapping[str, Any],
    attempts: Sequence[Mapping[str, Any]],
    artifacts: Sequence[Mapping[str, Any]],
    deliveries: Sequence[Mapping[str, Any]],
) -> None:
    heading = click.style(f"job {job['id']}", bold=True)
    click.echo(f"{heading}  {job['kind']}  {_ansi(job['status'])}")
    facts = [
        ("now", None if job["outcome"] else why.get("message")),
        ("params", _compact(job["params"])),
        ("resolved", _compact(job["params_resolved"]) if job["params_resolved"] else None),
        ("formats", ", ".join(job["formats"] or ()) or None),
        ("queue", f"{job['queue']}, priority {job['priority']}"),
        ("asked by", ", ".join(filter(None, (job["requested_by"], job["department"], job["tenant"]))) or None),
        ("ordered", moment(job["created_at"])),
        ("runs at", moment(job["run_at"]) if job["run_at"] > job["created_at"] and not job["outcome"] else None),
        ("started", moment(job["started_at"])),
        ("finished", moment(job["finished_at"])),
        ("took", _took(job["started_at"], job["finished_at"])),
        ("result", _compact(job["result"]) if job["result"] is not None else None),
    ]
    for label, value in facts:
        if value is not None:
            click.echo(f"  {label:<9} {value}")
    if job["error"]:
        _show_error(job["error"])
    if artifacts:
        click.echo("\n" + click.style("files", bold=True))
        emit_table(
            ("format", "name", "size", "rows", "pages", "where"),
            [
                (file["format"], file["name"], size(file["bytes"]), file["rows"], file["pages"], file["uri"])
                for file in artifacts
            ],
            right=("size", "rows", "pages"),
        )
    if deliveries:
        click.echo("\n" + click.style("deliveries", bold=True))
        emit_table(
            ("id", "target", "status", "tries", "delivered", "by job", "error"),
            [
                (
                    entry["id"],
                    f"{entry['channel']}:{entry['target']}",
                    entry["status"],
                    entry["tries"],
                    moment(entry["delivered_at"]),
                    entry["sent_by"],
                    (entry["error"] or {}).get("message"),
                )
                for entry in deliveries
            ],
            right=("id", "tries", "by job"),
        )
    if attempts:
        click.echo("\n" + click.style("attempts", bold=True))
        emit_table(
            ("attempt", "outcome", "began", "took", "cpu s", "peak", "steps", "error"),
            [
                (
                    attempt["attempt"],
                    attempt["outcome"],
                    moment(attempt["started_at"]),
                    _took(attempt["started_at"], attempt["ended_at"]),
                    attempt["cpu_s"],
                    size(attempt["peak_bytes"]) if attempt["peak_bytes"] else None,
                    _steps(attempt["steps_s"]),
                    (attempt["error"] or {}).get("code"),
                )
                for attempt in attempts
            ],
            right=("attempt", "took", "cpu s", "peak"),
        )


def _show_error(error: Mapping[str, Any]) -> None:
    click.echo("\n" + click.style(f"error: {error['code']}", fg="red", bold=True))
    click.echo(f"  {error['message']}")
    click.echo(
        f"  attempt {error['attempt']}; {'a retry may help' if error['retryable'] else 'a retry would not help'}"
    )
    for name, value in (error.get("detail") or {}).items():
        if value is not None:
            shown = value if isinstance(value, str) else _compact(value)
            click.echo(f"  {name}: " + shown.replace("\n", "\n    "))


def _coloured(status: str) -> object:
    from rich.text import Text

    return Text(status, style=_COLOURS.get(status, ""))


def _ansi(status: str) -> str:
    return click.style(status, fg=_COLOURS.get(status), bold=True)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _steps(steps_s: Mapping[str, float] | None) -> str | None:
    if not steps_s:
        return None
    ordered = sorted(steps_s.items(), key=lambda item: _ORDER.get(item[0], 0))
    return ", ".join(f"{step} {seconds:.2f} s" for step, seconds in ordered)


def _took(began: datetime | None, ended: datetime | None) -> str | None:
    return None if began is None or ended is None else f"{(ended - began).total_seconds():.1f} s"
