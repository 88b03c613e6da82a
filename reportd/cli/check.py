"""`reportd check`: read every report and prove its queries on the database that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from reportd import fetch, plugins
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import load
from reportd.db.client import client
from reportd.errors import ReportdError
from reportd.plugins import Broken, LoadedReport


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
        emit_json({"reports": [report.name for report in loaded], "faults": [asdict(fault) for fault in faults]})
    else:
        for fault in faults:
            click.echo(fault)
        places = ", ".join(map(str, config.reports.directories))
        click.echo(f"{_count(len(loaded), 'report')} in {places}: {_count(len(faults), 'fault')}", err=True)
    return 1 if faults else 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: `line` and `column` from 1, None where only the file is known."""

    file: str
    line: int | None
    column: int | None
    code: str
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}"


async def _faults(loaded: Sequence[LoadedReport], source: str) -> list[Fault]:
    faults: list[Fault] = []
    async with client(source, application_name="reportd check") as connection:
        for report in loaded:
            if isinstance(report, Broken):
                faults.append(_fault(report.error, str(report.error.detail.get("file", report.path))))
            else:
                found = await fetch.check(connection, report)
                above = Path(report.source.path).parent
                faults += [_fault(each.error, str(above / str(each.error.detail["file"]))) for each in found]
    return faults


def _fault(error: ReportdError, path: str) -> Fault:
    """`error` taken apart: its message is led by a place, in a query's error by the file's name alone."""
    line, column = error.detail.get("line"), error.detail.get("column")
    place = ":".join(str(part) for part in (error.detail.get("file"), line, column) if part is not None)
    return Fault(path, line, column, error.code, error.message.removeprefix(f"{place}: "))


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
