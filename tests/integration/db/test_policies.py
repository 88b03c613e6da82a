"""What an operator may set on queues and kinds: refused by name when wrong, and handed to the worker with the job."""

from __future__ import annotations

import asyncpg
import pytest

from reportd.db.queries import Connection
from tests.integration.db.desk import order, take


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("concurrency", "0", "concurrency: 0 is not 1 or more"),
        ("concurrency_total", "-1", "concurrency_total: -1 is not 1 or more"),
        ("concurrency_per_key", "0", "concurrency_per_key: 0 is not 1 or more"),
        ("rate_limit", "5", "rate_interval_s: missing beside rate_limit"),
        ("rate_interval_s", "5", "rate_limit: missing beside rate_interval_s"),
        ("max_attempts", "1001", "max_attempts: 1001 is not 1 or more, at most 1000"),
        ("timeout_s", "0", "timeout_s: 0 is not above 0"),
        ("timeout_s", "'NaN'", "timeout_s: NaN is not above 0"),
        ("keep_completed_s", "-3", "keep_completed_s: -3 is not 0 or more"),
        ("keep_failed", "-3", "keep_failed: -3 is not 0 or more"),
        ("backoff", "'[]'", r"backoff: \[\] is not an object"),
        ("backoff", """'{"delay": 3}'""", 'backoff: "delay" is unknown'),
        ("backoff", """'{"delay_s": "3"}'""", 'backoff.delay_s: "3" is not a number'),
        ("backoff", """'{"delay_s": -3}'""", "backoff.delay_s: -3 is not 0 or more"),
        ("backoff", """'{"factor": 0.5}'""", "backoff.factor: 0.5 is not 1 or more"),
        ("backoff", """'{"jitter": 2}'""", "backoff.jitter: 2 is not 0 or more, at most 1"),
        ("backoff", """'{"delays_s": []}'""", r"backoff.delays_s: \[\] is not a list of seconds"),
        ("backoff", """'{"delays_s": [1, -2]}'""", "backoff.delays_s: -2 is not 0 or more"),
        ("backoff", """'{"delays_s": [1], "factor": 2}'""", "backoff: delays_s is the whole list"),
    ],
)
async def test_a_wrong_policy_of_a_queue_is_refused_by_name(
    conn: Connection, column: str, value: str, said: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match=said) as refused:
        await conn.execute(f"insert into reportd.queues (name, {column}) values ('mail', {value})")
    assert refused.value.hint


async def test_a_wrong_backoff_of_a_kind_is_refused_by_name(conn: Connection) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match=r"backoff.cap_s"):
        await conn.execute("""update reportd.kinds set backoff = '{"cap_s": -1}' where name = 'noop'""")


async def test_a_claimed_job_brings_its_kinds_backoff_or_else_its_queues(conn: Connection, worker: int) -> None:
    await order(conn, 2)
    (plain,) = await take(conn, worker, demand=1)
    assert (plain.backoff, plain.never_retry) == (None, frozenset())
    await conn.execute("""insert into reportd.queues (name, backoff) values ('default', '{"delays_s": [1, 2.5]}')""")
    (of_queue,) = await take(conn, worker)
    assert of_queue.backoff == {"delays_s": [1, 2.5]}
    await order(conn)
    await conn.execute(
        """update reportd.kinds set backoff = '{"delay_s": 9}', never_retry = '{query}' where name = 'noop'"""
    )
    (of_kind,) = await take(conn, worker)
    assert (of_kind.backoff, of_kind.never_retry) == ({"delay_s": 9}, frozenset({"query"}))
