"""The check at INSERT and the one at the job's start agree: one table of cases, and every text that is understood."""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

import asyncpg
import pytest

from reportd.report.definition import ParamType
from reportd.report.params import schema_of
from tests.cases.params import CASES, UNDERSTOOD, param

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def order(connection: Connection, schema: Any, given: Any) -> str | None:
    """What the database says to a job with `given` for a kind with `schema`: None, or its refusal."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(
            "insert into reportd.kinds (name, type, title, params_schema, content_hash)"
            " values ('case', 'report', 'Case', $1, 'x')",
            json.dumps(schema),
        )
        await connection.execute("insert into reportd.jobs (kind, params) values ('case', $1)", json.dumps(given))
    except asyncpg.PostgresError as error:
        return str(error.as_dict())
    finally:
        await transaction.rollback()
    return None


async def test_an_insert_takes_and_refuses_what_the_table_of_cases_says(connection: Connection) -> None:
    wrong = {}
    for case in CASES:
        refusal = await order(connection, schema_of(case.params), case.given)
        if (refusal is not None) != (case.verdict == "refused"):
            wrong[case.id] = refusal
        elif refusal is not None:
            assert re.search(rf'params\.{case.names}\b|params: "{case.names}" is unknown', refusal), (case.id, refusal)
            assert "hunter2" not in refusal
    assert not wrong


async def test_an_insert_takes_every_text_that_is_understood(connection: Connection) -> None:
    wrong = []
    for kind, texts in UNDERSTOOD.items():
        for text in texts:
            refusal = await order(connection, schema_of((param(kind),)), {"p": text})
            if refusal is not None:
                wrong.append((kind, text, refusal))
    assert not wrong


async def test_a_refusal_says_what_a_text_should_look_like(connection: Connection) -> None:
    refusal = await order(connection, schema_of((param("daterange", "period"),)), {"period": "lst month"})
    assert refusal is not None
    assert '"lst month" is no period' in refusal
    assert "Give one such as last month or 2026-Q3 or 2026-01-01..2026-02-01." in refusal


@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_a_shape_means_the_same_in_python(kind: ParamType) -> None:
    shape = schema_of((param(kind),))["properties"]["p"]["shape"]["pattern"]
    assert [text for text in UNDERSTOOD[kind] if not re.search(shape, text, re.IGNORECASE)] == []
