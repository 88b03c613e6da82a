"""`reportd render`: one report to a file, without the queue."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from reportd import daemon, plugins, telemetry
from reportd.cli import words
from reportd.cli.options import database_options, find_dsn
from reportd.config import Config, load
from reportd.db.pool import create_pool
from reportd.errors import JobTimeout, UnknownKind
from reportd.job import Artifact, Job
from reportd.pipeline import produce
from reportd.plugins import Broken
from reportd.progress import Progress
from reportd.report.definition import Report
from reportd.report.fault import nearest
from reportd.report.params import resolve, schema_of


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
        flags = {
            "database.dsn": dsn,
            "reports.directories": list(directories) or None,
            "storage.state_dir": scratch,
            "storage.artifacts_dir": f"{scratch}/files",
            "storage.spool_dir": f"{scratch}/spool",
            "worker.concurrency": 1,
            "render.concurrency": 1,
        }
        config = load(config_path, flags)
        telemetry.configure(format=config.log.format, level="error")
        found = _find(report, config.reports.directories)
        params = words.params(given, schema_of(found.params))
        ending = None if output is None else output.suffix.removeprefix(".") or None
        wanted = _format(format or ending or found.formats[0])
        source = config.database.report_dsn or find_dsn(dsn, config_path)
        made = asyncio.run(_make(config, source, found, params, wanted))
        _hand_over(made, output or Path(made.name))


def _find(name: str, directories: Sequence[Path]) -> Report:
    """The report called `name`, or the one at that path. Errors: UnknownKind, or what broke it."""
    path = Path(name)
    by_path = path.exists() and (path.suffix == ".sql" or path.is_dir())
    loaded = plugins.reports([path.absolute().parent] if by_path else directories)
    for report in loaded:
        place = Path(report.path if isinstance(report, Broken) else report.source.path)
        if (place.absolute() == path.absolute()) if by_path else (report.name == name):
            if isinstance(report, Broken):
                raise report.error
            return report
    names = [report.name for report in loaded]
    places = ", ".join(map(str, directories))
    raise UnknownKind(f'there is no report "{name}" in {places}{nearest(name, names)}', hint="reportd check lists them")


def _format(name: str) -> str:
    known = plugins.formats()
    if name not in known:
        raise click.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint="--format")
    return name


async def _make(config: Config, source_dsn: str, report: Report, given: Mapping[str, Any], format: str) -> Artifact:
    """The report's file in the scratch directory. Errors are those of a job's stages."""
    now = datetime.now(UTC)
    resolved = resolve(report.params, given, now=now, timezone=report.timezone or config.reports.timezone)
    job = Job(
        id=0,
        kind=report.name,
        queue="default",
        priority=0,
        run_at=now,
        created_at=now,
        attempt=1,
        failures=0,
        crashes=0,
        max_attempts=1,
        timeout_s=report.timeout_s or config.worker.timeout_s,
        params=given,
        params_resolved=resolved.as_json(),
        formats=(format,),
    )
    source = await create_pool(
        source_dsn, min_size=0, max_size=2, application_name="reportd render", statement_cache_size=0
    )
    try:
        async with daemon.parts_of(config, source, source) as parts:
            await parts.render.start()
            async with asyncio.timeout(job.timeout_s):
                completed = await produce(job, replace(report, deliver=None), parts, Progress())
    except TimeoutError:
        raise JobTimeout(f"it passed its limit of {job.timeout_s:g} s", limit_s=job.timeout_s) from None
    finally:
        source.terminate()
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
