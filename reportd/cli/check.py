"""`reportd check`: read every report and prove its queries on the database that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reportd import fetch, plugins
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import load
from reportd.db.client import client
from reportd.errors import ReportdError
from reportd.plugins import Broken, LoadedReport
from reportd.report.definition import Report


@click.command()
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of .sql reports; may be repeated. Default: the config file's, else ./reports.",
)
@json_option
@database_options
def check(*, directories: tuple[Path, ...], as_json: bool, dsn: str | None, config_path: Path | None) -> int:
    """Check every report: front matter, blocks, and each query against the database, without running any.

    Faults come as file:line:column: message; exit status 1 if there are any.
    """
    config = load(config_path, {"database.dsn": dsn, "reports.directories": list(directories) or None})
    source = config.database.report_dsn or find_dsn(dsn, config_path)
    loaded = plugins.reports(config.reports.directories)
    faults = asyncio.run(_faults(loaded, source))
    if as_json:
        emit_json({"reports": [_name(report) for report in loaded], "faults": [_row(fault) for fault in faults]})
    else:
        for fault in faults:
            click.echo(_line(fault))
        places = ", ".join(map(str, config.reports.directories))
        click.echo(f"{_count(len(loaded), 'report')} in {places}: {_count(len(faults), 'fault')}", err=True)
    return 1 if faults else 0


async def _faults(loaded: Sequence[LoadedReport], source: str) -> list[ReportdError]:
    faults: list[ReportdError] = []
    async with client(source, application_name="reportd check") as connection:
        for report in loaded:
            if isinstance(report, Broken):
                faults.append(report.error)
            else:
                faults += [_placed(finding.error, report) for finding in await fetch.check(connection, report)]
    return faults


def _placed(fault: ReportdError, report: Report) -> ReportdError:
    """`fault` with the file's whole path: what a query's error names is the file inside its report."""
    fault.detail["file"] = report.source.path
    return fault


def _row(fault: ReportdError) -> dict[str, Any]:
    place = {key: fault.detail.get(key) for key in ("file", "line", "column")}
    return {**place, "code": fault.code, "message": fault.message}


def _line(fault: ReportdError) -> str:
    place = ":".join(str(fault.detail[key]) for key in ("file", "line", "column") if fault.detail.get(key) is not None)
    return fault.message if not place or fault.message.startswith(place) else f"{place}: {fault.message}"


def _name(report: LoadedReport) -> str:
    return report.name


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
