"""`reportd why`: what a job waits for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, moment
from reportd.db import jobs as db_jobs


@click.command()
@click.argument("id", type=int)
@json_option
@database_options
def why(*, id: int, as_json: bool, dsn: str | None, config_path: Path | None) -> None:
    """Why a job is where it is: the one thing that it waits for, its position, and when its turn may come."""
    answer = asked(dsn, config_path, lambda connection: db_jobs.why(connection, id))
    if as_json:
        emit_json(answer)
        return
    click.echo(f"job {answer['job']} is {answer['status']}: {answer['message']}")
    facts = (
        ("waits for", answer.get("waits_for")),
        ("position", answer.get("position")),
        ("expected", moment(datetime.fromisoformat(answer["eta"])) if answer.get("eta") else None),
    )
    for label, value in facts:
        if value is not None:
            click.echo(f"  {label:<9} {value}")
