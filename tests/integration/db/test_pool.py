"""Connections: what comes and goes as jsonb, and what is said when there is none."""

from __future__ import annotations

import asyncio

import pytest

from reportd.db import pool
from reportd.db.pool import dump_json
from reportd.db.queries import load
from reportd.errors import ConfigError, DatabaseUnavailable
from tests.postgres import with_database


async def test_jsonb_comes_and_goes_as_python_values(dsn: str) -> None:
    value = {"text": "Šárka ☃", "number": 1.5, "none": None, "list": [1, {"a": True}]}
    made = await pool.create_pool(dsn, min_size=1, max_size=2, application_name="reportd test")
    async with made, made.acquire() as conn:
        assert await conn.fetchval("select $1::jsonb", value) == value
        assert await conn.fetchval("select current_setting('application_name')") == "reportd test"


@pytest.mark.parametrize(("cache", "seqscan"), [(100, "off"), (0, "on")])
async def test_kept_plans_are_made_for_tables_of_any_size(dsn: str, cache: int, seqscan: str) -> None:
    conn = await pool.connect(dsn, application_name="test", statement_cache_size=cache)
    assert await conn.fetchval("select current_setting('enable_seqscan')") == seqscan
    await conn.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\x00b", '"a\ufffdb"'),
        ("\ud800", '"?"'),
        ("\\u0000", '"\\\\u0000"'),
        ("\\\x00", '"\\\\\ufffd"'),
        ({"é": 1}, '{"é": 1}'),
    ],
)
def test_json_never_holds_what_jsonb_refuses(value: object, text: str) -> None:
    assert dump_json(value) == text


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_has_no_form_for_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dump_json(value)


@pytest.mark.parametrize(
    ("dsn", "where"),
    [
        ("postgresql://ann:hunter2@127.0.0.1:1/sales", "127.0.0.1:1/sales"),
        ("postgresql://ann:hunter2@/sales?host=/nowhere", "/nowhere/sales"),
        ("postgresql:///sales?host=/nowhere&password=hunter2", "/nowhere/sales"),
    ],
)
async def test_a_server_that_is_not_there_is_named_without_the_password(dsn: str, where: str) -> None:
    with pytest.raises(DatabaseUnavailable) as error:
        await pool.connect(dsn, application_name="test", timeout_s=5)
    assert f"no connection to {where}: " in str(error.value)
    assert "Check that the server runs" in str(error.value)
    assert "hunter2" not in str(error.value)


async def test_a_database_that_is_not_there_has_its_own_remedy(dsn: str) -> None:
    for opening in (
        pool.connect(with_database(dsn, "nowhere"), application_name="test"),
        pool.create_pool(with_database(dsn, "nowhere"), min_size=1, max_size=1, application_name="test"),
    ):
        with pytest.raises(DatabaseUnavailable, match="createdb"):
            await opening


@pytest.mark.parametrize("dsn", ["mysql://host/sales", "host=/x password=hunter2"])
async def test_an_address_of_another_kind_is_a_mistake_in_the_configuration(dsn: str) -> None:
    with pytest.raises(ConfigError, match="postgresql://") as error:
        await pool.connect(dsn, application_name="test")
    assert "hunter2" not in str(error.value)


def test_queries_refuse_arguments_that_they_do_not_list() -> None:
    with pytest.raises(TypeError, match=r"query renew takes worker, lease_s, load"):
        load("workers")["renew"]._bind({"worker": 1})


async def test_pgbouncers_refusal_of_settings_names_the_remedy() -> None:
    fields = b"SFATAL\0C08P01\0Munsupported startup parameter: enable_seqscan\0\0"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match="statement_cache_size = 0"):
            await pool.connect(f"postgresql://ann@127.0.0.1:{port}/sales?sslmode=disable", application_name="test")
