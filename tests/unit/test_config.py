"""What a configuration is made of, who wins, and what is said about a mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from reportd.config import Config, load
from reportd.config.sources import database_dsn, default_state_dir
from reportd.errors import ConfigError


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting but the test's own: an empty working directory and home, no variables of ours."""
    for name in list(os.environ):
        if name.startswith(("REPORTD_", "XDG_")) or name == "STATE_DIRECTORY":
            monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def written(directory: Path, text: str) -> Path:
    file = directory / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    config = load()
    assert config.worker.poll_interval_s == 5
    assert config.worker.concurrency == 3
    assert config.worker.timeout_s == 300
    assert (config.worker.retries, config.worker.retry_delay_s) == (3, 60)
    assert config.database.dsn is None
    assert config.reports.directories == (tmp_path / "here/reports",)
    assert config.storage.state_dir == tmp_path / "home/.local/state/reportd"
    assert config.storage.artifacts_dir == config.storage.state_dir / "artifacts"
    assert config.storage.spool_dir == config.storage.state_dir / "spool"


def test_environment_wins_over_file_and_flags_over_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "[worker]\nconcurrency = 4\nlease_s = 20\nretries = 9\n")
    monkeypatch.setenv("REPORTD_WORKER__LEASE_S", "30")
    monkeypatch.setenv("REPORTD_WORKER__RETRIES", "5")
    config = load(file, {"worker.retries": 1, "worker.concurrency": None})
    assert config.worker.concurrency == 4
    assert config.worker.lease_s == 30
    assert config.worker.retries == 1


def test_the_file_is_found_in_the_working_directory_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = tmp_path / "home/.config/reportd"
    users.mkdir(parents=True)
    written(users, "[worker]\nconcurrency = 5\n")
    assert load().worker.concurrency == 5
    written(Path.cwd(), "[worker]\nconcurrency = 6\n")
    assert load().worker.concurrency == 6
    monkeypatch.setenv("REPORTD_CONFIG", str(users / "config.toml"))
    assert load().worker.concurrency == 5


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*absent\.toml"):
        load(tmp_path / "absent.toml")


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTD_DSN", "")
    monkeypatch.setenv("REPORTD_WORKER__CONCURRENCY", "")
    assert load().database.dsn is None
    assert load().worker.concurrency == 3


def test_lists_in_the_environment_are_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTD_WORKER__ROLES", "scheduler, worker")
    monkeypatch.setenv("REPORTD_REPORTS__DIRECTORIES", f"{tmp_path}/a:b")
    config = load()
    assert config.worker.roles == ("scheduler", "worker")
    assert config.reports.directories == (tmp_path / "a", tmp_path / "here/b")


def test_paths_are_seen_from_the_file_and_may_hold_home_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", str(tmp_path / "where"))
    file = written(
        tmp_path,
        '[storage]\nstate_dir = "~/state"\nspool_dir = "$WHERE/spool"\nartifacts_dir = "files"\n'
        '[reports]\ndirectories = ["a", "/b"]\n',
    )
    config = load(file)
    assert config.storage.state_dir == tmp_path / "home/state"
    assert config.storage.spool_dir == tmp_path / "where/spool"
    assert config.storage.artifacts_dir == tmp_path / "files"
    assert config.reports.directories == (tmp_path / "a", Path("/b"))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"REPORTD_STATE": "/a", "STATE_DIRECTORY": "/b"}, "/a"),
        ({"STATE_DIRECTORY": "/b:/c", "XDG_STATE_HOME": "/d"}, "/b"),
        ({"XDG_STATE_HOME": "/d"}, "/d/reportd"),
    ],
)
def test_state_goes_where_the_environment_says(environment: dict[str, str], expected: str) -> None:
    assert default_state_dir(environment) == Path(expected)


def test_an_address_may_be_kept_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("postgresql://a@b/c\n")
    file = written(tmp_path, '[database]\ndsn_file = "secret"\n')
    assert load(file).database.dsn == "postgresql://a@b/c"
    assert database_dsn(path=file) == "postgresql://a@b/c"


def test_a_later_address_displaces_an_earlier_file_and_the_reverse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("postgresql://from/file\n")
    file = written(tmp_path, '[database]\ndsn_file = "secret"\n')
    monkeypatch.setenv("REPORTD_DSN", "postgresql://from/environment")
    assert load(file).database.dsn == database_dsn(path=file) == "postgresql://from/environment"
    flag = "postgresql://from/flag"
    assert load(file, {"database.dsn": flag}).database.dsn == database_dsn(flag, path=file) == flag

    monkeypatch.delenv("REPORTD_DSN")
    monkeypatch.setenv("REPORTD_DATABASE__DSN_FILE", str(tmp_path / "secret"))
    file = written(tmp_path, '[database]\ndsn = "postgresql://in/toml"\n')
    assert load(file).database.dsn == database_dsn(path=file) == "postgresql://from/file"


def test_an_address_and_its_file_in_one_place_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, '[database]\ndsn_file = "secret"\ndsn = "postgresql://a"\n')
    with pytest.raises(ConfigError, match=r"database\.dsn and database\.dsn_file are both set"):
        load(file)


def test_a_secret_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, '[database]\nreport_dsn_file = "absent"\n')
    with pytest.raises(ConfigError, match=r"database\.report_dsn_file = '.*/absent' can't be read"):
        load(file)


def test_addresses_are_neither_shown_nor_quoted_in_errors(tmp_path: Path) -> None:
    file = written(tmp_path, '[database]\ndsn = "postgresql://u:hunter2@h/d"\n')
    assert "hunter2" not in repr(load(file))
    file = written(tmp_path, '[database]\ndsn = "host=h password=hunter2"\n')
    with pytest.raises(ConfigError, match=r"database\.dsn must be a URI: postgresql://") as caught:
        load(file)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[worker]\nconcurency = 4", r"worker\.concurency is no setting: did you mean worker\.concurrency\?"),
        ("[database]\nlease_s = 4", r"database\.lease_s is no setting: did you mean worker\.lease_s\?"),
        ("[workers]\nlease_s = 4", r"\[workers\] is no table: did you mean \[worker\]\?"),
        ("dsn = 'postgresql://a'", "dsn stands outside a"),
        ("[worker]\nconcurrency = 'many'", r"worker\.concurrency = 'many' should be a valid integer"),
        ("[worker]\nconcurrency = 0", r"worker\.concurrency = 0 should be greater than or equal to 1"),
        ("[worker]\nroles = ['boss']", r"worker\.roles = 'boss' should be 'worker' or 'scheduler'"),
        ("[reports]\ntimezone = 'Europe/Wien'", r"timezone = 'Europe/Wien' is not a time zone: did you mean Europe/"),
        ("[reports]\npaper = 'A3'", r"reports\.paper = 'A3' should be 'A4' or 'Letter'"),
        ("[worker\n", r"line 1"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load(written(tmp_path, text))
    assert str(tmp_path / "config.toml") in str(caught.value)
    assert caught.value.detail["hint"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "REPORTD_WORKER__LEASE",
            r"REPORTD_WORKER__LEASE: worker\.lease is no setting: did you mean worker\.lease_s\?",
        ),
        ("REPORTD_WROKER__LEASE_S", r"REPORTD_WROKER__LEASE_S is no setting: did you mean \[worker\]\?"),
        ("REPORTD_WORKER__LEASE_S", r"REPORTD_WORKER__LEASE_S: worker\.lease_s = 'x' should be a valid number"),
        ("REPORTD_WORKER", "the environment can't be read"),
    ],
)
def test_a_mistake_in_the_environment_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigError, match=said):
        load()


def test_variables_that_another_program_sets_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTD_SERVICE_HOST", "10.0.0.1")  # Kubernetes, for a service of this name
    assert isinstance(load(), Config)


def test_a_configuration_does_not_change() -> None:
    config = load()
    with pytest.raises(ValidationError, match="frozen"):
        config.worker.concurrency = 4


def test_the_address_alone_is_had_without_pydantic() -> None:
    code = (
        "import sys, reportd.config.sources as s; s.database_dsn();"
        "sys.exit(', '.join({'pydantic', 'pydantic_settings'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
