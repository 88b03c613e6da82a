"""`reportd new`: a report to begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from reportd.cli.asking import asked
from reportd.cli.options import database_options, json_option
from reportd.cli.output import emit_json, near
from reportd.config import load
from reportd.db import relations
from reportd.errors import ConfigError
from reportd.report import frontmatter
from reportd.report.blocks import NAME
from reportd.report.draft import draft
from reportd.report.folder import TOML
from reportd.report.formats import title_of

_COMMENT = re.compile(r"-- ?")


@click.command()
@click.argument("name")
@click.option("--from", "table", metavar="TABLE", help="Make it of this table or view: tiles, charts, its rows.")
@click.option("--dir", "as_directory", is_flag=True, help="A directory with report.toml beside the SQL.")
@click.option(
    "--reports",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write into. Default: the first of the config file's, else ./reports.",
)
@json_option
@database_options
def new(
    *,
    name: str,
    table: str | None,
    as_directory: bool,
    directory: Path | None,
    as_json: bool,
    dsn: str | None,
    config_path: Path | None,
) -> None:
    """Begin the report NAME: reports/NAME.sql, which runs as it is. Overwrites nothing.

    With --from it reads a table of yours: its columns' names and types, and the statistics of the last ANALYZE.
    """
    _check(name)
    config = load(config_path, {"database.dsn": dsn, "reports.directories": [directory] if directory else None})
    folders = config.reports.directories
    for folder in folders:
        for there in (folder / f"{name}.sql", folder / name):
            if there.exists():
                raise ConfigError(f"{near(there)} is there already: nothing was written", hint=f"reportd dev {name}")
    if table is None:
        first = resources.files("reportd.cli").joinpath("project", "first.sql").read_text(encoding="utf-8")
        text = first.replace("TITLE", title_of(name))
    else:
        source = config.database.report_dsn or dsn
        found = asked(source, config_path, lambda connection: relations.find(connection, table))
        text = draft(found, today=datetime.now(UTC).astimezone(ZoneInfo(config.reports.timezone)).date())
    files = _directory(name, text) if as_directory else {f"{name}.sql": text}
    _write(folders[0], files)
    if as_json:
        emit_json({"report": name, "files": [str(folders[0] / file) for file in files]})
        return
    for file in files:
        click.echo(f"wrote {near(folders[0] / file)}")
    click.echo(f"next: reportd dev {name} --open", err=True)


def _check(name: str) -> None:
    if re.fullmatch(NAME, name):
        return
    proposal = re.sub(r"[^a-z0-9_-]+", "-", name.removesuffix(".sql").lower()).strip("-")[:63] or "report"
    rule = "lower-case letters, digits, _ and -, at most 63"
    raise click.BadParameter(f"{name!r} can't name a report ({rule}); for example: {proposal}", param_hint="NAME")


def _directory(name: str, text: str) -> Mapping[str, str]:
    """The files of the report as a directory: its front matter as TOML, and the blocks."""
    lines = text.splitlines()
    start, end = (number for number, line in enumerate(lines) if frontmatter.opens(line) is not None)
    toml = "".join(f"{_COMMENT.sub('', line, count=1)}\n" for line in lines[start + 1 : end])
    blocks = "\n".join(lines[end + 1 :]).strip("\n")
    return {f"{name}/{TOML}": toml, f"{name}/1-blocks.sql": f"{blocks}\n"}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for file, text in files.items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            raise ConfigError(f"{path} can't be written: {error.strerror}") from error
