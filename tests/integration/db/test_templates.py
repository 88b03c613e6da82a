"""Templates: presets that jobs and schedules take over, and whose word holds."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from reportd.db import kinds, schedules, templates
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from reportd.report.definition import DeclaredTemplate
from tests.integration.db.desk import register

BOARD = DeclaredTemplate("board", "For the board", {"year": 2025, "region": "all"}, ("pdf",), ("file:board/",))
SCHEMA = {
    "type": "object",
    "properties": {"year": {"type": "integer"}, "region": {"type": "string"}},
    "additionalProperties": False,
}


@pytest.fixture
async def declared(conn: Connection, worker: int) -> int:
    """The worker that has a report `revenue` with the template `board`."""
    row = KindRow("revenue", "report", "Revenue", content_hash="1", params_schema=SCHEMA, formats=("pdf", "csv"))
    await kinds.upsert(conn, [row], worker=worker)
    told = await templates.declare(conn, {"revenue": [BOARD]}, worker=worker)
    assert (told.changed, told.retired, told.taken) == (["board"], [], [])
    return worker


async def order(conn: Connection, columns: str, *values: Any) -> asyncpg.Record:
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    row = await conn.fetchrow(f"insert into reportd.jobs ({columns}) values ({places}) returning *", *values)
    assert row is not None
    return row


async def test_a_job_takes_over_what_its_template_says(conn: Connection, declared: int) -> None:
    job = await order(conn, "template", "board")
    assert (job["kind"], job["params"]) == ("revenue", {"year": 2025, "region": "all"})
    assert (job["formats"], job["deliver"]) == (["pdf"], ["file:board/"])


async def test_what_a_job_says_itself_wins_key_by_key(conn: Connection, declared: int) -> None:
    job = await order(
        conn, "template, params, formats, deliver", "board", {"region": "north"}, ["csv"], ["file:north/"]
    )
    assert job["params"] == {"year": 2025, "region": "north"}
    assert (job["formats"], job["deliver"]) == (["csv"], ["file:north/"])


async def test_a_schedules_params_win_over_its_templates(conn: Connection, declared: int) -> None:
    await conn.execute(
        "insert into reportd.schedules (name, template, cron, params) values ('monthly', 'board', '@monthly', $1)",
        {"year": 2026},
    )
    (row,) = await schedules.list_(conn)
    job = await schedules.fire(conn, id=row.id, slot=datetime(2026, 11, 1, tzinfo=UTC))
    made = await conn.fetchrow("select kind, params, formats from reportd.jobs where id = $1", job)
    assert made is not None
    assert tuple(made) == ("revenue", {"year": 2026, "region": "all"}, ["pdf"])


@pytest.mark.parametrize(
    ("columns", "values", "hint"),
    [
        ("template", ("bord",), 'Did you mean "board"?'),
        ("template, kind", ("board", "noop"), 'Leave kind out, or write "revenue".'),
        ("template, params", ("board", {"yaer": 1}), 'Did you mean "year"?'),
    ],
)
async def test_what_does_not_fit_is_refused_with_the_remedy(
    conn: Connection, declared: int, columns: str, values: tuple[Any, ...], hint: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as refused:
        await order(conn, columns, *values)
    assert refused.value.hint == hint


async def test_one_removed_from_its_file_is_retired_and_refused(conn: Connection, declared: int) -> None:
    assert (await templates.declare(conn, {"revenue": []}, worker=declared)).retired == ["board"]
    with pytest.raises(asyncpg.InvalidParameterValueError, match='template: "board" was retired'):
        await order(conn, "template", "board")
    assert (await templates.declare(conn, {"revenue": [BOARD]}, worker=declared)).changed == ["board"]
    await order(conn, "template", "board")


async def test_two_versions_side_by_side_do_not_flap(conn: Connection, declared: int) -> None:
    newer = await register(conn)
    changed = dataclasses.replace(BOARD, formats=("csv",))
    assert (await templates.declare(conn, {"revenue": [changed]}, worker=newer)).changed == ["board"]
    for older in ([BOARD], []):
        told = await templates.declare(conn, {"revenue": older}, worker=declared)
        assert (told.changed, told.retired) == ([], [])
    assert (await order(conn, "template", "board"))["formats"] == ["csv"]


async def test_a_row_made_by_sql_keeps_its_name(conn: Connection, declared: int) -> None:
    await conn.execute("insert into reportd.templates (name, kind) values ('mine', 'revenue')")
    told = await templates.declare(conn, {"revenue": [BOARD, dataclasses.replace(BOARD, name="mine")]}, worker=declared)
    assert (told.changed, told.taken) == ([], ["mine"])
    assert (await templates.declare(conn, {"revenue": [BOARD]}, worker=declared)).retired == []
