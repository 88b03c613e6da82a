"""Rows of finished files."""

from __future__ import annotations

import pytest

from reportd.db import artifacts
from reportd.db.queries import Connection
from reportd.job import Artifact
from tests.integration.db.desk import finish, order, take

FILES = [Artifact(format, f"x.{format}", f"file:///{format}", "text/x", 1, "0" * 64) for format in ("pdf", "csv")]


@pytest.fixture
async def ids(conn: Connection, worker: int) -> list[int]:
    """The ids of two files of one job."""
    (job_id,) = await order(conn)
    (job,) = await take(conn, worker)
    await finish(conn, job, worker, artifacts=FILES)
    return [file.id for file in await artifacts.of_job(conn, job_id)]


async def test_get_finds_a_file_by_its_id(conn: Connection, ids: list[int]) -> None:
    found = await artifacts.get(conn, ids[1])
    assert found is not None
    assert (found.format, found.uri, found.rows, found.pages) == ("csv", "file:///csv", None, None)
    assert await artifacts.get(conn, 0) is None


async def test_known_uris_leaves_orphans_out(conn: Connection, ids: list[int]) -> None:
    assert await artifacts.known_uris(conn, ["file:///pdf", "file:///orphan"]) == {"file:///pdf"}
    assert len(ids) == 2


async def test_expired_files_are_named_and_forgotten(conn: Connection, ids: list[int]) -> None:
    await conn.execute("update reportd.artifacts set expires_at = now() - interval '1 s' where id = $1", ids[0])
    await conn.execute("update reportd.artifacts set expires_at = now() + interval '1 h' where id = $1", ids[1])
    assert [file.id for file in await artifacts.expired(conn, limit=10)] == [ids[0]]
    await artifacts.delete(conn, ids=[ids[0]])
    assert await artifacts.get(conn, ids[0]) is None


async def test_a_deleted_job_takes_its_rows_with_it(conn: Connection, ids: list[int]) -> None:
    await conn.execute("delete from reportd.jobs")
    assert await artifacts.get(conn, ids[0]) is None
