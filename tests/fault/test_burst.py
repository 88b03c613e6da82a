"""A burst by a real daemon: one document per row, each with its own params, locale, format and target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg

from tests.daemons import daemon, until

REPORT = """\
-- /// report
-- title = "Statement"
-- formats = ["csv"]
-- params.day = { type = "date", default = "2026-10-31" }
-- params.customer = { type = "int", required = true }
-- params.tier = { type = "enum", default = "basic", choices_sql = "values ('basic'), ('gold')" }
-- columns.amount.format = "eur2"
-- [burst]
-- sql = '''select * from (values (1, 'Ann/a', 'de', 'csv,json'), (2, 'Bob', null, null), (0, 'Zoe', null, null))
--   as c (customer, name, locale, formats) where :day is not null'''
-- params = ["customer"]
-- name = "Statement for {name}"
-- deliver = ["file:{day}/{name}/"]
-- ///
select :customer as customer, 1000.5 / :customer as amount, :tier as tier
"""


async def test_a_burst_makes_a_document_per_row_and_counts_what_became_of_them(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path
) -> None:
    reports, state = tmp_path / "reports", tmp_path / "state"
    reports.mkdir()
    (reports / "statement.sql").write_text(REPORT)
    async with daemon(dsn, state, reports, environment={"REPORTD_WORKER__CONCURRENCY": "1"}) as running:
        parent = await connection.fetchval("insert into reportd.jobs (kind) values ('statement') returning id")

        async def ended() -> bool:
            return not await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")

        await until(ended, running, limit_s=60)
        row = await connection.fetchrow("select * from reportd.jobs where id = $1", parent)
        assert row is not None
        assert (row["status"], row["percent"]) == ("completed", 100)
        assert json.loads(row["result"]) == {"children": 3, "completed": 2, "failed": 1, "cancelled": 0}
        # One that gives the burst's params itself is a single document; what the database offers decides on choices.
        orders = [{"customer": 4, "tier": tier} for tier in ("gold", "gld")]
        good, bad = [
            await connection.fetchval("select reportd.enqueue('statement', $1)", json.dumps(o)) for o in orders
        ]
        await until(ended, running, limit_s=30)
        assert await connection.fetchval("select status from reportd.jobs where id = $1", good) == "completed"
        error = json.loads(await connection.fetchval("select error from reportd.jobs where id = $1", bad))
        assert error["message"] == (
            'parameter "tier": "gld" is no choice; did you mean "gold"? (there are: basic, gold)'
        )
    children = await connection.fetch(
        "select * from reportd.jobs where parent_id = $1 and kind = 'statement' order by id", parent
    )
    assert [(child["name"], child["status"]) for child in children] == [
        ("Statement for Ann/a", "completed"),
        ("Statement for Bob", "completed"),
        ("Statement for Zoe", "failed"),
    ]
    assert "division by zero" in json.loads(children[2]["error"])["message"]
    assert json.loads(children[0]["params"]) == {"customer": 1, "day": "2026-10-31", "tier": "basic"}
    delivered = sorted(path.relative_to(state / "delivered").as_posix() for path in (state / "delivered").rglob("*.*"))
    assert delivered == [
        "2026-10-31/Ann-a/statement.csv",
        "2026-10-31/Ann-a/statement.json",
        "2026-10-31/Bob/statement.csv",
    ]
    document = json.loads((state / "delivered/2026-10-31/Ann-a/statement.json").read_text())
    assert (document["meta"]["title"], document["meta"]["locale"]) == ("Statement for Ann/a", "de")
    assert not list((state / "spool").glob("*/"))
