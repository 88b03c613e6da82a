"""PgQueuer's side of `bench queue`, in its own environment: `install`, `fill N`, or `drain` at its best settings."""

import sys
import time
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

BATCH = 1000


async def main(dsn: str, what: str, jobs: int) -> None:
    if what == "drain":
        await drain(dsn)
        return
    connection = await asyncpg.connect(dsn)
    queries = Queries(AsyncpgDriver(connection))
    if what == "install":
        await queries.install()
    else:
        for _ in range(0, jobs, BATCH):
            await queries.enqueue(["noop"] * BATCH, [None] * BATCH, [0] * BATCH)
    await connection.close()


async def drain(dsn: str) -> None:
    pool = await asyncpg.create_pool(dsn, min_size=4, max_size=8)
    manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
    begun = False

    @manager.entrypoint("noop")
    async def noop(job) -> None:
        nonlocal begun
        if not begun:
            begun = True
            print(f"first {time.time()}", flush=True)

    await manager.run(dequeue_timeout=timedelta(seconds=5), batch_size=BATCH)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
