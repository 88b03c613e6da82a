"""Values of params that queries give: defaults that follow from others, choices; ranges and patterns on top."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd import fetch
from reportd.artifacts import DirectoryStore
from reportd.db.pool import create_pool
from reportd.errors import ParamsError, QueryError
from reportd.fetch import FetchLimits
from reportd.job import Completed, Divided, Job
from reportd.kinds.report import ReportKind
from reportd.pipeline import Parts
from reportd.progress import Progress
from reportd.render.pool import ChildLimits, RenderPool
from reportd.render.task import RenderSettings
from reportd.report.definition import Report, ReportSource
from reportd.report.sqlfile import parse

NOW = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)

TABLES = """
create table branches (id int, country text, name text, opened date, rate numeric, is_open bool);
insert into branches values
  (1, 'AT', 'Graz', '2020-05-01', 0.25, true), (2, 'AT', 'Wien', '2015-01-01', 0.5, true),
  (3, 'DE', 'Ulm', '2022-07-01', 9.75, false), (4, 'DE', 'Köln', '2018-02-01', 1.5, true);
"""
HEAD = """
params.country = { type = "enum", default = "AT", choices = ["AT", "DE", "CH"] }
[params.branch]
type = "enum"
default_sql = "select name from branches where country = :country order by opened limit 1"
choices_sql = "select name from branches where country = :country order by 1"
[params.since]
type = "date"
min = 2015-01-01
default_sql = "select opened from branches where name = :branch"
[params.rate]
type = "numeric"
max = 5
default_sql = "select rate from branches where name = :branch"
[params.all]
type = "text"
many = true
pattern = "[A-ZÖa-zö]+"
default_sql = "select name from branches where country = :country order by name"
[params.count]
type = "int"
default_sql = "select count(*) from branches where country = :country"
[params.open]
type = "bool"
default_sql = "select bool_and(is_open) from branches where country = :country"
[params.period]
type = "daterange"
default_sql = "select 'last month'"
"""
SQL = """select :branch as branch, :since as since, :rate as rate, :all as all, :count as count, :open as open,
  :period as period"""


@pytest.fixture
async def parts(empty_dsn: str, tmp_path: Path) -> AsyncIterator[Parts]:
    """The stages over a fresh database, without a render process: what is refused needs none."""
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute(TABLES)
    await connection.close()
    pool = await create_pool(empty_dsn, min_size=0, max_size=1, application_name="x", statement_cache_size=0)
    render = RenderPool(concurrency=1, limits=ChildLimits(), formats={"json": "reportd.render.json:JSON"})
    try:
        yield Parts(
            source=pool,
            queue=pool,
            limits=FetchLimits(query_timeout_s=30.0),
            render=render,
            settings=RenderSettings(),
            store=DirectoryStore(tmp_path / "artifacts"),
            spool=tmp_path / "spool",
        )
    finally:
        await render.close()
        await pool.close()


@pytest.fixture
async def making(parts: Parts) -> Parts:
    """`parts` that make files, of JSON."""
    await parts.render.start()
    return parts


def report(sql: str, head: str) -> Report:
    front = "".join(f"-- {line}\n" for line in ["/// report", *head.strip().splitlines(), "///"])
    return parse(ReportSource("branches", {"branches.sql": front + sql}, "branches.sql"))


def job(**given: Any) -> Job:
    return Job(
        id=1,
        kind="branches",
        queue="default",
        priority=0,
        run_at=NOW,
        created_at=NOW,
        attempt=1,
        failures=0,
        crashes=0,
        max_attempts=1,
        timeout_s=60,
        params=given,
        params_resolved=None,
        formats=("json",),
    )


async def ran(parts: Parts, report: Report, **given: Any) -> Completed | Divided:
    """What a job with these params comes to, as the executor runs it."""
    kind = ReportKind(report, parts)
    ordered = job(**given)
    return await kind.run(replace(ordered, params_resolved=kind.resolve(ordered)), Progress())


async def made(parts: Parts, report: Report, **given: Any) -> list[Any]:
    """The only row of the document."""
    completed = await ran(parts, report, **given)
    assert isinstance(completed, Completed)
    [file] = completed.artifacts
    document = json.loads(Path(file.uri.removeprefix("file://")).read_text())
    [block] = document["blocks"]
    [row] = block["rows"]
    return list(row.values()) if isinstance(row, dict) else row


async def test_defaults_follow_from_what_was_given_and_from_each_other(making: Parts) -> None:
    asked = report(SQL, HEAD)

    assert await made(making, asked) == [
        "Wien",
        "2015-01-01",
        0.5,
        ["Graz", "Wien"],
        2,
        True,
        "[2026-10-01,2026-11-01)",
    ]
    assert (await made(making, asked, country="DE"))[:3] == ["Köln", "2018-02-01", 1.5]
    assert (await made(making, asked, branch="Graz", since="2016-03-04", all=[]))[:4] == [
        "Graz",
        "2016-03-04",
        0.25,
        [],
    ]


async def test_the_job_says_which_defaults_it_found(making: Parts) -> None:
    completed = await ran(making, report(SQL, HEAD), country="DE", since="2020-01-01")
    assert isinstance(completed, Completed)
    assert completed.result is not None
    assert completed.result["defaults"] == {
        "branch": "Köln",
        "rate": "1.5",
        "all": ["Köln", "Ulm"],
        "count": 2,
        "open": False,
        "period": "[2026-10-01,2026-11-01)",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"branch": "Ulm"}, 'parameter "branch": "Ulm" is no choice (there are: Graz, Wien)'),
        ({"branch": "Wein"}, 'parameter "branch": "Wein" is no choice; did you mean "Wien"? (there are: Graz, Wien)'),
        ({"country": "CH", "branch": "Graz"}, 'parameter "branch": "Graz" is no choice (there are: none)'),
        ({"since": "2014-12-31"}, 'parameter "since": "2014-12-31" is below the minimum 2015-01-01'),
        ({"rate": "5.01"}, 'parameter "rate": "5.01" is above the maximum 5'),
        ({"all": ["Graz", "x1"]}, 'parameter "all": "x1" does not match the pattern [A-ZÖa-zö]+'),
        ({"country": "FR"}, 'parameter "country": "FR" is not one of: AT, DE, CH'),
        ({"count": "many"}, 'parameter "count": "many" is no whole number'),
    ],
)
async def test_what_is_not_allowed_names_the_parameter_and_what_is(
    parts: Parts, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParamsError) as refused:
        await ran(parts, report(SQL, HEAD), **given)
    assert refused.value.message.startswith(said)


async def test_a_default_that_is_not_allowed_is_refused_as_if_it_were_given(parts: Parts) -> None:
    with pytest.raises(ParamsError) as refused:
        await ran(parts, report(SQL, HEAD), country="DE", branch="Ulm")
    assert refused.value.message == 'parameter "rate": what default_sql gives, "9.75" is above the maximum 5'


async def test_a_default_that_finds_no_row_is_null(making: Parts) -> None:
    assert await made(making, report(SQL, HEAD), country="CH") == [
        None,
        None,
        None,
        [],
        0,
        None,
        "[2026-10-01,2026-11-01)",
    ]


async def test_a_secret_default_is_in_no_message_and_no_result(making: Parts) -> None:
    head = "params.key = { type = 'int', secret = true, default_sql = \"select 'hunter2'\" }"
    with pytest.raises(ParamsError) as refused:
        await ran(making, report("select :key as n", head))
    assert "hunter2" not in f"{refused.value.message} {refused.value.detail}"

    head = "params.key = { type = 'text', secret = true, default_sql = \"select 'hunter2'\" }"
    completed = await ran(making, report("select length(:key) as n", head))
    assert "hunter2" not in repr(completed)


async def test_a_default_whose_query_fails_says_where(parts: Parts) -> None:
    head = 'title = "X"\nparams.n = { type = "int", default_sql = "select nme from branches" }'
    with pytest.raises(QueryError, match=r'branches\.sql:3:8: column "nme" does not exist'):
        await ran(parts, report("select :n as n", head))


async def test_a_bursts_own_params_are_asked_for_in_its_documents(making: Parts) -> None:
    head = """
params.country = { type = "text", default_sql = "select max(country) from branches" }
params.branch  = { type = "text", default_sql = "select 'never asked'" }
params.since   = { type = "date", default_sql = "select opened from branches where name = :branch" }
[burst]
sql    = "select name as branch from branches where country = :country order by 1"
params = ["branch"]
"""
    divided = await ran(making, report("select :branch as b, :since as s", head))

    assert isinstance(divided, Divided)
    assert [child.params for child in divided.children] == [
        {"country": "DE", "branch": "Köln"},
        {"country": "DE", "branch": "Ulm"},
    ]
    assert await made(making, report("select :branch as b, :since as s", head), **divided.children[1].params) == [
        "Ulm",
        "2022-07-01",
    ]


async def test_check_proves_the_queries_of_params(parts: Parts) -> None:
    head = """
title = "X"
params.n = { type = "int", default_sql = "select id from branchs" }
params.b = { type = "enum", choices_sql = "select name from branches where cuntry is null" }
"""
    async with parts.source.acquire() as connection:
        findings = await fetch.check(connection, report("select :n as n, :b as b", head))

    assert [finding.block for finding in findings] == ["default-n", "choices-b"]
    assert 'branches.sql:3:16: relation "branchs" does not exist' in findings[0].error.message
    assert 'column "cuntry" does not exist' in findings[1].error.message
