"""`reportd check`: read every report and prove its queries on the database that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from reportd import plugins
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import Config, load
from reportd.db.client import client
from reportd.plugins import LoadedReport
from reportd.proving.review import Remark, review
from reportd.tasks import loading
from reportd.tasks.loading import LoadedTask

ROWS_LARGE = 1_000_000


@click.command()
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of .sql reports; may be repeated. Default: the config file's, else ./reports.",
)
@click.option(
    "--rows-large",
    type=click.IntRange(min=1),
    default=ROWS_LARGE,
    show_default=True,
    help="Rows from which on a table should not be read as a whole.",
)
@click.option("--strict", is_flag=True, help="Exit status 1 for warnings too.")
@json_option
@database_options
def check(
    *,
    directories: tuple[Path, ...],
    rows_large: int,
    strict: bool,
    as_json: bool,
    dsn: str | None,
    config_path: Path | None,
) -> int:
    """Check every report: front matter, blocks, options, and each query against the database, without running any.

    Remarks come as file:line:column: message; exit status 1 if there are faults. Modules of tasks are imported.
    """
    config = load(config_path, {"database.dsn": dsn, "reports.directories": list(directories) or None})
    source = config.database.report_dsn or find_dsn(dsn, config_path)
    loaded = plugins.reports(config.reports.directories)
    remarks = [*asyncio.run(_reviewed(loaded, source, rows_large=rows_large)), *_tasks(config)]
    faults = [remark for remark in remarks if remark.severity == "fault"]
    warnings = [remark for remark in remarks if remark.severity == "warning"]
    if as_json:
        emit_json(
            {
                "reports": [report.name for report in loaded],
                "faults": [asdict(fault) for fault in faults],
                "warnings": [asdict(warning) for warning in warnings],
            }
        )
    else:
        for remark in remarks:
            click.echo(remark)
        places = ", ".join(map(str, config.reports.directories))
        more = f", {_count(len(warnings), 'warning')}" if warnings else ""
        click.echo(f"{_count(len(loaded), 'report')} in {places}: {_count(len(faults), 'fault')}{more}", err=True)
    return 1 if faults or (strict and warnings) else 0


async def _reviewed(loaded: Sequence[LoadedReport], source: str, *, rows_large: int) -> list[Remark]:
    async with client(source, application_name="reportd check") as connection:
        return [remark for report in loaded for remark in await review(connection, report, rows_large=rows_large)]


def _tasks(config: Config) -> list[Remark]:
    """What keeps tasks and their modules from running."""
    modules = [*config.tasks.modules, *plugins.tasks().values()]
    broken = [each for each in loading.load(modules) if not isinstance(each, LoadedTask)]
    return [Remark(each.module, None, None, "fault", each.error.code, each.error.message) for each in broken]


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
