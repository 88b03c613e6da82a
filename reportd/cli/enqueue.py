"""`reportd enqueue`: order a job; with --wait, follow it to its end.

Without --wait it needs nothing but click and the driver: it is called from scripts, once for every job.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from reportd.cli import words
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.db import jobs, kinds
from reportd.db.client import client
from reportd.db.queries import Connection
from reportd.errors import ReportdError


@click.command()
@click.argument("kind")
@click.option("--param", "-p", "param_words", metavar="NAME=VALUE", multiple=True, help="A parameter; may be repeated.")
@click.option(
    "--params",
    "params_json",
    metavar="JSON",
    help="Parameters as a JSON object; - reads it from stdin, where no list of processes shows it. --param wins.",
)
@click.option(
    "--format", "-f", "formats", multiple=True, help="A format to make; may be repeated. Default: the report's."
)
@click.option("--name", help="Title of the document. Default: the report's.")
@click.option("--queue", help="Queue. Default: the report's.")
@click.option("--priority", type=click.IntRange(-9, 9), help="Higher goes first. Default: the report's, else 0.")
@click.option("--run-at", metavar="TIME", help="Not before: an ISO time such as 2026-12-24T18:00+01:00.")
@click.option(
    "--key", "unique_key", help="At most one unfinished job has this key: a second order gives the first's id."
)
@click.option(
    "--unique-for-s",
    type=click.FloatRange(0, min_open=True),
    help="What was completed so lately is not made again: give that job's id. By --key, else by the same order.",
)
@click.option(
    "--depends-on", type=int, multiple=True, metavar="ID", help="Wait until this job has completed; may be repeated."
)
@click.option(
    "--depends-until",
    type=click.Choice(["completed", "ended"]),
    default="completed",
    help="ended: however those jobs end. Default: completed.",
)
@click.option("--max-attempts", type=click.IntRange(1, 1000), help="Tries in all.")
@click.option("--timeout-s", type=click.FloatRange(0, min_open=True), help="Seconds that one try may take.")
@click.option("--requested-by", help="Who asks. Default: this user.")
@click.option("--department", help="For which department.")
@click.option("--wait", is_flag=True, help="Wait for the end, show progress, print the files. Exit 1 unless completed.")
@click.option(
    "--wait-limit-s",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Wait no longer than this (it implies --wait); the job goes on. Exit 1.",
)
@json_option
@database_options
def enqueue(
    *,
    kind: str,
    param_words: tuple[str, ...],
    params_json: str | None,
    formats: tuple[str, ...],
    run_at: str | None,
    depends_on: tuple[int, ...],
    requested_by: str | None,
    wait: bool,
    wait_limit_s: float | None,
    as_json: bool,
    dsn: str | None,
    config_path: Path | None,
    **order: Any,
) -> int:
    """Order a job of KIND and print its id.

    \b
    reportd enqueue learner-progress -p period="last quarter" -f pdf -f xlsx --wait
    """
    address = find_dsn(dsn, config_path)
    order |= {
        "formats": list(formats) or None,
        "run_at": _moment(run_at),
        "depends_on": list(depends_on) or None,
        "requested_by": requested_by or _user(),
    }
    job = asyncio.run(_enqueue(address, kind, _object(params_json), param_words, order))
    if wait or wait_limit_s is not None:
        return _wait(address, job, limit_s=wait_limit_s, as_json=as_json)
    if as_json:
        emit_json({"id": job})
    else:
        click.echo(job)
    return 0


async def _enqueue(
    dsn: str, kind: str, given: Mapping[str, Any], param_words: tuple[str, ...], order: Mapping[str, Any]
) -> int:
    async with client(dsn) as connection:
        params = {**given, **words.params(param_words, await _schema(connection, kind) if param_words else {})}
        return await jobs.enqueue(connection, kind, params, **order)


async def _schema(connection: Connection, kind: str) -> Mapping[str, Any]:
    found = await kinds.get(connection, kind)
    return {} if found is None else found.params_schema


def _wait(dsn: str, job: int, *, limit_s: float | None, as_json: bool) -> int:
    from reportd.cli import follow  # rich: only for those who watch

    async def followed() -> follow.Ended | None:
        async with client(dsn) as connection:
            try:
                async with asyncio.timeout(limit_s):
                    [ended] = await follow.to_the_end(connection, [job])
            except TimeoutError:
                return None
            return ended

    try:
        ended = asyncio.run(followed())
    except KeyboardInterrupt:
        click.echo(f"\njob {job} goes on; see: reportd jobs show {job}, reportd jobs cancel {job}", err=True)
        raise
    if ended is None:
        if not as_json:
            hint = f"it goes on; see: reportd jobs show {job}, reportd jobs cancel {job}"
            raise JobNotDone(f"job {job} has not ended within {limit_s:g} s", hint=hint)
        emit_json({"id": job, "status": "unfinished"})
        return 1
    if as_json:
        emit_json({"id": job, **ended.summary()})
    elif ended.status == "completed":
        for artifact in ended.artifacts:
            click.echo(follow.path_of(artifact.uri))
    else:
        raise JobNotDone(f"job {job} {ended.said()}", hint=f"reportd jobs show {job}")
    return 0 if ended.status == "completed" else 1


class JobNotDone(ReportdError):
    """The job that was waited for ended in another way than completed."""

    code = "job-not-done"


def _object(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--params") from None
    if not isinstance(value, dict):
        raise click.BadParameter('must be an object, such as {"period": "last month"}', param_hint="--params")
    return value


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time such as 2026-12-24T18:00+01:00", param_hint="--run-at") from None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return None
