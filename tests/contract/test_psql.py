"""A report's file is a psql script too: psql reads it to the end, and takes the placeholders that reportd takes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from reportd.report.binding import inlined

PSQL = shutil.which("psql")
pytestmark = pytest.mark.skipif(PSQL is None, reason="psql is not installed: apt-get install postgresql-client")

REPORT = """\
-- /// report
-- title = "Sales: it's :period"
-- params.period = { type = "daterange" }
-- schedule = { cron = "*/5 0 1 * *" }
-- ///

-- @kpi
select 'kpi', count(*) from orders where ordered_on <@ :period;
-- @table "Orders" group=region
select 'table', region, ':period', $$:period$$, ordered_on::text /* :period */ -- :period
from orders where ordered_on <@ :period and region = :'region' order by ordered_on;
-- @data rest
select 'data', (array['a', 'b', 'c'])[2:3], lower(:period) from orders limit 1
"""

# Each a statement that works once every placeholder is the literal.
TRICKY = (
    "select :'x'",
    "select ':x', :'x'",
    "select 'a\\', :'x'",
    "select E'a\\'', :'x', E':x'",
    "select 1 as \":x\", :'x'",
    "select $$:x$$, $a$ $b$ :x $a$, :'x'",
    "select 1 /* :x /* :x */ :x */, :'x' -- :x",
    "select :'x'::text, ':x'::text",
    "select (array[:'x', 'b'])[1:2], array[array[:'x']]",
    "select make_interval(days := 2), :'x'",
    "select U&'\\0041:x', n':x', B'1', :'x'",
    "select a$b$, :'x', 1 from (select 2 as a$b$) t",
    "select 1||:'x'||'b', :'x'<>:'x'",
)


async def psql(dsn: str, script: Path, **variables: str) -> tuple[int, str, str]:
    assert PSQL is not None
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    process = await asyncio.create_subprocess_exec(
        *(PSQL, dsn, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *settings, "-f", str(script)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_report_runs_in_psql(empty_dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("create table orders (region text, ordered_on date)")
    await connection.execute(
        "insert into orders values ('north', '2026-10-05'), ('south', '2026-10-06'), ('north', '2027-01-01')"
    )
    await connection.close()
    script = tmp_path / "sales.sql"
    script.write_text(REPORT)
    status, out, err = await psql(empty_dsn, script, period="'[2026-10-01,2026-11-01)'::daterange", region="north")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["kpi|2", "table|north|:period|:period|2026-10-05", "data|{b,c}|2026-10-01"]


async def test_psql_and_reportd_find_the_same_placeholders(empty_dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(empty_dsn)
    script = tmp_path / "tricky.sql"
    script.write_text("".join(f"{sql}\n;\n" for sql in TRICKY))
    status, out, err = await psql(empty_dsn, script, x="it's\\")
    assert (status, err) == (0, "")
    literal = "E'it''s\\\\'"
    ours = []
    for sql in TRICKY:
        row = await connection.fetchrow(inlined(sql, {"x": f"{literal}::text"}).text)
        assert row is not None
        ours.append([str(value) for value in row])
    await connection.close()
    # Arrays look different in psql; what matters is that the literal stands where psql put it.
    assert len(out.splitlines()) == len(ours)
    for line, values in zip(out.splitlines(), ours, strict=True):
        assert line.count("it's") == sum(value.count("it's") for value in values), line
        assert line.count(":x") == sum(value.count(":x") for value in values), line
