"""schedules, queues, init, render and completion, as an operator or an author types them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reportd.db.queries import Connection
from tests.daemons import SMALL_REPORT
from tests.integration.cli.commands import REPORTD, reportd


@pytest.fixture
async def plan(connection: Connection) -> str:
    """A schedule in Vienna, with a tick in its ledger."""
    await connection.execute(
        "insert into reportd.kinds (name, type, title, params_schema, formats, content_hash)"
        " values ('sales', 'report', 'Sales', '{}', '{pdf}', 'x')"
    )
    await connection.execute(
        "insert into reportd.schedules (name, kind, cron, timezone, params)"
        """ values ('monthly', 'sales', '0 7 1 * *', 'Europe/Vienna', '{"period": "last month"}')"""
    )
    await connection.execute(
        "insert into reportd.occurrences (schedule_id, slot, outcome, reason)"
        " select id, '2026-11-01T06:00Z', 'missed', 'no daemon ran' from reportd.schedules"
    )
    return "monthly"


async def test_schedules_are_listed_and_shown_with_their_ticks(dsn: str, plan: str, tmp_path: Path) -> None:
    listed = await reportd("schedules", "list", home=tmp_path, dsn=dsn)
    assert listed.out.split()[:3] == ["name", "orders", "cron"]
    assert "monthly" in listed.out
    assert "new" in listed.out
    shown = await reportd("schedules", "show", plan, home=tmp_path, dsn=dsn)
    for word in ("0 7 1 * *  Europe/Vienna", "misfire last, overlap allow", "period=last month", "no daemon ran"):
        assert word in shown.out
    both = (await reportd("schedules", "show", plan, "--json", home=tmp_path, dsn=dsn)).json
    assert (both["schedule"]["state"], both["occurrences"][0]["outcome"]) == ("new", "missed")


async def test_retired_schedules_are_listed_on_request(
    dsn: str, connection: Connection, plan: str, tmp_path: Path
) -> None:
    await connection.execute("update reportd.schedules set retired_at = now()")
    assert (await reportd("schedules", "list", "--json", home=tmp_path, dsn=dsn)).json == []
    everything = (await reportd("schedules", "list", "--all", "--json", home=tmp_path, dsn=dsn)).json
    assert [row["state"] for row in everything] == ["retired"]


async def test_the_next_ticks_are_told_by_the_clock_of_the_schedules_zone(
    dsn: str, connection: Connection, plan: str, tmp_path: Path
) -> None:
    told = (await reportd("schedules", "next", plan, "-n", "12", "--json", home=tmp_path, dsn=dsn)).json
    ticks = [datetime.fromisoformat(text) for text in told]
    assert len(ticks) == 12
    assert {(tick.day, tick.hour, tick.minute) for tick in ticks} == {(1, 7, 0)}
    assert {tick.utcoffset() for tick in ticks} == {timedelta(hours=1), timedelta(hours=2)}
    await connection.execute("update reportd.schedules set ends_at = $1", ticks[2])
    ending = (await reportd("schedules", "next", plan, "-n", "12", "--json", home=tmp_path, dsn=dsn)).json
    assert ending == told[:2]
    await connection.execute("update reportd.schedules set starts_at = $1, ends_at = null", ticks[5])
    assert (await reportd("schedules", "next", plan, "-n", "1", "--json", home=tmp_path, dsn=dsn)).json == [told[5]]


async def test_a_cron_line_is_previewed_without_a_database(tmp_path: Path) -> None:
    said = await reportd("schedules", "next", "--cron", "30 6 * * mon", "--timezone", "Asia/Tokyo", home=tmp_path)
    assert said.status == 0, said.err
    assert len(said.out.splitlines()) == 5
    assert all(line.startswith("Mon ") and line.endswith("06:30 JST") for line in said.out.splitlines())
    wrong = await reportd("schedules", "next", "--cron", "30 25 * * *", home=tmp_path)
    assert wrong.status == 1
    assert 'hour can\'t be "25"' in wrong.err


async def test_a_schedule_is_paused_and_goes_on(dsn: str, connection: Connection, plan: str, tmp_path: Path) -> None:
    assert (await reportd("schedules", "pause", plan, home=tmp_path, dsn=dsn)).out == "monthly paused\n"
    assert await connection.fetchval("select is_paused from reportd.schedules")
    assert (await reportd("schedules", "resume", plan, home=tmp_path, dsn=dsn)).out == "monthly goes on\n"
    assert not await connection.fetchval("select is_paused from reportd.schedules")


async def test_run_now_orders_the_schedules_job(dsn: str, connection: Connection, plan: str, tmp_path: Path) -> None:
    said = await reportd("schedules", "run-now", plan, home=tmp_path, dsn=dsn)
    params = await connection.fetchval("select params from reportd.jobs where id = $1", int(said.out))
    assert json.loads(params) == {"period": "last month"}


@pytest.mark.parametrize("command", [["show"], ["next"], ["pause"], ["resume"], ["run-now"]])
async def test_an_unknown_schedule_exits_4_with_the_nearest(
    command: list[str], dsn: str, plan: str, tmp_path: Path
) -> None:
    said = await reportd("schedules", *command, "montly", home=tmp_path, dsn=dsn)
    assert said.status == 4
    assert "montly" in said.err
    assert '"monthly"?' in said.err


async def test_queues_are_listed_paused_and_resumed(
    dsn: str, connection: Connection, plan: str, tmp_path: Path
) -> None:
    assert (await reportd("queues", "list", "--json", home=tmp_path, dsn=dsn)).json == []
    await connection.execute("insert into reportd.jobs (kind, queue) values ('sales', 'slow'), ('sales', 'slow')")
    assert (
        await reportd("queues", "pause", "slow", home=tmp_path, dsn=dsn)
    ).out == "slow paused, 2 waiting, 0 active\n"
    (row,) = (await reportd("queues", "list", "--json", home=tmp_path, dsn=dsn)).json
    assert (row["queue"], row["waiting"], row["paused"]) == ("slow", 2, True)
    assert "paused" in (await reportd("queues", "list", home=tmp_path, dsn=dsn)).out
    assert (await reportd("queues", "resume", "slow", home=tmp_path, dsn=dsn)).out == "slow runs, 2 waiting, 0 active\n"
    assert (await reportd("queues", "pause", "No Name", home=tmp_path, dsn=dsn)).status == 4
    assert (await reportd("queues", "pause", home=tmp_path, dsn=dsn)).status == 2


async def test_a_kind_and_a_tenant_are_paused_and_resumed(
    dsn: str, connection: Connection, plan: str, tmp_path: Path
) -> None:
    what = ("--kind", "sales", "--tenant", "acme")
    paused = await reportd("queues", "pause", *what, home=tmp_path, dsn=dsn)
    assert paused.out == "kind sales paused\ntenant acme paused\n"
    rows = await connection.fetch("select scope, name from reportd.pauses order by scope")
    assert [tuple(row) for row in rows] == [("kind", "sales"), ("tenant", "acme")]
    resumed = await reportd("queues", "resume", *what, "--json", home=tmp_path, dsn=dsn)
    assert resumed.json == [{"kind": "sales", "paused": False}, {"tenant": "acme", "paused": False}]
    assert await connection.fetchval("select count(*) from reportd.pauses") == 0
    unknown = await reportd("queues", "pause", "--kind", "salse", home=tmp_path, dsn=dsn)
    assert unknown.status == 4
    assert '"sales"?' in unknown.err


async def test_render_makes_one_file_and_no_job(dsn: str, connection: Connection, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "small.sql").write_text(SMALL_REPORT)
    said = await reportd("render", "small", "-p", "rows=7", "-o", "out.csv", home=tmp_path, dsn=dsn)
    assert said.status == 0, said.err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["no"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    assert await connection.fetchval("select count(*) from reportd.jobs") == 0
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("reports", "out.csv", ".cache")] == []


async def test_render_takes_a_path_and_writes_to_stdout(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "small.sql").write_text(SMALL_REPORT)
    said = await reportd("render", "small.sql", "-p", "rows=1", "-f", "csv", "-o", "-", home=tmp_path, dsn=dsn)
    assert said.out.splitlines() == ["no,amount,label", "1,1.5,row 1"]


SPLIT = """\
-- /// report
-- burst = { split = "customer" }
-- ///
-- @text letter
select customer, 'Dear ' || customer as text from (values ('0'), ('1')) as c (customer);
-- @table
select n % 2 as customer, n as no from generate_series(1, 4) as n order by 1, 2;
"""


@pytest.mark.parametrize(("change", "lines"), [("", ["no", "2", "4"]), (" limit 0", ["no"])])
async def test_render_shows_the_first_document_of_a_split_burst(
    dsn: str, tmp_path: Path, change: str, lines: list[str]
) -> None:
    written = SPLIT.replace("order by 1, 2", f"order by 1, 2{change}")
    (tmp_path / "letter.sql").write_text(written)
    said = await reportd("render", "letter.sql", "-f", "csv", "-o", "-", home=tmp_path, dsn=dsn)
    assert said.out.splitlines() == lines, said.err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["smal"], 4, ['there is no report "smal"', '"small"?']),
        (["small", "-p", "rows=many"], 1, ["rows"]),
        (["small", "-f", "pfd"], 2, ["pfd", "csv"]),
        (["small", "-f", "csv", "-o", "nowhere/out.csv"], 2, ["can't be written"]),
    ],
)
async def test_what_render_can_not_do_is_told(
    arguments: list[str], status: int, words: list[str], dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "small.sql").write_text(SMALL_REPORT)
    said = await reportd("render", *arguments, home=tmp_path, dsn=dsn)
    assert said.status == status, said.err
    assert all(word in said.err for word in words)


async def test_a_new_project_has_a_report_that_stands_every_check(dsn: str, tmp_path: Path) -> None:
    said = await reportd("init", "shop", home=tmp_path)
    assert said.status == 0, said.err
    shop = tmp_path / "shop"
    assert "# shop" in (shop / "README.md").read_text()
    checked = await reportd("check", "--config", "shop/config.toml", home=tmp_path, dsn=dsn)
    assert (checked.status, checked.out) == (0, ""), checked.out
    made = await reportd(
        "render", "first", "--config", "shop/config.toml", "-p", "days=3", "-o", "f.pdf", home=tmp_path, dsn=dsn
    )
    assert made.status == 0, made.err
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF-")


async def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[log]\n")
    said = await reportd("init", home=tmp_path)
    assert said.status == 2
    assert "is there already: nothing was written" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_prints_a_script_for_each_shell(shell: str, tmp_path: Path) -> None:
    said = await reportd("completion", shell, home=tmp_path)
    assert said.status == 0
    assert f"_REPORTD_COMPLETE={shell}_complete" in said.out


def test_bash_completes_commands(tmp_path: Path) -> None:
    script = subprocess.run([REPORTD, "completion", "bash"], capture_output=True, text=True, check=True).stdout
    ask = 'COMP_WORDS=(reportd sched); COMP_CWORD=1; _reportd_completion reportd; echo "${COMPREPLY[@]}"'
    environment = {"PATH": f"{REPORTD.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["schedules"]
