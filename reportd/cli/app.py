"""The command `reportd`: its list of commands, and what becomes of an error.

A command's module is imported only when the command is called, so that `reportd enqueue` stays as quick as its query.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import IntEnum
from importlib import import_module
from typing import NoReturn

import click

from reportd.cli.output import complain, emit_json
from reportd.errors import (
    ConfigError,
    DatabaseUnavailable,
    Refused,
    ReportdError,
    SchemaError,
    UnknownJob,
    UnknownKind,
    UnknownSchedule,
)


class Exit(IntEnum):
    """The exit statuses of every command; public, so only ever added to."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO_DATABASE = 3
    REFUSED = 4
    INTERRUPTED = 130


_EXITS = """\b
Exit status:
  0    done
  1    the job failed or was cancelled; check, doctor, test or verify found something wrong
  2    wrong usage or configuration
  3    no database: none named, not reachable, or without reportd's schema
  4    the database refused: unknown kind, job or schedule, bad parameters
  130  interrupted
"""

_COMMANDS = {
    "init": "Begin a project: a folder with a configuration and a first report.",
    "run": "Run the daemon: claim jobs, make reports, keep schedules.",
    "demo": "Show it all on a learning platform's data; needs nothing but this program.",
    "enqueue": "Order a job; with --wait, follow it to its end.",
    "jobs": "List, show, cancel and retry jobs.",
    "why": "Say what a job waits for.",
    "dead": "List, show, retry, discard and export failed jobs.",
    "new": "Begin a report: one that runs as it is, or one made of a table.",
    "dev": "Write a report with its pages and its sheet beside it in the browser.",
    "render": "Make one report's file, without the queue.",
    "schedules": "List and show schedules, preview, pause and resume them, or run one now.",
    "queues": "List, pause and resume queues.",
    "check": "Check every report against the database that it reads.",
    "test": "Run the tests that lie beside reports.",
    "verify": "Check produced files against what they say of themselves, and make them again.",
    "migrate": "Bring the schema in the database to this version.",
    "grants": "Print the SQL that makes roles for the daemon, reports, producers and readers.",
    "doctor": "Look for what would stop reportd here, and say the remedy.",
    "completion": "Print what makes a shell complete commands and options.",
    "version": "Print the version.",
}


class _Commands(click.Group):
    """A group whose commands' modules are named in `_COMMANDS` and imported one at a time."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in self.commands:
            return self.commands[name]
        if name not in _COMMANDS:
            return None
        command = getattr(import_module(f"reportd.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, epilog=_EXITS, context_settings={"help_option_names": ["-h", "--help"]})
def reportd() -> None:
    """Reports as rows: INSERT a job into Postgres, get a PDF, a sheet and a CSV."""


@reportd.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def version(as_json: bool) -> None:
    """Print the version."""
    from importlib.metadata import version as installed_version  # 60 ms that no other command has to pay

    number = installed_version("reportd")
    if as_json:
        emit_json({"version": number, "python": sys.version.split()[0]})
    else:
        click.echo(f"reportd {number}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that `arguments` (default: the process's own) name, and exit with its status."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        status = reportd.main(args=arguments, prog_name="reportd", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except ReportdError as error:
        return _failed(error)
    except ExceptionGroup as group:  # of the daemon's tasks
        known, unknown = group.split(ReportdError)
        if known is None or unknown is not None:
            raise
        return max(map(_failed, _leaves(known)))
    return status if isinstance(status, int) else Exit.OK


def _failed(error: ReportdError) -> Exit:
    complain(error)
    return exit_for(error)


def _leaves(group: ExceptionGroup[ReportdError]) -> Iterator[ReportdError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def exit_for(error: ReportdError) -> Exit:
    """The status that a command ends with after `error`."""
    match error:
        case ConfigError():
            return Exit.USAGE
        case DatabaseUnavailable() | SchemaError():
            return Exit.NO_DATABASE
        case Refused() | UnknownKind() | UnknownJob() | UnknownSchedule():
            return Exit.REFUSED
        case _:
            return Exit.FAILED
