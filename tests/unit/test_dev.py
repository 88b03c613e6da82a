"""`dev.py`: what it keeps from the tests, what it says about a machine that lacks something, how it sums up."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

import dev
from dev import Need, Stage, Stages

ROOT = Path(dev.__file__).parent


def test_it_is_read_by_pythons_that_are_too_old_so_that_they_can_say_so() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_an_unknown_command_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main("tset") == 2
    shown = capsys.readouterr().out
    for command in dev.COMMANDS:
        assert f"python3 dev.py {command}" in shown


def test_settings_of_the_caller_do_not_reach_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTD_DSN", "postgresql://production/db")
    monkeypatch.setenv("REPORTD_TEST_DSN", "postgresql://test/db")
    given = dev.environment(MORE="1")
    assert "REPORTD_DSN" not in given
    assert given["REPORTD_TEST_DSN"] == "postgresql://test/db"
    assert given["MORE"] == "1"
    assert given["PATH"].startswith(f"{ROOT}/.venv/bin{os.pathsep}")


def test_the_environment_is_made_anew_when_the_lock_or_the_project_changes(tmp_path: Path) -> None:
    lock, project = tmp_path / "lock", tmp_path / "project"
    lock.write_text("a")
    project.write_text("b")
    before = dev.digest(lock, project)
    assert dev.digest(lock, project) == before
    project.write_text("c")
    assert dev.digest(lock, project) != before


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ({"apt-get"}, "sudo apt-get install -y --no-install-recommends one two"),
        ({"dnf"}, "dnf install pango"),
        (set(), "one two"),
    ],
)
def test_without_rights_the_line_to_type_is_said(monkeypatch: pytest.MonkeyPatch, tools: set[str], said: str) -> None:
    monkeypatch.setattr("dev.os.geteuid", lambda: 1000)
    monkeypatch.setattr("dev.shutil.which", lambda tool: tool if tool in tools else None)
    needs = [Need("one", lambda: False), Need("there", lambda: True), Need("two", lambda: False)]
    (line,) = dev.missing(needs)
    assert said in line
    assert "there" not in line


def test_what_the_tests_need_holds_all_that_the_demo_needs() -> None:
    def pins(file: Path) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", file.read_text(encoding="utf-8"), flags=re.MULTILINE))

    assert pins(dev.LOCK) < pins(dev.DEV_LOCK)


def test_what_is_there_is_not_asked_for() -> None:
    assert dev.missing([Need("there", lambda: True)]) == []


def test_the_summary_repeats_pytests_closing_line_and_names_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    passed = Stage("unit", ("-c", "print('...'); print('=== 3 passed, 1 skipped in 0.10s ===')"))
    failed = Stage("lint", ("-c", "import sys; print('E501'); sys.exit(1)"))
    assert Stages().run([passed, failed]).summary() == 1
    summary = capsys.readouterr().out.rpartition("---\n")[2].splitlines()
    assert re.fullmatch(r"unit +[\d.]+ s  3 passed, 1 skipped in 0\.10s", summary[0])
    assert re.fullmatch(r"lint +[\d.]+ s  failed  <-- failed", summary[1])
    assert summary[2].startswith("failed: lint in ")


@pytest.mark.parametrize("file", [dev.LOCK, dev.DEV_LOCK])
def test_a_lock_has_hashes_and_no_addresses(file: Path) -> None:
    lock = file.read_text(encoding="utf-8")
    assert "://" not in lock
    pinned = re.findall(r"^(\S+==\S+)", lock, flags=re.MULTILINE)
    assert len(pinned) > 30
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_the_gate_is_the_readmes_command() -> None:
    assert "python3 dev.py test" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "python3 dev.py test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci/run", os.X_OK)
