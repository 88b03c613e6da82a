"""`reportd run`: flags win over the file, and what they can't be is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reportd import daemon
from reportd.cli.app import reportd
from reportd.config import Config


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Config]:
    """The configurations that the daemon was started with; it does not run."""
    found: list[Config] = []

    async def serve(config: Config, **_: Any) -> None:
        found.append(config)

    monkeypatch.setattr(daemon, "serve", serve)
    monkeypatch.setattr("reportd.telemetry.configure", lambda **_: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('[tasks]\nmodules = ["other"]\n[worker]\nroles = ["worker"]\n')
    return found


DSN = ("--dsn", "postgresql://localhost/app")


def test_roles_and_modules_of_tasks_come_from_flags(served: list[Config]) -> None:
    done = CliRunner().invoke(
        reportd, ["run", *DSN, "--role", "worker,scheduler", "--tasks", "shop.jobs", "--tasks", "shop.mail"]
    )
    assert done.exit_code == 0, done.output
    assert served[0].worker.roles == ("worker", "scheduler")
    assert served[0].tasks.modules == ("shop.jobs", "shop.mail")


def test_a_role_that_there_is_not_is_refused(served: list[Config]) -> None:
    done = CliRunner().invoke(reportd, ["run", *DSN, "--role", "cook"])
    assert str(done.exception) == "worker.roles = 'cook' should be 'worker' or 'scheduler'"
    assert not served
