"""Who may import whom, and what the quick commands must not pay for."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_contract_is_kept() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def test_everything_that_a_render_child_starts_from_is_under_its_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    leaves = {place.partition(":")[0] for place in project["project"]["entry-points"]["reportd.formats"].values()}
    (child,) = [
        contract for contract in project["tool"]["importlinter"]["contracts"] if "render child" in contract["name"]
    ]
    # The facts are the format of `reportd test`, which no job can ask for.
    assert set(child["source_modules"]) == leaves | {"reportd.render.template", "reportd.render.facts"}


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[<>=\[;]", line)[0].lower().replace("_", "-") for line in lines}
    declared.add("pydantic-core")  # pydantic's own other half
    provided = packages_distributions()
    for module in (ROOT / "reportd").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    found = {name.name.partition(".")[0] for name in names}
                case ast.ImportFrom(module=str(name)):
                    found = {name.partition(".")[0]}
                case _:
                    continue
            for top in found - sys.stdlib_module_names - {"reportd"}:
                assert {name.lower().replace("_", "-") for name in provided[top]} & declared, f"{module}: {top}"


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
