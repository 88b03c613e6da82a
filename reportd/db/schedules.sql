-- Plans: declared by reports, advanced by schedulers. Any number of them may: a plan is locked while it is advanced, and
-- the key of occurrences lets every slot run once.

-- name: now()
-- The database's clock.
select clock_timestamp();

-- name: declare(worker, schedules)
-- Write what changed of the plans that reports declare; a row of a daemon that started later is left alone.
insert into reportd.schedules (name, kind, template, cron, timezone, params, formats, deliver, misfire, overlap, starts_at, ends_at,
  is_active, source, declared_in, declared_hash, worker)
select name, declared_in, template, cron, timezone, params, formats, deliver, misfire, overlap, starts_at, ends_at, is_active, 'file',
  declared_in, declared_hash, :worker
from jsonb_to_recordset(:schedules) as declared (
  name text, declared_in text, template text, cron text, timezone text, params jsonb, formats text[], deliver jsonb, misfire text,
  overlap text, starts_at timestamptz, ends_at timestamptz, is_active boolean, declared_hash text
)
order by name
on conflict (name) do update
set kind = excluded.kind, template = excluded.template, cron = excluded.cron, timezone = excluded.timezone,
    params = excluded.params, formats = excluded.formats, deliver = excluded.deliver, misfire = excluded.misfire,
    overlap = excluded.overlap, starts_at = excluded.starts_at, ends_at = excluded.ends_at, is_active = excluded.is_active,
    declared_in = excluded.declared_in, declared_hash = excluded.declared_hash, worker = excluded.worker,
    updated_at = clock_timestamp(), retired_at = null
where schedules.source = 'file' and coalesce(schedules.worker, 0) <= excluded.worker
  and (schedules.declared_in, schedules.declared_hash, schedules.retired_at)
    is distinct from (excluded.declared_in, excluded.declared_hash, null)
returning name;

-- name: taken(names)
-- Names that somebody has given to a plan by SQL: a report's declaration does not overwrite it.
select name from reportd.schedules where name = any (:names) and source = 'sql' order by name;

-- name: retire(worker, kinds, names)
-- Plans that these reports no longer declare; signed, so that an older daemon does not bring them back.
update reportd.schedules
set retired_at = clock_timestamp(), worker = :worker
where source = 'file' and declared_in = any (:kinds) and name <> all (:names) and retired_at is null
  and coalesce(worker, 0) <= :worker
returning name;

-- name: due()
-- One plan that has to be worked out or whose tick is due, locked; plans that another scheduler has are skipped.
select id, name, kind, template, cron, timezone, params, formats, deliver, misfire, overlap, is_active, is_paused, starts_at,
  ends_at, planned_at, next_run_at, waiting_slot, last_run_at, last_job_id, run_count, error, error_count, source, retired_at,
  exists (select from reportd.jobs where jobs.id = last_job_id and jobs.outcome is null) as busy
from reportd.schedules
where is_active and not is_paused and retired_at is null
  and (
    planned_at is null or next_run_at <= clock_timestamp()
    or (waiting_slot is not null and not exists (select from reportd.jobs where jobs.id = last_job_id and jobs.outcome is null))
  )
order by next_run_at nulls first, id
limit 1
for update of schedules skip locked;

-- name: wait_s()
-- Seconds until a plan has something to do; a tick that waits for a job to end is looked after every two seconds.
select min(case
  when planned_at is null then 0
  when waiting_slot is not null and not exists (
    select from reportd.jobs where jobs.id = last_job_id and jobs.outcome is null
  ) then 0
  else least(
    extract(epoch from next_run_at - clock_timestamp()), case when waiting_slot is not null then 2 end
  )
end)::double precision
from reportd.schedules where is_active and not is_paused and retired_at is null;

-- name: plan(id, next_run_at, error)
-- The next tick is known, or why there is none.
update reportd.schedules
set planned_at = clock_timestamp(), next_run_at = :next_run_at, error = :error,
    error_count = error_count + case when :error::jsonb is null then 0 else 1 end
where id = :id;

-- name: fire(id, slot)
-- A tick: its job, its row in the ledger, and the plan's counters. No job when the slot has been settled before.
with tick as (
  insert into reportd.jobs (kind, template, params, formats, deliver, queue, priority, requested_by, department, tenant, schedule_id, slot)
  select kind, template, params, formats, deliver, queue, priority, requested_by, department, tenant, id, :slot
  from reportd.schedules
  where id = :id and not exists (select from reportd.occurrences where schedule_id = :id and slot = :slot)
  returning id
),
settled as (
  insert into reportd.occurrences (schedule_id, slot, outcome, job_id)
  select :id, :slot, 'ran', tick.id from tick
)
update reportd.schedules
set last_run_at = clock_timestamp(), last_job_id = tick.id, run_count = run_count + 1
from tick
where schedules.id = :id
returning tick.id;

-- name: wait(id, slot)
-- The tick that waits for the former job to end; NULL: none does any more.
update reportd.schedules set waiting_slot = :slot where id = :id;

-- name: miss(id, slot, outcome, reason)
-- A tick that orders nothing, in the ledger.
insert into reportd.occurrences (schedule_id, slot, outcome, reason)
values (:id, :slot, :outcome, :reason)
on conflict do nothing;

-- name: occurrences(id, limit_rows)
-- The latest ticks of a plan.
select slot, outcome, reason, job_id, at from reportd.occurrences where schedule_id = :id order by slot desc limit :limit_rows;

-- name: list_()
-- All plans by name.
select id, name, kind, template, cron, timezone, params, formats, deliver, misfire, overlap, is_active, is_paused, starts_at,
  ends_at, planned_at, next_run_at, waiting_slot, last_run_at, last_job_id, run_count, error, error_count, source, retired_at,
  exists (select from reportd.jobs where jobs.id = last_job_id and jobs.outcome is null) as busy
from reportd.schedules order by name;

-- name: set_paused(name, paused)
-- An operator's hold, or its end.
update reportd.schedules set is_paused = :paused where name = :name returning true;

-- name: run_now(name)
-- Order a plan's job beside the plan.
select reportd.run_now(:name);
