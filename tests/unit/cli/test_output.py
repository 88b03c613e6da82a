"""What commands print."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner

from reportd.cli import app, follow, output
from reportd.cli.app import Exit
from reportd.errors import (
    ConfigError,
    DatabaseUnavailable,
    QueryError,
    Refused,
    ReportdError,
    ReportError,
    SchemaError,
    UnknownJob,
)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (14_249, "14.2 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (3_100_000_000, "3.1 GB"),
        (7_000_000_000_000_000, "7000.0 TB"),
    ],
)
def test_a_size_is_shown_in_a_unit_that_fits(count: int, shown: str) -> None:
    assert output.size(count) == shown


def test_json_holds_times_in_utc_and_exact_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=1)))
    output.emit_json({"at": moment, "sum": Decimal("12"), "took": timedelta(seconds=2), "name": "Łucja"})
    shown = capsys.readouterr().out
    assert "Łucja" in shown
    assert json.loads(shown) == {"at": "2026-01-31T07:00:00+00:00", "sum": 12, "took": 2.0, "name": "Łucja"}


def test_a_table_into_a_pipe_keeps_long_cells_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_table(("id", "path"), [(1, "x" * 300), (2, None), (3, "[bold]")], right=("id",))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["id  path", " 1  " + "x" * 300, " 2  –", " 3  [bold]"]


def test_an_error_is_shown_with_its_hint_once(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain(Refused('kind: "x" is not one. Did you mean "y"?', hint='Did you mean "y"?'))
    assert capsys.readouterr().err == 'error: kind: "x" is not one.\nhint: Did you mean "y"?\n'


def test_an_error_in_a_file_is_led_by_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain(ReportError("no such block", file="reports/a.sql", line=3, column=7))
    output.complain(ReportError("reports/a.sql:3: no such block", file="reports/a.sql", line=3))
    assert capsys.readouterr().err == "error: reports/a.sql:3:7: no such block\nerror: reports/a.sql:3: no such block\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("…"), Exit.USAGE),
        (DatabaseUnavailable("…"), Exit.NO_DATABASE),
        (SchemaError("…"), Exit.NO_DATABASE),
        (Refused("…"), Exit.REFUSED),
        (UnknownJob("…"), Exit.REFUSED),
        (QueryError("…"), Exit.FAILED),
        (ReportdError("…"), Exit.FAILED),
    ],
)
def test_an_error_decides_the_exit_status(error: ReportdError, status: Exit) -> None:
    assert app.exit_for(error) is status


@pytest.mark.parametrize("command", list(app.reportd.list_commands(click.Context(app.reportd))))
def test_every_command_that_is_listed_explains_itself(command: str) -> None:
    said = CliRunner().invoke(app.reportd, [command, "--help"])
    assert said.exit_code == 0, said.output
    assert said.output.startswith(f"Usage: reportd {command}")


def test_errors_of_the_daemon_s_tasks_are_told_one_by_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ExceptionGroup("tasks", [Refused("no"), ExceptionGroup("more", [DatabaseUnavailable("gone")])])

    monkeypatch.setitem(app.reportd.commands, "version", click.Command("version", callback=fail))
    with pytest.raises(SystemExit) as ended:
        app.main(["version"])
    assert ended.value.code == Exit.REFUSED
    assert capsys.readouterr().err.startswith("error: no\nerror: gone\n")


def test_a_file_is_named_by_its_path_and_anything_else_by_its_uri() -> None:
    assert follow.path_of("file:///srv/reports/K%C3%A4the%201.pdf") == "/srv/reports/Käthe 1.pdf"
    assert follow.path_of("s3://bucket/a.pdf") == "s3://bucket/a.pdf"


def test_a_moment_is_shown_in_local_time() -> None:
    at = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert output.moment(at) == at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert output.moment(None) is None
