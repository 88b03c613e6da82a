"""The unit: what systemd makes of it, what the daemon tells systemd, and a render under its rules."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PostgresServer
from tests.daemons import SMALL_REPORT, daemon, until

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "reportd.service"
REPORTD = Path(sys.executable).with_name("reportd")
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed: apt-get install systemd")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program of this checkout."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/reportd/bin/reportd", str(REPORTD)))
    return path


@needs_systemd
def test_systemd_has_nothing_to_say_against_the_unit(unit: Path) -> None:
    done = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, [])


@needs_systemd
def test_the_units_exposure_is_at_most_1(unit: Path) -> None:
    command = [str(ANALYZE), "security", "--offline=true", "--no-pager", "--threshold=10", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for reportd.service: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= 1.0


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is not installed")
def test_user_and_directories_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for tool, file in (("systemd-sysusers", "reportd.sysusers"), ("systemd-tmpfiles", "reportd.tmpfiles")):
        create: list[str] = [] if tool == "systemd-sysusers" else ["--create"]
        command = [tool, f"--root={tmp_path}", *create, str(ROOT / "systemd" / file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "reportd:" in (tmp_path / "etc/passwd").read_text()
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("etc/reportd/credentials", "var/lib/reportd")}
    assert modes == {"etc/reportd/credentials": 0o700, "var/lib/reportd": 0o700}


async def test_the_daemon_tells_that_it_is_ready_alive_without_a_database_and_stopping(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "small.sql").write_text(SMALL_REPORT)
    found: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)

        def heard(word: str, times: int = 1) -> bool:
            try:
                while True:
                    found.append(server.recv(100).decode())
            except BlockingIOError:
                return found.count(word) >= times

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "500000"}
        async with daemon(
            postgres_server.dsn, tmp_path / "state", reports, environment=environment, wait=False
        ) as running:
            await until(lambda: heard("READY=1"), running, limit_s=40)
            for child in running.descendants():
                assert b"NOTIFY_SOCKET" not in Path(f"/proc/{child}/environ").read_bytes()
            await asyncio.to_thread(asyncio.run, postgres_server.stop())
            before = found.count("WATCHDOG=1")
            await until(lambda: heard("WATCHDOG=1", before + 4), running)
            assert "STOPPING=1" not in found
            running.process.terminate()
            await until(lambda: heard("STOPPING=1"), running)


@needs_systemd
async def test_a_pdf_is_rendered_under_the_units_filters_and_limits(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "chart.sql").write_text(
        '-- @bar "By day" x=day y=n\nselect current_date - d as day, d as n from generate_series(1, 9) as d;\n'
        f"-- @table\n{SMALL_REPORT.partition('@table')[2].strip().replace(':rows', '50')}\n"
    )
    command = [str(REPORTD), "render", "chart.sql", "-f", "pdf", "-o", "out.pdf", "--dsn", dsn]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        Path(__file__).with_name("sandboxed.py"),
        UNIT,
        *command,
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode == 77:
        pytest.skip(said.decode().strip())
    assert process.returncode == 0, said.decode()
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF-")


@needs_systemd
async def test_a_chart_of_vega_lite_is_drawn_under_the_unit_with_the_drop_in_alone(dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "sales"
    folder.mkdir(parents=True)
    (folder / "report.toml").write_text('title = "Sales"')
    (folder / "rows.sql").write_text("-- @data rows\nselect n, n * n as squared from generate_series(1, 9) as n;\n")
    (folder / "rows.vl.json").write_text(
        '{"mark": "line", "encoding": {"x": {"field": "n"}, "y": {"field": "squared"}}}'
    )
    [drop_in] = re.findall(r"printf '\[Service\]\\n(MemoryDenyWriteExecute=no)\\n'", (ROOT / "README.md").read_text())
    mended = tmp_path / UNIT.name
    mended.write_text(re.sub(r"^MemoryDenyWriteExecute=.*", drop_in, UNIT.read_text(), flags=re.MULTILINE))
    for rules, status, words in ((UNIT, 1, "MemoryDenyWriteExecute=no"), (mended, 0, "")):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, Path(__file__).with_name("sandboxed.py"), rules),
            *(str(REPORTD), "render", "sales", "-f", "html", "-o", "out.html", "--dsn", dsn),
            cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(process.communicate(), 60)
        if process.returncode == 77:
            pytest.skip(said.decode().strip())
        assert (process.returncode, words in said.decode()) == (status, True), said.decode()
    assert "<svg" in (tmp_path / "out.html").read_text()


@needs_systemd
@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", "PermissionError"),
        ("import os; os.nice(1)", "PermissionError"),
    ],
)
def test_the_filters_of_that_test_do_hold(code: str, refused: str) -> None:
    sandbox = Path(__file__).with_name("sandboxed.py")
    done = subprocess.run(
        [sys.executable, sandbox, UNIT, sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert refused in done.stderr
