"""What a command writes: tables for people, JSON for programs, errors with a remedy. rich is loaded for tables only."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from reportd.errors import DatabaseUnavailable, ReportdError


def complain(error: ReportdError) -> None:
    """Write `error` and what can be done about it to stderr."""
    hint = error.detail.get("hint") or ("reportd doctor" if isinstance(error, DatabaseUnavailable) else None)
    message = error.message.removesuffix(str(hint)).rstrip()
    place = ":".join(str(error.detail[key]) for key in ("file", "line", "column") if error.detail.get(key) is not None)
    if place and not message.startswith(str(error.detail["file"])):
        message = f"{place}: {message}"
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {hint}", err=True)


def emit_json(value: Any) -> None:
    """Write `value` to stdout as one JSON document. Times are ISO 8601 in UTC, durations seconds."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Write rows to stdout under `columns`; those in `right` hold numbers. None is an en dash; cells hold no markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text("–" if cell is None else str(cell)) for cell in row))
    # Into a file or a pipe lines are as long as they are: whoever reads them cuts for himself.
    Console(width=None if sys.stdout.isatty() else 10_000, highlight=False).print(table)


def moment(at: datetime | None) -> str | None:
    """A time as a person at this machine reads it."""
    return None if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def near(path: Path) -> str:
    """`path` as somebody in this directory would type it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def size(count: int) -> str:
    """Bytes in a unit that fits: 812 B, 14.2 kB, 3.1 MB."""
    if count < 1000:
        return f"{count} B"
    power = next((power for power in (1, 2, 3) if count < 999.95 * 1000**power), 4)
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date() | Path():
            return str(value)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
