"""Options that several commands share, and where the database is that they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from reportd.config import sources
from reportd.errors import DatabaseUnavailable

Command = TypeVar("Command", bound=Callable[..., Any])

ADDRESS_FILE = "embedded.dsn"
"""File in the state directory where a daemon with an embedded Postgres says how to reach it."""

json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")


def database_options(command: Command) -> Command:
    """`--dsn` and `--config`."""
    dsn = click.option("--dsn", metavar="URI", help="The queue's database. Default: REPORTD_DSN, then the config file.")
    config = click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file. Default: REPORTD_CONFIG, ./config.toml, ~/.config/reportd/, /etc/reportd/.",
    )
    return dsn(config(command))


def find_dsn(flag: str | None, config_path: Path | None) -> str:
    """The queue's database: as configured, else the embedded one of a daemon on this machine. Standard library only."""
    if (dsn := sources.database_dsn(flag, path=config_path)) is not None:
        return dsn
    address = sources.state_dir(config_path) / ADDRESS_FILE
    try:
        return address.read_text(encoding="utf-8").strip()
    except OSError:
        raise DatabaseUnavailable(
            "no database is named, and no daemon with an embedded one has run here",
            hint="give --dsn, set REPORTD_DSN, or write dsn under [database] in config.toml; or try: reportd demo",
        ) from None
