"""`reportd migrate`: bring the schema to this version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.db.client import client
from reportd.db.migrate import migrate as apply


@click.command()
@database_options
@json_option
def migrate(dsn: str | None, config_path: Path | None, as_json: bool) -> None:
    """Bring the schema in the database to this version.

    Each file of migrations runs once, in a transaction; daemons may go on running, and several may migrate at once.
    """
    applied = asyncio.run(_migrate(find_dsn(dsn, config_path)))
    if as_json:
        emit_json({"applied": applied})
    elif applied:
        for name in applied:
            click.echo(f"applied {name}")
    else:
        click.echo("the schema is up to date")


async def _migrate(dsn: str) -> list[str]:
    async with client(dsn) as connection:
        return await apply(connection)
