"""run, enqueue --wait, check and doctor: commands that need reports, or a daemon."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from reportd.cli.options import ADDRESS_FILE
from tests.daemons import daemon
from tests.integration.cli.commands import REPORTD, reportd

GOOD = """\
-- /// report
-- title = "Numbers"
-- params.up_to = { type = "int", default = 3 }
-- ///
-- @table
select n, 10 / (5 - n) as tenth from generate_series(1, :up_to) as n;
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with one report, which fails for up_to >= 5."""
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "numbers.sql").write_text(GOOD)
    return folder


async def test_enqueue_waits_for_the_files_or_the_failure(dsn: str, reports: Path, tmp_path: Path) -> None:
    async with daemon(dsn, tmp_path / "state", reports):
        done = await reportd("enqueue", "numbers", "-f", "csv", "--wait", home=tmp_path, dsn=dsn)
        assert done.status == 0, done.err
        [path] = done.out.splitlines()
        assert len(Path(path).read_text().splitlines()) == 4
        assert "completed 100 %" in done.err

        arguments = ("enqueue", "numbers", "-f", "csv", "-p", "up_to=5", "--max-attempts", "1")
        failed = await reportd(*arguments, "--wait", home=tmp_path, dsn=dsn)
        assert failed.status == 1
        assert "division by zero" in failed.err
        job = int(failed.err.split("reportd jobs show ")[1])

        shown = await reportd("jobs", "show", str(job), home=tmp_path, dsn=dsn)
        assert "numbers.sql:6" in shown.out

        as_json = await reportd(*arguments, "--wait", "--json", home=tmp_path, dsn=dsn)
        assert as_json.status == 1
        assert as_json.json["status"] == "failed"


async def test_run_without_a_database_brings_its_own_and_says_where(reports: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    environment = {"REPORTD_STATE": str(state)}
    tmp_path.chmod(0o711)  # root's Postgres runs as nobody, who has to pass
    process = await asyncio.create_subprocess_exec(
        REPORTD,
        "run",
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(60):
            while "worker.registered" not in said:
                line = (await process.stderr.readline()).decode()
                assert line, said
                said += line
        assert "psql 'postgresql://" in said
        found = await reportd("enqueue", "numbers", home=tmp_path, environment=environment)
        assert found.status == 0, found.err
        process.send_signal(signal.SIGTERM)
        _out, rest = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, rest.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not (state / ADDRESS_FILE).exists()
    assert (await reportd("jobs", "list", home=tmp_path, environment=environment)).status == 3


async def test_check_finds_nothing_wrong_with_good_reports(empty_dsn: str, reports: Path, tmp_path: Path) -> None:
    said = await reportd("check", home=tmp_path, dsn=empty_dsn)
    assert said.status == 0, said.out
    assert "1 report" in said.err


async def test_check_names_file_line_and_column_of_every_fault(empty_dsn: str, reports: Path, tmp_path: Path) -> None:
    (reports / "bad-query.sql").write_text("-- a comment\nselect n\nfrom no_such_table;\n")
    (reports / "bad-words.sql").write_text('-- /// report\n-- titel = "x"\n-- ///\nselect 1 as n;\n')
    said = await reportd("check", "--reports", "reports", home=tmp_path, dsn=empty_dsn)
    assert said.status == 1
    query, words = said.out.splitlines()
    assert query.startswith("reports/bad-query.sql:3:6: ") or query.startswith(f"{reports}/bad-query.sql:3:6: ")
    assert '"no_such_table" does not exist' in query
    assert "bad-words.sql:2" in words
    assert 'did you mean "title"?' in words
    as_json = await reportd("check", "--json", home=tmp_path, dsn=empty_dsn)
    assert as_json.json["reports"] == ["bad-query", "bad-words", "numbers"]
    assert [(fault["line"], fault["code"]) for fault in as_json.json["faults"]] == [(3, "query"), (2, "report-broken")]


async def test_doctor_finds_what_can_lose_data_and_says_the_remedy(dsn: str, tmp_path: Path) -> None:
    """The server of the tests writes nothing safely, which is what doctor has to say."""
    said = await reportd("doctor", "--json", home=tmp_path, dsn=dsn)
    found = {finding["subject"]: finding for finding in said.json}
    assert said.status == 1
    assert found["durability"]["state"] == "fault"
    assert "alter system set fsync = on" in found["durability"]["remedy"]
    for subject in ("configuration", "postgres", "schema", "rights", "listen", "clock", "format csv", "font", "spool"):
        assert found[subject]["state"] == "ok", found[subject]
    assert found["report source"]["state"] == "warning"


async def test_doctor_without_a_database_or_schema_says_what_to_do(empty_dsn: str, tmp_path: Path) -> None:
    without = await reportd("doctor", home=tmp_path)
    assert without.status == 1
    assert "✗ postgres" in without.out
    assert "--dsn" in without.out
    empty = await reportd("doctor", home=tmp_path, dsn=empty_dsn)
    assert "✗ schema" in empty.out
    assert "reportd migrate" in empty.out
