"""`reportd verify`: whether files are what they say, and what the database says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from reportd import press, telemetry
from reportd.cli import words
from reportd.cli.options import database_options, find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import Config, load
from reportd.db.client import client
from reportd.errors import DatabaseUnavailable, ReportdError, SchemaError
from reportd.plugins import Broken
from reportd.proving import checks
from reportd.proving.checks import Check
from reportd.proving.origin import Origin, Unreadable, format_of, origin_of
from reportd.proving.rerun import rerun
from reportd.report.params import schema_of

_SIGNS = {"holds": ("✓", "green"), "differs": ("✗", "red"), "unknown": ("?", "yellow")}


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rerun", "again", is_flag=True, help="Make each file again, with its parameters, and say what differs.")
@click.option("--job", type=int, metavar="ID", help="The job that made it, for files that do not say, such as CSV.")
@click.option("--param", "-p", "given", multiple=True, metavar="NAME=VALUE", help="A secret parameter, for --rerun.")
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of reports, for --rerun. Default: the config file's, else ./reports.",
)
@json_option
@database_options
def verify(
    *,
    files: tuple[Path, ...],
    again: bool,
    job: int | None,
    given: tuple[str, ...],
    directories: tuple[Path, ...],
    as_json: bool,
    dsn: str | None,
    config_path: Path | None,
) -> int:
    """Check files against what they say of themselves, and against the database that made them, if there is one.

    Exit status 1 if something differs, or nothing can be told.
    """
    with TemporaryDirectory(prefix="reportd-verify-") as scratch:
        flags = {"database.dsn": dsn, "reports.directories": list(directories) or None, **press.settings(scratch)}
        config = load(config_path, flags)
        telemetry.configure(format=config.log.format, level="error")
        address = _address(dsn, config_path, needed=again)
        found = [asyncio.run(_verified(file, config, address, given, job=job, again=again)) for file in files]
    if as_json:
        emit_json(
            [
                {"file": str(file), "verified": _holds(each), "checks": [asdict(check) for check in each]}
                for file, each in zip(files, found, strict=True)
            ]
        )
    else:
        for file, each in zip(files, found, strict=True):
            _print(file, each)
    return 0 if all(map(_holds, found)) else 1


def _holds(found: Sequence[Check]) -> bool:
    """Whether nothing differs, and something more than the file's own word holds."""
    states = [check.state for check in found if check.subject != "origin"]
    return "differs" not in states and "holds" in states


def _address(dsn: str | None, config_path: Path | None, *, needed: bool) -> str | None:
    try:
        return find_dsn(dsn, config_path)
    except DatabaseUnavailable:
        if needed:
            raise
        return None


async def _verified(
    path: Path, config: Config, address: str | None, given: Sequence[str], *, job: int | None, again: bool
) -> list[Check]:
    try:
        format = format_of(path)
        origin = origin_of(path, format)
    except Unreadable as error:
        return [Check("origin", "differs", error.message)]
    found: list[Check] = []
    key: tuple[str, ...] | None = None
    if address is not None:
        try:
            async with client(address, application_name="reportd verify") as connection:
                recorded, origin = await checks.recorded(connection, path, origin, job=job)
                key = await checks.key(connection, origin) if origin else None
        except SchemaError:
            recorded = Check("file", "unknown", "this database has no jobs of reportd")
        found.append(recorded)
    if (data := checks.data(path, format, origin)) is not None:
        found.insert(0, data)
    if origin is None:
        hint = "" if address else ": give --dsn, the database whose job has made it"
        return [Check("origin", "unknown", f"a {format} file does not say where it comes from{hint}"), *found]
    found.insert(0, checks.told(origin))
    if again:
        assert address is not None
        found += await _rerun(path, format, config, config.database.report_dsn or address, origin, given, key)
    return found


async def _rerun(
    path: Path,
    format: str,
    config: Config,
    source: str,
    origin: Origin,
    given: Sequence[str],
    key: tuple[str, ...] | None,
) -> list[Check]:
    try:
        report = press.find(origin.report, config.reports.directories)
        if isinstance(report, Broken):
            raise report.error
        params: Mapping[str, Any] = words.params(given, schema_of(report.params))
        async with press.warm(config, source, name="reportd verify") as warm:
            return await rerun(warm, report, path, format, origin, given=params, key=key)
    except DatabaseUnavailable:
        raise
    except ReportdError as error:
        return [Check("again", "differs", f"it can't be made again: {error.message}")]


def _print(file: Path, found: Sequence[Check]) -> None:
    click.echo(f"{file}: {'verified' if _holds(found) else 'not verified'}")
    width = max(len(check.subject) for check in found)
    for check in found:
        sign, colour = _SIGNS[check.state]
        click.echo(f"  {click.style(sign, fg=colour, bold=True)} {check.subject:<{width}}  {check.found}")
        for line in check.more:
            click.echo(f"    {'':<{width}}  {line}")
