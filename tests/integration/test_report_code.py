"""Reports with Python of their own: what `fetch` may ask, what `build` may make, and how their faults are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import asyncpg
import pytest

from reportd.artifacts import DirectoryStore
from reportd.db.pool import create_pool
from reportd.errors import (
    ChildDied,
    LimitExceeded,
    QueryError,
    RenderMemory,
    ReportCodeError,
    ReportdError,
    ReportError,
)
from reportd.fetch import FetchLimits
from reportd.job import Completed, Job
from reportd.pipeline import Parts, produce
from reportd.plugins import Broken, reports
from reportd.progress import Progress
from reportd.render.pool import ChildLimits, RenderPool
from reportd.render.task import RenderSettings
from reportd.report.definition import Report
from reportd.report.params import resolve
from tests.conftest import Eventually
from tests.renders import alive

NOW = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)
TOML = """
title = "Sales"
params.least = { type = "int", default = 2 }
params.period = { type = "daterange", default = "last month" }
"""


@pytest.fixture
async def parts(dsn: str, tmp_path: Path) -> AsyncIterator[Parts]:
    """The stages over a fresh database, with JSON for a format."""
    async with stages(dsn, tmp_path, {"json": "reportd.render.json:JSON"}) as parts:
        yield parts


@asynccontextmanager
async def stages(dsn: str, directory: Path, formats: Mapping[str, str]) -> AsyncIterator[Parts]:
    """The stages over the database at `dsn`; files go below `directory`."""
    pool = await create_pool(dsn, min_size=0, max_size=2, application_name="reportd report", statement_cache_size=0)
    render = RenderPool(concurrency=2, limits=ChildLimits(), formats=formats)
    await render.start()
    try:
        yield Parts(
            source=pool,
            queue=pool,
            limits=FetchLimits(rows_max=1000, query_timeout_s=30.0),
            render=render,
            settings=RenderSettings(),
            store=DirectoryStore(directory / "artifacts"),
            spool=directory / "spool",
        )
    finally:
        await render.close()
        await pool.close()


def loaded(directory: Path, code: str, **files: str) -> Report:
    """The report `sales` with `code` for its report.py and other files by their stem; it must not be broken."""
    found = written(directory, code, **files)
    assert isinstance(found, Report), found
    return found


def written(directory: Path, code: str, **files: str) -> Report | Broken:
    folder = directory / "reports" / "sales"
    folder.mkdir(parents=True)
    (folder / "report.toml").write_text(TOML)
    (folder / "report.py").write_text(dedent(code))
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    [found] = reports([folder.parent])
    return found


async def made(
    report: Report,
    parts: Parts,
    *,
    timeout_s: float = 30,
    formats: tuple[str, ...] = ("json",),
    locale: str | None = None,
    **params: Any,
) -> Completed:
    """One attempt of a job for `report`."""
    resolved = resolve(report.params, params, now=NOW, timezone="UTC").as_json()
    job = Job(
        id=7,
        kind=report.name,
        queue="default",
        priority=0,
        run_at=NOW,
        created_at=NOW,
        attempt=1,
        failures=0,
        crashes=0,
        max_attempts=4,
        timeout_s=timeout_s,
        formats=formats,
        metadata={"reportd": {"locale": locale}} if locale else {},
        params=params,
        params_resolved=resolved,
    )
    async with asyncio.timeout(timeout_s):
        return await produce(job, report, parts, Progress())


async def content(report: Report, parts: Parts, **params: Any) -> Any:
    """The JSON that the report comes to, its blocks by name."""
    done = await made(report, parts, **params)
    [artifact] = done.artifacts
    document = json.loads(Path(artifact.uri.removeprefix("file://")).read_text(encoding="utf-8"))
    return document | {"blocks": {block["name"]: block for block in document["blocks"]}, "result": done.result}


async def test_fetch_and_build_make_a_document_of_their_own(parts: Parts, tmp_path: Path) -> None:
    report = loaded(
        tmp_path,
        """
        from decimal import Decimal

        from reportd import Context, Document, Results


        def fetch(ctx: Context):
            assert ctx.data["totals"].one() == {"orders": 3}
            big = ctx.query("select n from generate_series(1, 3) n where n >= :least")
            numbers = [row["n"] for row in big]
            return {"orders": ctx.query(
                "select n as no, n * 1.5 as amount, (:period_start)::date as since from unnest(:numbers::int[]) n",
                numbers=numbers,
            )}


        def build(params, data: Results) -> Document:
            total = sum((row["amount"] for row in data["orders"]), Decimal(0))
            data.add("shares", {"no": "bigint", "share_pct": "numeric"},
                     [(row["no"], row["amount"] / total) for row in data["orders"]] + [(0, None)])
            return data.document(
                data.kpis("totals"),
                data.bar("orders", x="no", y="amount"),
                data.table("orders", total=["amount"]),
                data.table("shares"),
                data.area("orders", x="no", y=["amount"]),
                data.pivot("orders", rows="no", columns="since", values="amount"),
                title=f"Sales since {params['period'].start}",
                subtitle=f"Total {total}",
            )
        """,
        **{"1-totals": "-- @kpi totals\nselect 3 as orders"},
    )
    document = await content(report, parts, least=2)
    assert document["meta"]["title"] == "Sales since 2026-10-01"
    assert document["meta"]["subtitle"] == "Total 7.5"
    assert list(document["blocks"]) == ["totals", "orders", "orders-2", "shares", "orders-3", "orders-4"]
    kinds = [block["kind"] for block in document["blocks"].values()]
    assert kinds == ["kpi", "bar", "table", "table", "area", "table"]
    assert document["blocks"]["orders-2"]["rows"] == [
        {"no": 2, "amount": 3.0, "since": "2026-10-01"},
        {"no": 3, "amount": 4.5, "since": "2026-10-01"},
    ]
    assert document["blocks"]["shares"]["rows"][-1] == {"no": 0, "share_pct": None}
    assert document["result"]["rows"] == {"totals": 1, "orders": 2}
    assert document["result"]["data_sha256"] == document["meta"]["data_sha256"], "the row tells what the file tells"


async def test_without_build_every_result_is_a_table_after_the_blocks(parts: Parts, tmp_path: Path) -> None:
    report = loaded(
        tmp_path,
        'def fetch(ctx):\n    return {"more": ctx.query("select 1 as one")}\n',
        **{"2-second": "select 2 as two", "1-first": "select 1 as one"},
    )
    assert list((await content(report, parts))["blocks"]) == ["first", "second", "more"]


async def test_without_fetch_build_works_on_the_blocks_and_asks_nothing(parts: Parts, tmp_path: Path) -> None:
    report = loaded(
        tmp_path,
        "def build(params, data):\n    return data.document(data.table('first', title=str(params['least'])))\n",
        first="select 1 as one",
    )
    assert (await content(report, parts, least=5))["blocks"]["first"]["title"] == "5"


async def test_code_may_take_a_refused_query_and_ask_for_something_else(parts: Parts, tmp_path: Path) -> None:
    report = loaded(
        tmp_path,
        """
        from datetime import date
        from reportd.errors import QueryError

        def fetch(ctx):
            try:
                return {"orders": ctx.query("select * from orders_of_2026")}
            except QueryError:
                sql = "select :day::date + 1 as day, :none::int as n"
                return {"orders": ctx.query(sql, day=date(2026, 1, 31), none=None)}
        """,
    )
    assert (await content(report, parts))["blocks"]["orders"]["rows"] == [{"day": "2026-02-01", "n": None}]


VALUES = """
    from datetime import UTC, date, datetime, time
    from decimal import Decimal
    from uuid import UUID

    def fetch(ctx):
        return {"bound": ctx.query(
            '''select pg_typeof(:a)::text || :a as a, pg_typeof(:b)::text || :b as b, pg_typeof(:c)::text || :c as c,
                      pg_typeof(:d)::text || :d as d, pg_typeof(:e)::text || :e as e, pg_typeof(:f)::text || :f as f,
                      pg_typeof(:g)::text || :g::text as g, :h::text as h, pg_typeof(:i)::text || :i::text as i,
                      :j::text[] as j, pg_typeof(:period)::text || :period::text as k, pg_typeof(:l)::text as l''',
            a=True, b=1.5, c=Decimal("2.50"), d=datetime(2026, 1, 2, 3, 4), e=date(2026, 1, 2), f=time(3, 4),
            g=UUID(int=7), h="it's; -- :a", i=[date(2026, 1, 2), None], j=['a,b', 'c"d', None, ''],
            period=ctx.params["period"], l=datetime(2026, 1, 2, tzinfo=UTC),
        )}
"""


async def test_values_are_bound_with_the_types_of_python(parts: Parts, tmp_path: Path) -> None:
    [row] = (await content(loaded(tmp_path, VALUES), parts))["blocks"]["bound"]["rows"]
    assert row == {
        "a": "booleantrue",
        "b": "double precision1.5",
        "c": "numeric2.50",
        "d": "timestamp without time zone2026-01-02 03:04:00",
        "e": "date2026-01-02",
        "f": "time without time zone03:04:00",
        "g": "uuid00000000-0000-0000-0000-000000000007",
        "h": "it's; -- :a",
        "i": "date[]{2026-01-02,NULL}",
        "j": ["a,b", 'c"d', None, ""],
        "k": "daterange[2026-10-01,2026-11-01)",
        "l": "timestamp with time zone",
    }


async def test_all_queries_of_a_job_see_one_snapshot(
    parts: Parts, tmp_path: Path, connection: asyncpg.Connection[Any], eventually: Eventually
) -> None:
    await connection.execute("create table orders (n int); insert into orders values (1)")
    gate = tmp_path / "gate"
    report = loaded(
        tmp_path,
        f"""
        import time
        from pathlib import Path

        def fetch(ctx):
            Path({str(gate)!r}).touch()
            while Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return {{"later": ctx.query("select count(*) from orders")}}
        """,
        first="select count(*) from orders",
    )
    making = asyncio.create_task(content(report, parts))
    await eventually(gate.exists)
    await connection.execute("insert into orders values (2)")
    gate.unlink()
    blocks = (await making)["blocks"]
    assert blocks["first"]["rows"] == blocks["later"]["rows"] == [{"count": 1}]


async def test_the_snapshot_ends_with_fetch(
    parts: Parts, tmp_path: Path, connection: asyncpg.Connection[Any], eventually: Eventually
) -> None:
    gate = tmp_path / "gate"
    report = loaded(
        tmp_path,
        f"""
        import time
        from pathlib import Path

        def fetch(ctx):
            return {{"one": ctx.query("select 1 as one")}}

        def build(params, data):
            Path({str(gate)!r}).touch()
            while Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return data.document()
        """,
    )
    making = asyncio.create_task(content(report, parts))
    await eventually(gate.exists)
    states = "select state from pg_stat_activity where application_name = 'reportd report'"
    assert {row["state"] for row in await connection.fetch(states)} <= {"idle"}
    gate.unlink()
    await making


FAULTS: Mapping[str, tuple[str, type[ReportdError], str]] = {
    "a query that the server refuses, at its place in the file": (
        'def fetch(ctx):\n    return {"a": ctx.query("select nothing from nowhere")}\n',
        QueryError,
        'sales/report.py:2:49: relation "nowhere" does not exist',
    ),
    "a query over several lines": (
        'def fetch(ctx):\n    ctx.query("""select 1 as one,\n      wrong\n    """)\n',
        QueryError,
        'sales/report.py:3:7: column "wrong" does not exist',
    ),
    "a query that was put together": (
        'def fetch(ctx):\n    ctx.query(" ".join(["select", "wrong"]))\n',
        QueryError,
        'sales/report.py:2, in its query:1:8: column "wrong" does not exist',
    ),
    "a query that writes": (
        'def fetch(ctx):\n    ctx.query("with gone as (delete from reportd.jobs returning 1) select * from gone")\n',
        QueryError,
        "sales/report.py:2",
    ),
    "a name without a value": (
        'def fetch(ctx):\n    ctx.query("select :leest as a")\n',
        QueryError,
        'no value is given for ":leest"; did you mean "least"?',
    ),
    "too many rows": (
        'def fetch(ctx):\n    ctx.query("select generate_series(1, 1001)")\n',
        LimitExceeded,
        "more than 1,000 rows",
    ),
    "a value that can't be bound": (
        'def fetch(ctx):\n    ctx.query("select :a", a=object())\n',
        ReportCodeError,
        "sales/report.py:2: in fetch: TypeError: object can't be bound to :a",
    ),
    "an exception in fetch": (
        'def fetch(ctx):\n    return helper()\n\ndef helper():\n    return {}["no"]\n',
        ReportCodeError,
        "sales/report.py:5: in fetch: KeyError: no",
    ),
    "an exception below the code's own lines": (
        'import json\n\ndef build(params, data):\n    return json.loads("{")\n',
        ReportCodeError,
        "sales/report.py:4: in build: JSONDecodeError",
    ),
    "an exception while loading": (
        "import no_such_module\n\ndef fetch(ctx):\n    pass\n",
        ReportCodeError,
        "sales/report.py:1: loading: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "a fetch that returns rows instead of results": (
        "def fetch(ctx):\n    return [1]\n",
        ReportCodeError,
        "fetch returns results by name",
    ),
    "a build that returns nothing": (
        "def build(params, data):\n    pass\n",
        ReportCodeError,
        "build returned NoneType, not a Document",
    ),
    "a part of a result that is not there": (
        'def build(params, data):\n    return data.document(data.table("orders"))\n',
        ReportCodeError,
        "sales/report.py:2: in build: KeyError: 'orders'; there are none",
    ),
    "a column that is not there": (
        'def fetch(ctx):\n    return {"a": ctx.query("select 1 as one")}\n\n'
        'def build(params, data):\n    return data.document(data.table("a", group="two"))\n',
        ReportError,
        "group=two",
    ),
    "an exit": ("def build(params, data):\n    raise SystemExit(3)\n", ReportdError, "SystemExit"),
    "a death": ("import os\n\ndef fetch(ctx):\n    os.kill(os.getpid(), 9)\n", ChildDied, "killed by SIGKILL"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_with_its_place_and_leaves_no_file(parts: Parts, tmp_path: Path, fault: str) -> None:
    code, kind, words = FAULTS[fault]
    with pytest.raises(kind) as raised:
        await made(loaded(tmp_path, code), parts)
    assert words in raised.value.message
    assert not list(parts.spool.glob("*.out"))


async def test_what_is_cancelled_in_a_query_of_fetch_ends_on_the_server_too(
    parts: Parts, tmp_path: Path, connection: asyncpg.Connection[Any], eventually: Eventually
) -> None:
    report = loaded(tmp_path, 'def fetch(ctx):\n    ctx.query("select pg_sleep(60)::text as waited")\n')
    making = asyncio.create_task(made(report, parts, timeout_s=60))
    running = "select count(*) from pg_stat_activity where query like 'COPY (select pg_sleep(60)%' and state = 'active'"

    async def queries(count: int) -> bool:
        return bool(await connection.fetchval(running) == count)

    await eventually(lambda: queries(1))
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await eventually(lambda: queries(0), 2)
    assert parts.render.pids().children == ()
    assert not list(parts.spool.iterdir())


async def test_a_child_that_dies_in_a_query_takes_the_query_along(
    parts: Parts, tmp_path: Path, connection: asyncpg.Connection[Any], eventually: Eventually
) -> None:
    code = """
        import os
        import threading

        def fetch(ctx):
            threading.Timer(0.3, os._exit, [9]).start()
            ctx.query("select pg_sleep(60)::text as waited")
    """
    with pytest.raises(ChildDied):
        await made(loaded(tmp_path, code), parts, timeout_s=10)
    running = "select count(*) from pg_stat_activity where query like 'COPY (select pg_sleep(60)%' and state = 'active'"

    async def none() -> bool:
        return bool(await connection.fetchval(running) == 0)

    await eventually(none, 2)


async def test_code_that_never_ends_is_killed_with_its_job(
    parts: Parts, tmp_path: Path, eventually: Eventually
) -> None:
    gate = tmp_path / "gate"
    code = f"""
        from pathlib import Path

        def build(params, data):
            Path({str(gate)!r}).touch()
            while True:
                pass
    """
    making = asyncio.create_task(made(loaded(tmp_path, code), parts, timeout_s=60))
    await eventually(gate.exists)
    [child] = parts.render.pids().children
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert not alive(child)
    assert not list(parts.spool.glob("*.out"))


async def test_code_that_takes_too_much_memory_is_told_so(parts: Parts, tmp_path: Path) -> None:
    code = "def build(params, data):\n    return [bytearray(2**26) for _ in range(1000)]\n"
    with pytest.raises(RenderMemory, match="more memory than a render may use"):
        await made(loaded(tmp_path, code), parts)
