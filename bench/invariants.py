"""What must hold whatever happened, read from the tables and the files alone.

`watch` puts triggers on the tables that write every change into a history; `violations` reads it, the tables and the
store. Nothing here calls the code under test: a fault of that code must not hide itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_WATCH = """
create schema chaos;
create table chaos.promises (crashes_max integer);
create table chaos.moves (
  seq bigint generated always as identity primary key, job bigint, old_attempt integer, new_attempt integer,
  old_worker bigint, new_worker bigint, old_ready boolean, new_ready boolean, old_outcome text, new_outcome text,
  old_end timestamptz, new_end timestamptz, crashed boolean, by text
);
create table chaos.workers (id bigint primary key, pid integer, host text);
create table chaos.removals (
  worker bigint, left_s double precision, since_start_s double precision, lease_s double precision, by text
);
create function chaos.nothing(bigint, bigint, text, text, text) returns void language sql as 'select';
create function chaos.move() returns trigger language plpgsql as $$
begin
  insert into chaos.moves (job, old_attempt, new_attempt, old_worker, new_worker, old_ready, new_ready, old_outcome,
    new_outcome, old_end, new_end, crashed, by)
  values (old.id, old.attempt, new.attempt, old.worker, new.worker, old.ready, new.ready, old.outcome, new.outcome,
    old.finished_at, new.finished_at, new.crashes > old.crashes, current_setting('application_name'));
  return null;
end $$;
create trigger chaos_move after update on reportd.jobs for each row
  when (old.attempt <> new.attempt or old.ready <> new.ready or old.finished_at is distinct from new.finished_at
    or old.outcome is distinct from new.outcome or old.worker is distinct from new.worker)
  execute function chaos.move();
create function chaos.registered() returns trigger language plpgsql as $$
begin insert into chaos.workers values (new.id, new.pid, new.host); return null; end $$;
create trigger chaos_registered after insert on reportd.workers for each row execute function chaos.registered();
create function chaos.removed() returns trigger language plpgsql as $$
begin
  insert into chaos.removals values (old.id, extract(epoch from old.lease_until - clock_timestamp()),
    extract(epoch from clock_timestamp() - pg_postmaster_start_time()), old.lease_s,
    current_setting('application_name'));
  return null;
end $$;
create trigger chaos_removed after delete on reportd.workers for each row execute function chaos.removed();
"""

# Each gives the offending ids. A worker's process is told by its application_name, "reportd <pid>".
_HISTORY = {
    "I2 crashed more often than its budget allows": """
        select id from reportd.jobs, chaos.promises where crashes > crashes_max""",
    "I3 more than one end": """
        select job from chaos.moves where old_outcome is not null
        union
        select job from chaos.moves where old_outcome is null and new_outcome is not null
        group by job having count(*) > 1""",
    "I6 an attempt that did not rise by one with its claim": """
        select job from chaos.moves
        where new_attempt <> old_attempt + (old_ready and not new_ready and new_outcome is null)::integer""",
    "I6 claimed from under its owner": """
        select job from chaos.moves
        where not old_ready and not new_ready and new_outcome is null and old_worker <> new_worker
        union select job from chaos.moves where new_attempt > old_attempt and not old_ready""",
    "I6 completed by another than its owner": """
        select moves.job from chaos.moves join chaos.workers owner on owner.id = moves.old_worker
        where new_outcome = 'completed' and moves.by <> 'reportd ' || owner.pid
        union select job from chaos.moves where new_outcome = 'completed' and (old_ready or old_worker is null)""",
    "I6 a living worker was declared dead": """
        select removals.worker from chaos.removals join chaos.workers dead on dead.id = removals.worker
        join chaos.workers judge on 'reportd ' || judge.pid = removals.by
        where judge.host <> dead.host and removals.left_s > 0""",
    "I6 rescued before the outage was a lease ago": """
        select removals.worker from chaos.removals join chaos.workers dead on dead.id = removals.worker
        join chaos.workers judge on 'reportd ' || judge.pid = removals.by
        where judge.host <> dead.host and removals.since_start_s < removals.lease_s""",
}
_DRAINED = {
    "I2 not in a final status": "select id from reportd.jobs where outcome is null",
    "I4 completed without its file": """
        select id from reportd.jobs where kind = 'filed' and outcome = 'completed'
        and not exists (select from reportd.artifacts where job_id = jobs.id)""",
    "I5 a file of another attempt, or of a job that did not complete": """
        select jobs.id from reportd.artifacts join reportd.jobs on jobs.id = job_id
        where artifacts.attempt <> jobs.attempt or outcome is distinct from 'completed'
          or uri !~ format('/%s-%s-', jobs.id, jobs.attempt)""",
    "I7 completed, and its delivery neither made nor visibly failed": """
        select job_id from reportd.deliveries where status = 'pending'
        union select id from reportd.jobs where kind = 'filed' and outcome = 'completed'
          and not exists (select from reportd.deliveries where job_id = jobs.id)""",
    "I7 a delivery of a job that did not complete": """
        select job_id from reportd.deliveries join reportd.jobs on jobs.id = job_id
        where outcome is distinct from 'completed'""",
    "I8 a slot has two jobs": """
        select max(id) from reportd.jobs where slot is not null group by schedule_id, slot having count(*) > 1""",
    "I8 the ledger and the jobs disagree": """
        select coalesce(job_id, jobs.id) from (select * from reportd.occurrences where outcome = 'ran') as ran
        full join (select * from reportd.jobs where slot is not null) as jobs on jobs.id = job_id
        where job_id is null or jobs.id is null or (jobs.schedule_id, jobs.slot) <> (ran.schedule_id, ran.slot)""",
    # Every schedule of a chaos run ticks each minute; the first tick is the one that it was made with.
    "I8 a slot without a job and without a reason": """
        select plan.id from reportd.schedules as plan
        cross join lateral generate_series(
          plan.starts_at, plan.next_run_at - interval '1 minute', interval '1 minute') as tick (slot)
        left join reportd.occurrences as noted on noted.schedule_id = plan.id and noted.slot = tick.slot
        where noted.slot is null or (noted.outcome <> 'ran' and noted.reason is null)""",
    "I8 a plan stands still": "select id from reportd.schedules where not is_paused",
    "I9 a dead lease": """
        select id from reportd.workers where lease_until < clock_timestamp() - make_interval(secs => 2 * lease_s)""",
    "I10 a claim without a job": "select id from reportd.claims",
    "I12 a delivery's job is another tenant's": """
        select sender.id from reportd.jobs as sender
        join reportd.deliveries on deliveries.id = (sender.params ->> 'delivery_id')::bigint
        join reportd.jobs as maker on maker.id = deliveries.job_id
        where sender.kind = 'deliver' and sender.tenant is distinct from maker.tenant""",
}
_NAME = re.compile(r"\d+-\d+-(?P<digest>[0-9a-f]{16})-.+")


async def watch(connection: Connection, *, crashes_max: int) -> None:
    """Keep a history of the database at `connection` from now on; `crashes_max` is the budget that its workers keep."""
    await connection.execute(_WATCH)
    await connection.execute("insert into chaos.promises values ($1)", crashes_max)


async def history(connection: Connection) -> dict[str, list[int]]:
    """What the history tells against: by invariant, the first offending ids."""
    return await _ask(connection, _HISTORY)


async def violations(
    connection: Connection, *, store: Path, delivered: Path, ordered: Mapping[int, str | None]
) -> dict[str, list[Any]]:
    """Everything that is wrong after the drain; `ordered` are the jobs whose INSERT was acknowledged, with tenants."""
    found: dict[str, list[Any]] = {**await history(connection), **await _ask(connection, _DRAINED)}
    there = {row["id"]: row["tenant"] for row in await connection.fetch("select id, tenant from reportd.jobs")}
    if lost := sorted(ordered.keys() - there.keys()):
        found["I1 a committed INSERT is gone"] = lost[:10]
    if moved := sorted(id for id in ordered.keys() & there.keys() if ordered[id] != there[id]):
        found["I12 a job has changed its tenant"] = moved[:10]
    files = await connection.fetch("select * from reportd.artifacts")
    if broken := [file["job_id"] for file in files if not _whole(file)]:
        found["I4 the file is not what the row says"] = broken[:10]
    if half := [path.name for path in store.glob("*/*") if not path.name.startswith(".") and not _as_named(path)]:
        found["I4 half a file is visible"] = half[:10]
    if strange := [file["job_id"] for file in files if not _of(file["job_id"], _path(file["uri"]))]:
        found["I12 a file has another job's content"] = strange[:10]
    sent = [path for path in delivered.glob("*/*") if not path.name.startswith(".")]
    if strange := [path.parent.name for path in sent if not _of(path.parent.name, path)]:
        found["I12 a delivery has another job's content"] = strange[:10]
    receipts = await connection.fetch("select job_id from reportd.deliveries where status = 'delivered'")
    if len(receipts) > len([path for path in delivered.rglob("*") if path.is_file()]):
        found["I7 delivered, and not there"] = [len(receipts)]
    return found


async def leftovers(connection: Connection, *, store: Path) -> dict[str, list[Any]]:
    """I10, once every worker has ended and the store was swept."""
    found: dict[str, list[Any]] = {}
    known = {row["uri"] for row in await connection.fetch("select uri from reportd.artifacts")}
    if orphans := [path.name for path in store.glob("*/*") if path.as_uri() not in known]:
        found["I10 an orphan in the store"] = orphans[:10]
    if broken := [uri for uri in known if not _path(uri).exists()]:
        found["I10 the sweep took a file that a row names"] = broken[:10]
    open_ = await connection.fetch("select pid from pg_stat_activity where application_name like 'reportd%'")
    if open_:
        found["I10 a connection is left"] = [row["pid"] for row in open_]
    return found


async def _ask(connection: Connection, questions: dict[str, str]) -> dict[str, list[Any]]:
    found = {name: [row[0] for row in await connection.fetch(query)][:10] for name, query in questions.items()}
    return {name: ids for name, ids in found.items() if ids}


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _of(job: object, path: Path) -> bool:
    """Whether a file's first word is the job that it is of; one that is gone is told of elsewhere."""
    try:
        return path.read_text().split()[0] == str(job)
    except (FileNotFoundError, IndexError):
        return True


def _whole(file: asyncpg.Record) -> bool:
    try:
        content = _path(file["uri"]).read_bytes()
    except OSError:
        return False
    return bool(len(content) == file["bytes"] and hashlib.sha256(content).hexdigest() == file["sha256"])


def _as_named(path: Path) -> bool:
    """Whether the content has the digest that is in the name."""
    named = _NAME.fullmatch(path.name)
    try:
        return named is not None and hashlib.sha256(path.read_bytes()).hexdigest().startswith(named["digest"])
    except FileNotFoundError:  # swept or discarded this very moment
        return True
