"""The ledger of deliveries: refused targets, tries, receipts, what nobody will deliver, and resending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reportd.db import deliveries, jobs
from reportd.db.deliveries import DeliveryRow
from reportd.db.queries import Connection
from reportd.errors import Refused, UnknownDelivery
from reportd.job import Artifact, Delivery, Job
from tests.integration.db.desk import ERROR, fence, finish, order, take

RECEIPT = {"files": ["x"]}


async def entry_of(conn: Connection, job: int) -> DeliveryRow:
    (entry,) = await deliveries.of_job(conn, job)
    return entry


async def sending(conn: Connection, worker: int, *, data: str = "d1") -> tuple[int, Job]:
    """A completed job with one delivery, and the job that is to make it, claimed."""
    (id,) = await order(conn)
    (job,) = await take(conn, worker)
    await finish(conn, job, worker, deliveries=[Delivery("file", "sales/")], result={"data_sha256": data})
    (deliver,) = await take(conn, worker, kinds=("deliver",))
    return id, deliver


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["fil:sales/"], 'deliver: "fil" is unknown; channels: file Did you mean "file"?'),
        (["file:ok/", "email:a@b.org"], 'deliver: "email" is unknown; channels: file'),
        (["sales/"], 'deliver: "sales/" is no target'),
        (["file: "], "is no target"),
        ([{"channel": "file"}], "is no target"),
    ],
)
async def test_a_wrong_target_is_refused_at_insert(conn: Connection, targets: list[Any], said: str) -> None:
    with pytest.raises(Refused) as caught:
        await order(conn, deliver=targets)
    assert said in caught.value.message


async def test_a_try_is_counted_and_the_receipt_kept(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    entry = await entry_of(conn, id)
    assert (entry.status, entry.tries, entry.digest, deliver.parent_id) == ("pending", 0, "d1", id)
    tried = await deliveries.try_(conn, entry.id, job=deliver.id, attempt=deliver.attempt)
    assert tried is not None
    assert (tried.tries, tried.sent_by, tried.idempotency_key) == (1, deliver.id, entry.idempotency_key)
    assert await deliveries.delivered(conn, entry.id, job=deliver.id, attempt=deliver.attempt, receipt=RECEIPT)
    entry = await entry_of(conn, id)
    assert (entry.status, entry.receipt) == ("delivered", RECEIPT)
    assert entry.delivered_at is not None


async def test_another_attempt_writes_nothing(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    entry = await entry_of(conn, id)
    stale = {"job": deliver.id, "attempt": deliver.attempt - 1}
    assert await deliveries.try_(conn, entry.id, **stale) is None
    assert not await deliveries.delivered(conn, entry.id, receipt=RECEIPT, **stale)
    assert not await deliveries.refused(conn, entry.id, error=ERROR, **stale)
    assert await entry_of(conn, id) == entry


async def test_a_delivery_stays_pending_while_its_job_retries_and_fails_with_it(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    entry = await entry_of(conn, id)
    await deliveries.try_(conn, entry.id, job=deliver.id, attempt=deliver.attempt)
    await deliveries.refused(conn, entry.id, job=deliver.id, attempt=deliver.attempt, error=ERROR)
    await jobs.retry_later(conn, **fence(deliver, worker, error=ERROR, delay_s=0, crashed=False))
    assert await deliveries.close(conn) == []
    (deliver,) = await take(conn, worker, kinds=("deliver",))
    await jobs.fail(conn, **fence(deliver, worker, error=ERROR, crashed=False))
    assert [row["id"] for row in await deliveries.close(conn)] == [entry.id]
    entry = await entry_of(conn, id)
    assert (entry.status, entry.tries, entry.error) == ("failed", 1, ERROR)


async def test_a_delivery_whose_job_was_cancelled_untried_is_failed_visibly(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    await jobs.release(conn, **fence(deliver, worker, delay_s=0))
    await jobs.cancel(conn, deliver.id)
    assert len(await deliveries.close(conn)) == 1
    entry = await entry_of(conn, id)
    assert entry.error is not None
    assert (entry.status, entry.error["code"]) == ("failed", "cancelled")


async def test_resend_of_a_failed_delivery_keeps_the_key(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    await jobs.fail(conn, **fence(deliver, worker, error=ERROR, crashed=False))
    await deliveries.close(conn)
    before = await entry_of(conn, id)
    again = await deliveries.resend(conn, before.id)
    after = await entry_of(conn, id)
    assert again != deliver.id
    assert (after.status, after.idempotency_key, after.error) == ("pending", before.idempotency_key, None)
    assert await deliveries.resend(conn, before.id) == again, "one that is under way is not doubled"
    assert (await jobs.get(conn, again))["params"] == {"delivery_id": before.id}


async def test_resend_of_a_made_delivery_takes_a_new_key(conn: Connection, worker: int) -> None:
    id, deliver = await sending(conn, worker)
    before = await entry_of(conn, id)
    await deliveries.delivered(conn, before.id, job=deliver.id, attempt=deliver.attempt, receipt=RECEIPT)
    await finish(conn, deliver, worker)
    await deliveries.resend(conn, before.id)
    after = await entry_of(conn, id)
    assert (after.status, after.delivered_at) == ("pending", None)
    assert after.idempotency_key != before.idempotency_key


async def test_resend_of_nothing_says_so(conn: Connection) -> None:
    with pytest.raises(UnknownDelivery, match="there is no delivery 999"):
        await deliveries.resend(conn, 999)


async def test_the_last_digest_is_that_of_the_same_order(conn: Connection, worker: int) -> None:
    await sending(conn, worker, data="d1")
    id, _ = await sending(conn, worker, data="d2")
    assert await deliveries.last_digest(conn, kind="noop", params={}, before=id + 100) == "d2"
    assert await deliveries.last_digest(conn, kind="noop", params={}, before=id) == "d1"
    assert await deliveries.last_digest(conn, kind="noop", params={"a": 1}, before=0) is None
    assert await deliveries.last_digest(conn, kind="sales", params={}, before=0) is None


async def test_a_file_with_a_term_expires_and_another_does_not(conn: Connection, worker: int) -> None:
    await order(conn)
    (job,) = await take(conn, worker)
    files = [Artifact(format, f"a.{format}", f"file:///{format}", "x", 1, "0" * 64) for format in ("pdf", "csv")]
    await finish(conn, job, worker, artifacts=[replace(files[0], keep_s=3600), files[1]])
    rows = await conn.fetch(
        "select format, expires_at - created_at between interval '59 min' and interval '61 min' as kept"
        " from reportd.artifacts order by id"
    )
    assert [tuple(row) for row in rows] == [("pdf", True), ("csv", None)]
