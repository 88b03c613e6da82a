"""`reportd demo`: one demo at a time."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from reportd.cli.demo import demo


def test_two_demos_at_once_are_refused(tmp_path: Path) -> None:
    said = CliRunner().invoke(demo, ["--once", str(tmp_path / "a"), "--gallery", str(tmp_path / "b")])
    assert said.exit_code == 2
    assert "--once and --gallery are two demos: name one" in said.output
    assert not list(tmp_path.iterdir())
