"""`reportd render`: one report to a file, without the queue."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from reportd import plugins, press, telemetry
from reportd.cli import words
from reportd.cli.options import database_options, find_dsn
from reportd.config import Config, load
from reportd.job import Artifact
from reportd.plugins import Broken
from reportd.report.definition import Report
from reportd.report.params import schema_of


@click.command()
@click.argument("report")
@click.option("--param", "-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--format", "-f", help="Default: the ending of --output, else the report's first.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="The file; - is stdout. Default: its own name, here."
)
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of reports; may be repeated. Default: the config file's, else ./reports.",
)
@database_options
def render(
    *,
    report: str,
    given: tuple[str, ...],
    format: str | None,
    output: Path | None,
    directories: tuple[Path, ...],
    dsn: str | None,
    config_path: Path | None,
) -> None:
    """Make one file of REPORT, a report's name or its path, here and now: no job, no daemon, nothing delivered.

    Parameters and limits are those of the daemon, and so is the process that renders.
    """
    with TemporaryDirectory(prefix="reportd-render-") as scratch:
        flags = {"database.dsn": dsn, "reports.directories": list(directories) or None, **press.settings(scratch)}
        config = load(config_path, flags)
        telemetry.configure(format=config.log.format, level="error")
        found = press.find(report, config.reports.directories)
        if isinstance(found, Broken):
            raise found.error
        params = words.params(given, schema_of(found.params))
        ending = None if output is None else output.suffix.removeprefix(".") or None
        wanted = _format(format or ending or found.formats[0])
        source = config.database.report_dsn or find_dsn(dsn, config_path)
        made = asyncio.run(_make(config, source, found, params, wanted))
        _hand_over(made, output or Path(made.name))


def _format(name: str) -> str:
    known = plugins.formats()
    if name not in known:
        raise click.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint="--format")
    return name


async def _make(config: Config, source_dsn: str, report: Report, given: Mapping[str, Any], format: str) -> Artifact:
    """The report's file in the scratch directory. Errors are those of a job's stages."""
    # PDF's engine alone takes longer to start than all the rest.
    only = {format: plugins.formats()[format]}
    async with press.warm(config, source_dsn, name="reportd render", formats=only) as warm:
        completed = await warm.make(report, given, formats=[format])
    return completed.artifacts[0]


def _hand_over(made: Artifact, output: Path) -> None:
    stored = Path(unquote(urlsplit(made.uri).path))
    if str(output) == "-":
        with stored.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return
    try:
        shutil.copyfile(stored, output)
    except OSError as error:
        raise click.BadParameter(f"{output} can't be written: {error.strerror}", param_hint="--output") from error
    facts = [f"{made.rows} rows" if made.rows is not None else None, f"{made.pages} pages" if made.pages else None]
    click.echo(", ".join(filter(None, (str(output), *facts))), err=True)
