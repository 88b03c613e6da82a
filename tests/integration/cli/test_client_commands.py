"""enqueue, jobs and migrate against a real database, without a daemon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import datetime
from pathlib import Path

import pytest

from reportd.db.queries import Connection
from tests.integration.cli.commands import REPORTD, python, reportd

SCHEMA = {
    "type": "object",
    "properties": {
        "period": {"type": ["string", "null"]},
        "top": {"type": ["integer", "null"], "minimum": 1},
        "open": {"type": ["boolean", "null"]},
        "regions": {"type": ["array", "null"], "items": {"type": "string"}},
    },
    "required": [],
    "additionalProperties": False,
}


@pytest.fixture
async def kind(connection: Connection) -> str:
    """A kind that no daemon runs: its jobs stay as they are."""
    await connection.execute(
        "insert into reportd.kinds (name, type, title, params_schema, formats, content_hash)"
        " values ('sales', 'report', 'Sales', $1, '{pdf,csv}', 'x')",
        json.dumps(SCHEMA),
    )
    return "sales"


async def test_enqueue_orders_what_its_flags_say(dsn: str, connection: Connection, kind: str, tmp_path: Path) -> None:
    words = ["-p", "period=last month", "-p", "top=5", "-p", "open=true", "-p", "regions=north,south"]
    flags = ["-f", "pdf", "-f", "csv", "--name", "Sales in May", "--priority", "7", "--department", "sales"]
    run_at = "2099-12-24T18:00+01:00"
    said = await reportd("enqueue", kind, *words, *flags, "--run-at", run_at, home=tmp_path, dsn=dsn)
    assert said.status == 0, said.err
    row = await connection.fetchrow("select * from reportd.jobs where id = $1", int(said.out))
    assert row is not None
    assert json.loads(row["params"]) == {"period": "last month", "top": 5, "open": True, "regions": ["north", "south"]}
    assert row["formats"] == ["pdf", "csv"]
    assert (row["name"], row["priority"], row["department"]) == ("Sales in May", 7, "sales")
    assert row["run_at"] == datetime.fromisoformat(run_at)


async def test_enqueue_merges_single_params_over_the_json_ones(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    given = '{"period": "today", "top": 3}'
    said = await reportd("enqueue", kind, "--params", given, "-p", "top=4", "--json", home=tmp_path, dsn=dsn)
    params = await connection.fetchval("select params from reportd.jobs where id = $1", said.json["id"])
    assert json.loads(params) == {"period": "today", "top": 4}


async def test_enqueue_reads_params_that_no_list_of_processes_shall_show(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    said = await reportd(
        "enqueue", kind, "--params", "-", "--json", home=tmp_path, dsn=dsn, stdin='{"period": "today"}'
    )
    params = await connection.fetchval("select params from reportd.jobs where id = $1", said.json["id"])
    assert json.loads(params) == {"period": "today"}


async def test_enqueue_with_a_key_gives_the_unfinished_job_again(dsn: str, kind: str, tmp_path: Path) -> None:
    first = await reportd("enqueue", kind, "--key", "monthly", home=tmp_path, dsn=dsn)
    second = await reportd("enqueue", kind, "--key", "monthly", home=tmp_path, dsn=dsn)
    assert first.out == second.out


async def test_enqueue_orders_a_job_that_waits_for_others(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    first = int((await reportd("enqueue", kind, home=tmp_path, dsn=dsn)).out)
    flags = ("--depends-on", str(first), "--depends-until", "ended")
    second = int((await reportd("enqueue", kind, *flags, home=tmp_path, dsn=dsn)).out)
    row = await connection.fetchrow("select * from reportd.jobs where id = $1", second)
    assert row is not None
    assert (row["status"], row["depends_on"], row["depends_until"]) == ("blocked", [first], "ended")
    unknown = await reportd("enqueue", kind, "--depends-on", "987654", home=tmp_path, dsn=dsn)
    assert unknown.status == 4
    assert "there is no job 987654" in unknown.err


async def test_enqueue_does_not_make_again_what_was_completed_lately(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    order = ("enqueue", kind, "-p", "period=today", "--unique-for-s", "600")
    first = (await reportd(*order, home=tmp_path, dsn=dsn)).out
    await connection.execute(
        "update reportd.jobs set outcome = 'completed', ready = false, step = 'completed', percent = 100,"
        " active_key = null, finished_at = now()"
    )
    assert (await reportd(*order, home=tmp_path, dsn=dsn)).out == first
    await connection.execute("update reportd.jobs set finished_at = now() - interval '11 minutes'")
    assert (await reportd(*order, home=tmp_path, dsn=dsn)).out != first


async def test_who_waits_too_long_is_told_and_the_job_goes_on(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    said = await reportd("enqueue", kind, "--wait-limit-s", "0.3", home=tmp_path, dsn=dsn)
    assert said.status == 1
    assert "has not ended within 0.3 s" in said.err
    assert "reportd jobs cancel" in said.err
    as_json = await reportd("enqueue", kind, "--wait", "--wait-limit-s", "0.3", "--json", home=tmp_path, dsn=dsn)
    assert (as_json.status, as_json.json["status"]) == (1, "unfinished")
    assert await connection.fetchval("select count(*) from reportd.jobs where status = 'pending'") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["salse"], ['"salse"', 'Did you mean "sales"?']),
        (["sales", "-p", "top=many"], ["params.top", "many", "whole number"]),
        (["sales", "-p", "perod=today"], ["perod", 'Did you mean "period"?']),
        (["sales", "-f", "pfd"], ["formats", '"pfd"', 'Did you mean "pdf"?']),
    ],
)
async def test_an_order_that_the_database_refuses_exits_4_with_its_words(
    arguments: list[str], words: list[str], dsn: str, kind: str, tmp_path: Path
) -> None:
    said = await reportd("enqueue", *arguments, home=tmp_path, dsn=dsn)
    assert said.status == 4
    assert said.out == ""
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["enqueue"],
        ["enqueue", "sales", "-p", "period"],
        ["enqueue", "sales", "--params", "[1]"],
        ["enqueue", "sales", "--run-at", "tomorrow"],
        ["enqueue", "sales", "--priority", "10"],
        ["jobs", "lst"],
        ["nothing"],
        ["jobs", "list", "--config", "missing.toml"],
    ],
)
async def test_wrong_usage_exits_2(arguments: list[str], dsn: str, tmp_path: Path) -> None:
    assert (await reportd(*arguments, home=tmp_path, dsn=dsn)).status == 2


async def test_enqueue_loads_nothing_heavy(dsn: str, kind: str, tmp_path: Path) -> None:
    """A script calls it once for every job: settings, logging, terminal and render libraries would cost a second."""
    code = (
        "import sys, atexit; from reportd.cli import main\n"
        "atexit.register(lambda: print(' '.join(sys.modules), file=sys.stderr))\n"
        "main(['enqueue', 'sales', '-p', 'period=today'])"
    )
    said = await python(code, home=tmp_path, dsn=dsn)
    heavy = ("pydantic", "pydantic_settings", "structlog", "rich", "weasyprint", "xlsxwriter", "jinja2", "croniter")
    loaded = {name.partition(".")[0] for name in said.err.split()}
    assert "asyncpg" in loaded
    assert not loaded.intersection(heavy)


async def test_jobs_are_listed_newest_first_and_by_search(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    ids = [await connection.fetchval("insert into reportd.jobs (kind) values ($1) returning id", kind) for _ in "abc"]
    await connection.execute("select reportd.cancel($1)", ids[1])
    listed = await reportd("jobs", "list", "--json", home=tmp_path, dsn=dsn)
    assert [row["id"] for row in listed.json] == ids[::-1]
    cancelled = await reportd("jobs", "list", "--status", "cancelled", "--json", home=tmp_path, dsn=dsn)
    assert [row["id"] for row in cancelled.json] == [ids[1]]
    page = await reportd("jobs", "list", "--before", str(ids[2]), "--limit", "1", "--json", home=tmp_path, dsn=dsn)
    assert [row["id"] for row in page.json] == [ids[1]]
    table = await reportd("jobs", "list", home=tmp_path, dsn=dsn)
    assert table.out.splitlines()[0].split()[:3] == ["id", "kind", "status"]
    assert len(table.out.splitlines()) == 4


async def test_a_job_is_shown_with_its_error_and_what_it_waits_for(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    job = int((await reportd("enqueue", kind, "-p", "period=today", home=tmp_path, dsn=dsn)).out)
    shown = await reportd("jobs", "show", str(job), home=tmp_path, dsn=dsn)
    assert shown.status == 0, shown.err
    for word in ("sales", "pending", '{"period": "today"}', "no running daemon has kind sales"):
        assert word in shown.out
    error = {"code": "query", "message": "a.sql:3: no", "retryable": False, "attempt": 1, "detail": {"line": 3}}
    await connection.execute(
        "update reportd.jobs set outcome = 'failed', ready = false, finished_at = now(), error = $2 where id = $1",
        job,
        json.dumps(error),
    )
    shown = await reportd("jobs", "show", str(job), home=tmp_path, dsn=dsn)
    for word in ("failed", "error: query", "a.sql:3: no", "a retry would not help", "line: 3"):
        assert word in shown.out
    assert (await reportd("jobs", "show", str(job), "--json", home=tmp_path, dsn=dsn)).json["job"]["error"] == error


async def test_a_cancelled_job_is_retried_and_a_waiting_one_is_not(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    job = str(await connection.fetchval("insert into reportd.jobs (kind) values ($1) returning id", kind))
    refused = await reportd("jobs", "retry", job, home=tmp_path, dsn=dsn)
    assert refused.status == 4
    assert "only a failed or cancelled job can be retried" in refused.err
    assert (await reportd("jobs", "cancel", job, home=tmp_path, dsn=dsn)).out == f"{job} cancelled\n"
    assert (await reportd("jobs", "retry", job, home=tmp_path, dsn=dsn)).out == f"{job} pending\n"


@pytest.mark.parametrize("command", ["show", "cancel", "retry"])
async def test_an_unknown_job_exits_4(command: str, dsn: str, tmp_path: Path) -> None:
    said = await reportd("jobs", command, "987654", home=tmp_path, dsn=dsn)
    assert said.status == 4
    assert "there is no job 987654" in said.err


async def test_without_a_database_both_remedies_are_named(tmp_path: Path) -> None:
    said = await reportd("jobs", "list", home=tmp_path)
    assert said.status == 3
    assert "--dsn" in said.err
    assert "reportd demo" in said.err


async def test_a_database_that_does_not_answer_exits_3_and_shows_no_password(tmp_path: Path) -> None:
    said = await reportd("jobs", "list", home=tmp_path, dsn="postgresql://app:hunter2@127.0.0.1:1/app")
    assert said.status == 3
    assert "127.0.0.1:1" in said.err
    assert "hunter2" not in said.err


async def test_the_address_comes_from_flag_before_environment_before_file(
    dsn: str, empty_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(f'[database]\ndsn = "{dsn}"\n')
    assert (await reportd("jobs", "list", home=tmp_path)).status == 0
    assert (await reportd("jobs", "list", home=tmp_path, dsn=empty_dsn)).status == 3
    assert (await reportd("jobs", "list", "--dsn", dsn, home=tmp_path, dsn=empty_dsn)).status == 0


async def test_a_database_without_the_schema_exits_3_until_it_is_migrated(empty_dsn: str, tmp_path: Path) -> None:
    said = await reportd("jobs", "list", home=tmp_path, dsn=empty_dsn)
    assert said.status == 3
    assert "reportd migrate" in said.err
    migrated = await reportd("migrate", home=tmp_path, dsn=empty_dsn)
    assert migrated.status == 0
    assert "applied 0001_policy" in migrated.out
    assert (await reportd("jobs", "list", home=tmp_path, dsn=empty_dsn)).status == 0
    again = await reportd("migrate", "--json", home=tmp_path, dsn=empty_dsn)
    assert again.json == {"applied": []}


async def test_who_stops_waiting_is_told_that_the_job_goes_on(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        REPORTD,
        "enqueue",
        kind,
        "--wait",
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "REPORTD_DSN": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"pending" in await asyncio.wait_for(process.stderr.readline(), 30)
    process.send_signal(signal.SIGINT)
    _out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 130
    assert b"goes on" in err
    assert b"Traceback" not in err
    assert await connection.fetchval("select count(*) from reportd.jobs where status = 'pending'") == 1


async def test_a_reader_that_leaves_early_hears_no_complaint(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    await connection.execute("insert into reportd.jobs (kind) select $1 from generate_series(1, 400)", kind)
    command = f"{REPORTD} jobs list --json --limit 400 | head -c 5"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "REPORTD_DSN": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (out, err) == (b"[\n  {", b"")


async def test_help_lists_every_command_and_exit_status(tmp_path: Path) -> None:
    said = await reportd("--help", home=tmp_path)
    for word in ("run", "demo", "enqueue", "jobs", "check", "migrate", "doctor", "version", "Exit status:", "130"):
        assert word in said.out


async def test_version_is_printed(tmp_path: Path) -> None:
    assert (await reportd("version", home=tmp_path)).out.startswith("reportd ")
    assert set((await reportd("version", "--json", home=tmp_path)).json) == {"version", "python"}


async def test_jobs_show_has_the_ledger_and_resend_orders_a_delivery_again(
    dsn: str, connection: Connection, kind: str, tmp_path: Path
) -> None:
    job = await connection.fetchval("select reportd.enqueue($1)", kind)
    await connection.execute(
        "insert into reportd.deliveries (job_id, channel, target, status, tries, error)"
        " values ($1, 'file', 'sales/', 'failed', 4, '{\"message\": \"no room left\"}')",
        job,
    )
    shown = await reportd("jobs", "show", str(job), home=tmp_path, dsn=dsn)
    assert all(word in shown.out for word in ("deliveries", "file:sales/", "failed", "no room left"))
    (entry,) = (await reportd("jobs", "show", str(job), "--json", home=tmp_path, dsn=dsn)).json["deliveries"]
    again = await reportd("jobs", "resend", str(entry["id"]), "--json", home=tmp_path, dsn=dsn)
    row = await connection.fetchrow(
        "select kind, params, parent_id from reportd.jobs where id = $1", again.json[0]["job"]
    )
    assert row is not None
    assert (row["kind"], json.loads(row["params"]), row["parent_id"]) == ("deliver", {"delivery_id": entry["id"]}, job)
    assert await connection.fetchval("select status from reportd.deliveries") == "pending"
    unknown = await reportd("jobs", "resend", "999", home=tmp_path, dsn=dsn)
    assert unknown.status != 0
    assert "there is no delivery 999" in unknown.err
