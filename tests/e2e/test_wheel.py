"""What a user installs: the built wheel, alone with the packages that it declares, in an environment of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import asyncpg
import pytest
from packaging.requirements import Requirement

from tests.conftest import Eventually

ROOT = Path(__file__).parents[2]

REPORT = """\
-- /// report
-- title = "Numbers"
-- params.rows = { type = "int", default = 20 }
-- ///
-- @kpi
select count(*) as numbers, sum(n) as total from generate_series(1, :rows) as n;
-- @table
select n as no, n * 1.5 as amount, 'row ' || n as label from generate_series(1, :rows) as n;
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment that has the wheel, and of this one's packages only those that it asks for."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    python = directory / "bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
    )
    (packages,) = directory.glob("lib/python3*/site-packages")
    (itself,) = distributions(name="reportd", path=[str(packages)])
    # Links, because to download them again would only show that an index works.
    for needed in required(itself, extras=("embedded",), seen={"reportd"}):
        for part in {file.parts[0] for file in needed.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link = packages / part
            if not link.exists():
                link.symlink_to(Path(str(needed.locate_file(part))))
    return python.parent


def required(wanted: Distribution, *, seen: set[str], extras: Iterable[str] = ()) -> Iterator[Distribution]:
    """Every distribution below `wanted`, by what each declares."""
    for line in wanted.requires or ():
        requirement = Requirement(line)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if not applies or requirement.name in seen:
            continue
        seen.add(requirement.name)
        found = distribution(requirement.name)
        yield found
        yield from required(found, seen=seen, extras=requirement.extras)


def environment(home: Path) -> dict[str, str]:
    """Nothing of ours: an empty home and a search path without this environment."""
    return {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def run(program: Path, *arguments: str, home: Path) -> str:
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, env=environment(home), cwd=home, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_what_the_program_needs_and_no_more(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for directory, pattern, there in (
        ("sql", "*.sql", "reportd/_sql"),
        ("reportd", "**/*.sql", "reportd"),
        ("reportd", "**/*.py", "reportd"),
        ("examples", "**/*.sql", "reportd/_examples"),
    ):
        found = [path.relative_to(ROOT / directory) for path in (ROOT / directory).glob(pattern)]
        assert found
        assert {f"{there}/{path}" for path in found} <= names
    assert "reportd/py.typed" in names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_the_program_starts_from_an_empty_home(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "reportd", "version", home=tmp_path).startswith("reportd 0.")
    location = run(installed / "python", "-c", "import reportd; print(reportd.__file__)", home=tmp_path)
    assert location.startswith(str(installed.parent)), "the checkout is tested, not the wheel"


async def test_the_installed_daemon_makes_a_report_from_an_insert(
    installed: Path, tmp_path: Path, empty_dsn: str, eventually: Eventually
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "numbers.sql").write_text(REPORT, encoding="utf-8")
    run(installed / "reportd", "migrate", "--dsn", empty_dsn, home=tmp_path)
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [installed / "reportd", "run", "--dsn", empty_dsn, "--state", tmp_path / "state", "--log-format", "json"],
            env=environment(tmp_path),
            cwd=tmp_path,
            stderr=log,
        )
    connection = await asyncpg.connect(empty_dsn)
    try:
        known = "select exists (select from reportd.kinds where name = 'numbers')"
        await eventually(lambda: connection.fetchval(known), 30)
        insert = (
            "insert into reportd.jobs (kind, params, formats) values ('numbers', '{\"rows\": 30}', $1) returning id"
        )
        job = await connection.fetchval(insert, ["pdf", "xlsx", "csv", "json"])
        ended = "select finished_at is not null from reportd.jobs where id = $1"
        await eventually(lambda: connection.fetchval(ended, job), 30)
        row = await connection.fetchrow("select status, error from reportd.jobs where id = $1", job)
        assert row is not None
        assert row["status"] == "completed", row["error"]
        artifacts = await connection.fetch("select format, uri, bytes from reportd.artifacts where job_id = $1", job)
        assert {artifact["format"] for artifact in artifacts} == {"pdf", "xlsx", "csv", "json"}
        for artifact in artifacts:
            assert Path(artifact["uri"].removeprefix("file://")).stat().st_size == artifact["bytes"] > 0
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=30) == 0, (tmp_path / "log").read_text()
    finally:
        await connection.close()
        daemon.kill()
        daemon.wait()


def test_the_demo_of_the_installed_program_leaves_its_files_and_nothing_else(installed: Path, tmp_path: Path) -> None:
    run(installed / "reportd", "demo", "--once", str(tmp_path / "out"), home=tmp_path)
    made = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    for suffix in (".pdf", ".xlsx", ".csv"):
        assert len([path for path in made if path.suffix == suffix]) >= 3, f"{suffix} is missing: {made}"
    left = {path.name for path in tmp_path.iterdir()} - {"out", ".cache"}
    assert left == set()
    assert not [process for process in Path("/proc").glob("[0-9]*") if str(tmp_path) in command_of(process)]


def command_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def test_an_order_to_no_daemon_is_refused_with_a_remedy(installed: Path, tmp_path: Path) -> None:
    order = subprocess.run(
        [installed / "reportd", "enqueue", "numbers", "--json"],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
        check=False,
    )
    assert order.returncode == 3
    assert "REPORTD_DSN" in order.stderr
