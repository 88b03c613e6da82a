"""why and dead, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportd.db.queries import Connection
from tests.integration.cli.commands import reportd


@pytest.fixture
async def failed(connection: Connection) -> list[int]:
    """Three failed jobs: two of them by a query, in two queues."""
    await connection.execute(
        "insert into reportd.kinds (name, type, title, content_hash) values ('sales', 'report', 'Sales', 'x')"
    )
    ids = [
        await connection.fetchval("select reportd.enqueue('sales', queue => $1, tenant => 'north')", queue)
        for queue in ("mail", "night", "night")
    ]
    for id, code in zip(ids, ("query", "query", "render"), strict=True):
        error = {"code": code, "message": f"{code} broke\nin line 3", "retryable": True, "attempt": 1, "detail": {}}
        await connection.execute(
            "update reportd.jobs set ready = false, outcome = 'failed', finished_at = now(), failures = 4, error = $2"
            " where id = $1",
            id,
            json.dumps(error),
        )
    return ids


async def test_dead_jobs_are_listed_shown_and_exported(dsn: str, failed: list[int], tmp_path: Path) -> None:
    listed = (await reportd("dead", "list", home=tmp_path, dsn=dsn)).out.splitlines()
    assert [line.split()[0] for line in listed] == ["id", *(str(id) for id in failed[::-1])]
    assert listed[1].split()[-2:] == ["render", "broke"]
    found = (
        await reportd("dead", "list", "--code", "query", "--queue", "night", "--json", home=tmp_path, dsn=dsn)
    ).json
    assert [row["id"] for row in found] == [failed[1]]
    shown = (await reportd("dead", "show", str(failed[0]), home=tmp_path, dsn=dsn)).json
    assert (shown["error"]["code"], shown["attempts"]) == ("query", [])
    lines = (await reportd("dead", "export", "--code", "query", home=tmp_path, dsn=dsn)).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == failed[:2]


async def test_dead_jobs_are_retried_and_discarded(
    dsn: str, connection: Connection, failed: list[int], tmp_path: Path
) -> None:
    assert (await reportd("dead", "retry", str(failed[0]), home=tmp_path, dsn=dsn)).out == "1 retried\n"
    assert (await reportd("dead", "retry", "--code", "render", "--json", home=tmp_path, dsn=dsn)).json == {"retried": 1}
    assert (await reportd("dead", "discard", "--queue", "night", home=tmp_path, dsn=dsn)).out == "1 discarded\n"
    left = await connection.fetch("select id, status from reportd.jobs order by id")
    assert [tuple(row) for row in left] == [(failed[0], "pending"), (failed[2], "pending")]


async def test_dead_wants_to_know_which(dsn: str, failed: list[int], tmp_path: Path) -> None:
    said = await reportd("dead", "retry", home=tmp_path, dsn=dsn)
    assert (said.status, "--queue, --kind, --tenant or --code" in said.err) == (2, True)
    said = await reportd("dead", "discard", str(failed[0]), "--queue", "mail", home=tmp_path, dsn=dsn)
    assert said.status == 2


async def test_dead_shows_only_what_failed(dsn: str, connection: Connection, failed: list[int], tmp_path: Path) -> None:
    waiting = await connection.fetchval("select reportd.enqueue('sales')")
    said = await reportd("dead", "show", str(waiting), home=tmp_path, dsn=dsn)
    assert (said.status, f"job {waiting} is pending, not failed" in said.err) == (4, True)


async def test_why_says_what_a_job_waits_for(
    dsn: str, connection: Connection, failed: list[int], tmp_path: Path
) -> None:
    waiting = await connection.fetchval("select reportd.enqueue('sales', run_at => '2099-01-01')")
    said = await reportd("why", str(waiting), home=tmp_path, dsn=dsn)
    assert said.out.startswith(f"job {waiting} is pending: not before 2099-01-01")
    assert "waits for run_at" in said.out
    assert "expected  2099-01-01" in said.out
    assert (await reportd("why", str(failed[0]), "--json", home=tmp_path, dsn=dsn)).json["status"] == "failed"
    assert (await reportd("why", "999999", home=tmp_path, dsn=dsn)).status == 4
