-- Daemons: their registration, their lease, and what becomes of the jobs of a dead one.

-- name: register(host, boot_id, pid_namespace, pid, process_start, version, kinds, roles, lease_s, waiting)
-- A daemon has started.
insert into reportd.workers (host, boot_id, pid_namespace, pid, process_start, version, kinds, roles, lease_s, waiting, lease_until)
values (
  :host, :boot_id, :pid_namespace, :pid, :process_start, :version, :kinds, :roles, :lease_s, :waiting,
  clock_timestamp() + make_interval(secs => :lease_s)
)
returning id;

-- name: renew(worker, lease_s, load)
-- It still lives. No row: it was declared dead.
update reportd.workers
set lease_s = :lease_s, lease_until = clock_timestamp() + make_interval(secs => :lease_s), load = coalesce(:load, load)
where id = :worker
returning true;

-- name: set_kinds(worker, kinds)
-- It has reloaded its reports.
update reportd.workers set kinds = :kinds where id = :worker;

-- name: set_waiting(worker, waiting)
-- Whether the worker is to be told of new jobs.
update reportd.workers set waiting = :waiting where id = :worker;

-- name: list_()
-- All daemons, the latest first.
select id, host, boot_id, pid_namespace, pid, process_start, version, roles, kinds, started_at, lease_until
from reportd.workers order by id desc;

-- name: suspects(host, boot_id, pid_namespace, horizon_s)
-- Daemons whose processes the caller can see, and those whose lease runs out within `horizon_s`, or has run out.
-- After its own start the server gives everybody one lease to come back.
select id, pid, process_start, lease_until,
  host = :host and boot_id = :boot_id and pid_namespace = :pid_namespace as here,
  lease_until < clock_timestamp()
    and clock_timestamp() >= pg_postmaster_start_time() + make_interval(secs => lease_s) as late,
  extract(epoch from lease_until - clock_timestamp())::double precision as left_s
from reportd.workers
where lease_until < clock_timestamp() + make_interval(secs => :horizon_s)
  or (host = :host and boot_id = :boot_id and pid_namespace = :pid_namespace)
order by id;

-- name: lock(worker, lease_until)
-- The dead one's row, for one rescuer; none when another is at it, or when it has renewed since `lease_until` was read.
select id from reportd.workers
where id = :worker and (:lease_until::timestamptz is null or lease_until = :lease_until)
for update skip locked;

-- name: rescue(worker, crashes_max)
-- The dead one's jobs go back at their places; one that has taken too many workers with it fails.
with held as (
  delete from reportd.claims where worker = :worker returning jobs
),
lost as (
  select jobs.id, jobs.started_at,
    case when cancel_requested_at is not null then 'cancelled' when crashes + 1 >= :crashes_max then 'failed' end as fate
  from (select distinct unnest(held.jobs) as id from held) as batch
  join reportd.jobs on jobs.id = batch.id
  where jobs.worker = :worker and not jobs.ready and jobs.outcome is null
  for no key update of jobs
),
back as (
  update reportd.jobs
  set crashes = crashes + 1,
      ready = lost.fate is null,
      outcome = lost.fate,
      worker = case when lost.fate is null then null else jobs.worker end,
      finished_at = case when lost.fate is not null then clock_timestamp() end,
      active_key = case when lost.fate is null then unique_key end,
      started_at = case when lost.fate is not null then jobs.started_at end,
      step = null, percent = 0, message = null, eta = null,
      error = case when lost.fate = 'failed' then jsonb_build_object(
        'code', 'crash-loop', 'message', format('%s attempts died with their worker', crashes + 1), 'retryable', false,
        'attempt', attempt, 'detail', jsonb_build_object('crashes', crashes + 1, 'worker', :worker::bigint)
      ) else error end
  from lost
  where jobs.id = lost.id
  returning jobs.id, jobs.attempt, jobs.queue, jobs.status, jobs.outcome, lost.started_at
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, outcome, error)
  select id, attempt, :worker, started_at, 'crashed', jsonb_build_object(
    'code', 'worker-lost', 'message', 'the worker died', 'retryable', true, 'attempt', attempt, 'detail', '{}'::jsonb
  )
  from back
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs)
  select queue, outcome, count(*) from back where outcome is not null group by queue, outcome
)
select id, attempt, status as outcome, reportd.wake() from back order by id;

-- name: drop(worker)
-- The daemon is gone and holds nothing.
delete from reportd.workers where id = :worker;

-- name: drop_claims(worker)
-- What a leaving daemon's claims say is over.
delete from reportd.claims where worker = :worker;
