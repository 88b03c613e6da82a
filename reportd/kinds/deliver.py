"""The built-in kind `deliver`: one job brings the files of a finished one to one target, and retries by itself.

The ledger is written before and after the channel is asked. A daemon that dies between the two leaves a delivery that
was made and not noted; its next attempt makes it again with the same key, so nothing is lost and a repetition is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog

from reportd import failpoints
from reportd.artifacts import DirectoryStore
from reportd.db import artifacts, deliveries
from reportd.db.artifacts import ArtifactRow
from reportd.db.deliveries import DeliveryRow
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.deliver import Channel, Enclosure
from reportd.errors import ReportdError, UnknownDelivery
from reportd.job import Artifact, Completed, Job, error_row
from reportd.progress import Progress

log = structlog.get_logger()


class UnknownChannel(ReportdError):
    """This daemon has no channel of that name; another may have it."""

    code = "unknown-channel"


class DeliverKind:
    """Brings finished files to their targets."""

    name = "deliver"
    brief = False

    def __init__(self, *, pool: Pool, store: DirectoryStore, channels: Mapping[str, Channel]) -> None:
        self._pool = pool
        self._store = store
        self._channels = channels

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        """Nothing to settle."""
        return None

    async def run(self, job: Job, progress: Progress) -> Completed:
        """One try. The error of a failed one is noted in the ledger as well."""
        id = int(job.params["delivery_id"])
        async with session(self._pool) as conn:
            entry = await deliveries.try_(conn, id, job=job.id, attempt=job.attempt)
            files = await artifacts.of_job(conn, entry.job_id) if entry else []
        if entry is None:
            raise UnknownDelivery(f"there is no delivery {id} any more: its job was deleted")
        if entry.status == "delivered":
            return Completed(result=entry.receipt)
        try:
            receipt = await self._deliver(entry, files)
        except ReportdError as error:
            async with session(self._pool) as conn:
                row = error_row(error, attempt=job.attempt)
                await deliveries.refused(conn, id, job=job.id, attempt=job.attempt, error=row)
            raise
        await failpoints.reach("delivered")
        async with session(self._pool) as conn:
            await deliveries.delivered(conn, id, job=job.id, attempt=job.attempt, receipt=receipt)
        log.info("delivery.made", delivery=id, job=entry.job_id, channel=entry.channel, target=entry.target)
        return Completed(result=receipt)

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """Nothing is ever stored."""

    async def forget(self, job: Job) -> None:
        """The job has reached its end: a delivery that was not made is failed now."""
        async with session(self._pool) as conn:
            for lost in await deliveries.close(conn):
                log.error("delivery.failed", delivery=lost["id"], **_without_id(lost))

    async def _deliver(self, entry: DeliveryRow, files: list[ArtifactRow]) -> Mapping[str, Any]:
        channel = self._channels.get(entry.channel)
        if channel is None:
            there_are = ", ".join(sorted(self._channels)) or "none"
            raise UnknownChannel(f"this daemon has no channel {entry.channel!r} (it has: {there_are})")
        return await channel.deliver(
            [self._enclosure(file) for file in files], target=entry.target, key=entry.idempotency_key
        )

    def _enclosure(self, file: ArtifactRow) -> Enclosure:
        kept = ("name", "format", "content_type", "bytes", "sha256")
        facts = {name: value for name, value in asdict(file).items() if name in kept}
        return Enclosure(**facts, open=partial(self._store.open, file.uri))


def _without_id(lost: Mapping[str, Any]) -> dict[str, Any]:
    return {"job": lost["job_id"], "channel": lost["channel"], "target": lost["target"]}
