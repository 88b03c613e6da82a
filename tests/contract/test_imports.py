"""Who may import whom, and what the quick commands must not pay for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The daemon's side of rendering; everything else in render/ runs in a child.
DAEMON_SIDE = {"pool", "remote", "running"}


def contracts() -> list[dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = settings["tool"]["importlinter"]["contracts"]
    assert isinstance(found, list)
    return found


def test_every_contract_is_kept() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def test_every_module_of_a_render_child_is_under_its_contract() -> None:
    render = ROOT / "reportd/render"
    there = {path.stem for path in render.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    there |= {path.name for path in render.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    (child,) = [contract for contract in contracts() if "render child" in str(contract["name"])]
    named = {str(name).rpartition(".")[2] for name in child["source_modules"]}  # type: ignore[attr-defined]
    assert named == there - DAEMON_SIDE - {"__init__"}


def imported_by(*command: str) -> set[str]:
    """Top-level packages and our modules in memory when `reportd COMMAND` has run."""
    code = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "from reportd.cli import main\n"
        f"main({list(command)!r})\n"
    )
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    return set(json.loads(done.stderr.splitlines()[-1]))


HEAVY = {"pydantic", "pydantic_settings", "structlog", "weasyprint", "rich", "xlsxwriter", "jinja2"}


async def test_enqueue_pays_for_click_and_asyncpg_only(dsn: str) -> None:
    modules = imported_by("enqueue", "no-such-kind", "--dsn", dsn)
    assert "asyncpg" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", [("--help",), ("version",)])
def test_what_needs_no_database_does_not_load_its_driver(command: tuple[str, ...]) -> None:
    assert imported_by(*command) & (HEAVY | {"asyncpg"}) == set()
