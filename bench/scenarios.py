"""For each guard of the queue the interleaving that it is for, brought about step by step on real worker processes.

A storm meets a given race once in a while; here each is met on purpose. A scenario only makes things happen; whether
anything was broken is for the checker to say. The first worker is on a host of its own, so that only its lease tells
the others of its death.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import asyncpg

from bench.site import Site, Worker, send

LEASE_S = 2.0
CRASHES_MAX = 3
PATIENCE_S = 20.0
_LONG_LEASE_S = 5.0
_ORDER = "insert into reportd.jobs (kind, params) values ($1, $2) returning id"
_RELEASE = b"'released'"
_CLAIM = b"with me as materialized"


async def plain(site: Site) -> None:
    """Nothing happens: a file with a delivery, and brief jobs."""
    await _worker(site, host="one")
    await _order(site, "filed")
    for _ in range(5):
        await _order(site, "noop")


async def neighbours(site: Site) -> None:
    """Two workers on two hosts, both well, for longer than a lease."""
    await _worker(site, host="one")
    await _worker(site, host="two")
    await site.until(lambda: site.ask("select count(*) = 2 from chaos.workers"), limit_s=PATIENCE_S)
    await asyncio.sleep(LEASE_S * 1.2)


async def overtaken(site: Site) -> None:
    """A worker stands still with a finished file; the next has the job in hand when it goes on."""
    first = await _worker(site, host="one", armed={"stored": "stop"})
    await _sprung(site, "stored", "stop", kind="filed")
    second = await _worker(site, host="two", armed={"begun": "stop"})
    site.trap("begun", "stop").touch()
    await site.until(lambda: _taken(site, "begun", "stop"), limit_s=PATIENCE_S)
    send(first, signal.SIGCONT)
    await asyncio.sleep(0.5)
    send(second, signal.SIGCONT)


async def overtaken_brief(site: Site) -> None:
    """A worker stands still with a brief job that it has done and not written; another has it when it goes on."""
    trap = site.trap("flush", "stop")
    trap.touch()
    first = await _worker(site, host="one", still_at_flush=str(trap))
    await _order(site, "noop", sleep_s=1.5)
    await site.until(lambda: _taken(site, "flush", "stop"), limit_s=PATIENCE_S)
    await _worker(site, host="two")
    await site.until(lambda: site.ask("select attempt = 2 from reportd.jobs"), limit_s=PATIENCE_S)
    send(first, signal.SIGCONT)


async def outrun(site: Site) -> None:
    """A worker stands still before it stores its file; the next makes and delivers its own; then the first goes on."""
    first = await _worker(site, host="one", armed={"rendered": "stop"})
    job = await _sprung(site, "rendered", "stop", kind="filed")
    await _worker(site, host="two")
    done = "select outcome = 'completed' from reportd.jobs where id = $1"
    await site.until(lambda: site.ask(done, job), limit_s=PATIENCE_S)
    send(first, signal.SIGCONT)
    anew = "select count(*) = 2 from chaos.workers where pid = $1"
    await site.until(lambda: site.ask(anew, first.pid), limit_s=PATIENCE_S)


async def same_row(site: Site) -> None:
    """Two workers ask for the same job while a third party has its row locked."""
    await site.ask("select reportd.pause('default')")
    await _worker(site, host="one")
    await _worker(site, host="two")
    await site.until(lambda: site.ask("select count(*) = 2 from chaos.workers"), limit_s=PATIENCE_S)
    job = await _order(site, "filed")
    holder = await asyncpg.connect(site.dsn)
    async with holder.transaction():
        await holder.fetch("select id from reportd.jobs where id = $1 for update", job)
        await site.ask("select reportd.resume('default')")
        # With the guard in place nobody waits: both pass the row over.
        waiting = """select count(*) > 1 from pg_stat_activity
          where wait_event_type = 'Lock' and datname = current_database()"""
        await site.until(lambda: site.ask(waiting), limit_s=2.5)
    await holder.close()


async def killed(site: Site) -> None:
    """A worker dies with a job in hand, of each sort."""
    await _worker(site, host="one", armed={"begun": "kill"})
    for _ in range(5):
        await _order(site, "noop", sleep_s=1)
    await site.until(lambda: site.ask("select min(attempt) = 1 from reportd.jobs"), limit_s=PATIENCE_S)
    await _sprung(site, "begun", "kill", kind="filed")
    await _worker(site, host="two")


async def killed_after_commit(site: Site) -> None:
    """A worker dies right after a completion has committed."""
    await _worker(site, host="one", armed={"completed": "kill"})
    await _sprung(site, "completed", "kill", kind="filed")
    await _worker(site, host="two")


async def killed_while_storing(site: Site) -> None:
    """A worker dies with half a file on the disk."""
    await _worker(site, host="one", armed={"storing": "kill"})
    await _sprung(site, "storing", "kill", kind="filed")
    await _worker(site, host="two")


async def poison(site: Site) -> None:
    """A job kills every worker that takes it; each is started again."""
    job = await _order(site, "filed", kill=True)
    worker = await _worker(site)
    over = "select outcome is not null or crashes > $2 from reportd.jobs where id = $1"
    for _ in range(CRASHES_MAX * 2):
        await asyncio.wait([asyncio.ensure_future(worker.wait())], timeout=PATIENCE_S / 4)
        if await site.ask(over, job, CRASHES_MAX):
            return
        if worker.returncode is not None:
            worker = await _worker(site)


async def claim_unanswered(site: Site) -> None:
    """A claim commits, and its answer is lost on the way."""
    await _worker(site, host="one")
    await site.until(lambda: site.ask("select count(*) = 1 from chaos.workers"), limit_s=PATIENCE_S)
    site.proxy.lose_answers(1, to=_CLAIM)
    await _order(site, "filed")
    await site.until(lambda: _lost(site), limit_s=PATIENCE_S)


async def commit_unanswered(site: Site) -> None:
    """A completion commits, and its answer is lost on the way."""
    await _worker(site, host="one")
    site.proxy.lose_answers(1)
    await _order(site, "filed")
    await site.until(lambda: _lost(site), limit_s=PATIENCE_S)
    await asyncio.sleep(2)  # it asks again within a second


async def release_unanswered(site: Site) -> None:
    """A job goes back, and the answer is lost on the way: its worker has the next try before it knows."""
    await _worker(site, host="one", armed={"storing": "enospc"})
    for _ in range(3):
        before = site.proxy.lost
        site.proxy.lose_answers(1, to=_RELEASE)
        await _sprung(site, "storing", "enospc", kind="filed")
        await site.until(partial(_lost, site, before), limit_s=PATIENCE_S)
        await asyncio.sleep(2)  # it asks again within a second


async def outage(site: Site) -> None:
    """The server is away for longer than a lease; one worker finds back to it later than the other."""
    await _worker(site, host="one", lease_s=_LONG_LEASE_S)
    await _worker(site, host="two", lease_s=_LONG_LEASE_S, direct=True)
    await site.until(lambda: site.ask("select count(*) = 2 from chaos.workers"), limit_s=PATIENCE_S)
    await site.server.stop(immediate=True)
    await asyncio.sleep(_LONG_LEASE_S * 1.2)
    site.proxy.refuse()
    await site.server.start()
    await asyncio.sleep(_LONG_LEASE_S * 0.4)
    site.proxy.heal()
    alive = "select count(*) = 2 from reportd.workers where lease_until > clock_timestamp()"
    await site.until(lambda: site.ask(alive), limit_s=_LONG_LEASE_S)


Scenario = Callable[[Site], Awaitable[None]]

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "complete-unfenced": overtaken,
        "brief-unfenced": overtaken_brief,
        "claim-unlocked": same_row,
        "claim-keeps-attempt": plain,
        "claim-unnoted": killed,
        "claim-unreconciled": claim_unanswered,
        "never-rescued": killed,
        "lease-unread": neighbours,
        "outage-unforgiven": outage,
        "crashes-unlimited": poison,
        "commit-unread": commit_unanswered,
        "delivery-unordered": plain,
        "file-after-commit": killed_after_commit,
        "file-in-place": killed_while_storing,
        "file-shared": outrun,
    }
)
"""What shows that a mutant's guard is missing."""


async def _worker(site: Site, *, armed: Mapping[str, str] | None = None, direct: bool = False, **more: Any) -> Worker:
    options = {"lease_s": LEASE_S, "stuck_s": 1.5, "poll_interval_s": 0.5, "brief_concurrency": 20}
    return await site.worker(options | {"crashes_max": CRASHES_MAX} | more, armed=armed, direct=direct)


async def _order(site: Site, kind: str, **params: Any) -> int:
    return int(await site.ask(_ORDER, kind, json.dumps(params)))


async def _sprung(site: Site, place: str, action: str, *, kind: str) -> int:
    """Order a job and wait until it has met the trap at `place`."""
    site.trap(place, action).touch()
    job = await _order(site, kind)
    await site.until(lambda: _taken(site, place, action), limit_s=PATIENCE_S)
    return job


async def _taken(site: Site, place: str, action: str) -> bool:
    return not site.trap(place, action).exists()


async def _lost(site: Site, before: int = 0) -> bool:
    return site.proxy.lost > before
