"""What the daemon says, as the one who reads the log gets it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from reportd import telemetry


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The logging of the test run, untouched by what a test configures."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_an_event_is_one_json_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    structlog.get_logger().info("job.claimed", job=7, name="Übersicht")
    (line,) = said(capsys)
    assert line.pop("timestamp")
    assert line == {"event": "job.claimed", "level": "info", "job": 7, "name": "Übersicht"}


def test_what_libraries_log_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    logging.getLogger("somebody").warning("odd: %s", 1, extra={"pool": 3})
    (line,) = said(capsys)
    assert line["event"] == "odd: 1"
    assert line["level"] == "warning"
    assert line["pool"] == 3


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(level="warning")
    structlog.get_logger().info("job.claimed")
    logging.getLogger("somebody").info("quiet")
    assert said(capsys) == []


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    telemetry.configure()
    structlog.get_logger().info("job.claimed")
    assert len(said(capsys)) == 1


def test_an_exception_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger().exception("job.crashed")
    (line,) = said(capsys)
    assert "ValueError: no" in str(line["exception"])


def test_the_console_form_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(format="console")
    structlog.get_logger().info("job.claimed", job=7)
    text = capsys.readouterr().err
    assert "job.claimed" in text
    assert "job=7" in text
    assert not text.startswith("{")


def test_secrets_never_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure()
    address = "postgresql://u:hunter2@h/d?password=hunter2"
    try:
        raise OSError(f"no way to {address}")
    except OSError as error:
        structlog.get_logger().exception(
            "database.unavailable",
            dsn=address,
            error=f"{error}; password='hunter2'",
            detail={"api_token": "hunter2", "tried": [address]},
            user="u",
        )
    logging.getLogger("somebody").warning("connecting to %s", address)
    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert '"user": "u"' in text
    assert "postgresql://u:***@h/d" in text
