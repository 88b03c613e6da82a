"""`reportd init`: a new project, ready for `reportd run`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from reportd.cli.output import emit_json
from reportd.errors import ConfigError

_FILES = {
    "config.toml": "config.toml",
    "reports/first.sql": "first.sql",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}
"""Where each file goes, and what it is called in this package."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def init(*, directory: Path, as_json: bool) -> None:
    """Begin a project in DIRECTORY (default: here): config.toml, a first report, a README. Overwrites nothing."""
    there = [name for name in _FILES if (directory / name).exists()]
    if there:
        raise ConfigError(
            f"{directory / there[0]} is there already: nothing was written",
            hint="name a new folder: reportd init my-reports",
        )
    for name, source in _FILES.items():
        target = directory / name
        text = resources.files("reportd.cli").joinpath("project", source).read_text(encoding="utf-8")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            words = text.replace("PROJECT", directory.resolve().name).replace("TITLE", "First report")
            target.write_text(words, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{target} can't be written: {error.strerror}") from error
    if as_json:
        emit_json({"directory": str(directory.resolve()), "files": list(_FILES)})
        return
    for name in _FILES:
        click.echo(f"wrote {directory / name}")
    enter = "" if directory.resolve() == Path.cwd() else f"cd {directory} && "
    click.echo(f"next: {enter}reportd run", err=True)
    click.echo("and in another shell there: reportd enqueue first -p days=14 --wait", err=True)
