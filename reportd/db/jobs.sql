-- Jobs in a worker's hands, and as clients see them.
--
-- The fence is written out in every statement of a worker: id, attempt, worker, not ready, no outcome.

-- name: lanes(horizon_s)
-- Lanes (queue and priority) with jobs due within `horizon_s`, the best first: a skip scan, one index look per lane.
with recursive lane (queue, priority, oldest) as (
  (
    select queue, priority, run_at
    from reportd.jobs where ready
    order by queue, priority, run_at, id limit 1
  )
  union all
  select next.queue, next.priority, next.run_at
  from lane, lateral (
    select queue, priority, run_at
    from reportd.jobs where ready and (queue, priority) > (lane.queue, lane.priority)
    order by queue, priority, run_at, id limit 1
  ) as next
)
select lane.queue, lane.priority, lane.oldest,
  greatest(0, extract(epoch from lane.oldest - statement_timestamp()))::double precision as wait_s,
  coalesce(queues.limited, false) as limited
from lane left join reportd.queues on queues.name = lane.queue
where lane.oldest <= statement_timestamp() + make_interval(secs => :horizon_s) and queues.paused_at is null
order by lane.priority desc, lane.oldest;

-- name: claim(queue, priority, demand, worker, kinds, after_run_at, after_id, default_timeout_s, default_max_attempts)
-- Take up to `demand` due jobs of a lane, the oldest first, and note the batch.
-- By ctid, since no plan can turn that into a join. statement_timestamp() is no later than the snapshot, and lets the
-- index end the scan. A worker that was declared dead has no row any more and gets nothing. The last row is no job: it
-- has the batch, if there is one, and the scan's snapshot (see queue/hint.py). What most jobs don't have comes as NULL,
-- since every value costs both sides something.
with me as materialized (
  select id from reportd.workers where id = :worker for key share
),
taken as (
  update reportd.jobs
  set ready = false, worker = :worker, attempt = attempt + 1,
      started_at = null, step = null, percent = 0, message = null, eta = null
  where ctid = any (array(
    select ctid
    from reportd.jobs
    where ready and queue = :queue and priority = :priority
      and run_at <= statement_timestamp() and (run_at, id) >= (:after_run_at, :after_id)
      and kind = any (array(
        select kind from unnest(:kinds::text[]) as offered (kind)
        where kind <> all (array(select name from reportd.pauses where scope = 'kind'))
      ))
      and (tenant is null or tenant <> all (array(select name from reportd.pauses where scope = 'tenant')))
      and exists (select from me)
      and not exists (select from reportd.queues where name = :queue and (paused_at is not null or limited))
    order by run_at, id
    limit :demand
    for update skip locked
  ))
  returning id, kind, run_at, created_at, attempt, failures, crashes, max_attempts, timeout_s, params, params_resolved,
    formats, name, nullif(deliver, '[]') as deliver, template, requested_by, department, tenant,
    nullif(metadata, '{}') as metadata, schedule_id, slot, parent_id
),
batch as (
  insert into reportd.claims (worker, queue, jobs)
  select :worker, :queue, array_agg(id) from taken having count(*) > 0
  returning id
),
scan as (
  select (select id from batch) as claim_id, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xmax, statement_timestamp() as at
)
select taken.id, taken.kind, taken.run_at, taken.created_at, taken.attempt, taken.failures, taken.crashes,
  coalesce(taken.max_attempts, kinds.max_attempts, queues.max_attempts, :default_max_attempts) as max_attempts,
  coalesce(taken.timeout_s, kinds.timeout_s, queues.timeout_s, :default_timeout_s) as timeout_s,
  taken.params, taken.params_resolved, taken.formats, taken.name, taken.deliver, taken.template, taken.requested_by,
  taken.department, taken.tenant, taken.metadata, taken.schedule_id, taken.slot, taken.parent_id,
  coalesce(kinds.backoff, queues.backoff) as backoff, kinds.never_retry,
  scan.claim_id, scan.xmin, scan.xmax, scan.at
from taken
left join reportd.kinds on kinds.name = taken.kind
left join reportd.queues on queues.name = :queue
full join scan on false
order by taken.run_at, taken.id;

-- name: take_turns(queue, priority, demand, worker, kinds, default_timeout_s, default_max_attempts)
-- The claim from a queue with limits; one row at least, without an id when nothing was taken.
select (taken.job).id, (taken.job).kind, (taken.job).run_at, (taken.job).created_at, (taken.job).attempt,
  (taken.job).failures, (taken.job).crashes,
  coalesce((taken.job).max_attempts, kinds.max_attempts, queues.max_attempts, :default_max_attempts) as max_attempts,
  coalesce((taken.job).timeout_s, kinds.timeout_s, queues.timeout_s, :default_timeout_s) as timeout_s,
  (taken.job).params, (taken.job).params_resolved, (taken.job).formats, (taken.job).name, (taken.job).deliver,
  (taken.job).template, (taken.job).requested_by, (taken.job).department, (taken.job).tenant, (taken.job).metadata,
  (taken.job).schedule_id, (taken.job).slot, (taken.job).parent_id,
  coalesce(kinds.backoff, queues.backoff) as backoff, kinds.never_retry, taken.claim_id, taken.wait_s
from reportd.take_turns(:queue, :priority, :demand, :worker, :kinds) as taken
left join reportd.kinds on kinds.name = (taken.job).kind
left join reportd.queues on queues.name = :queue;

-- name: begin(id, worker, attempt, params_resolved)
-- The handler of this attempt starts.
update reportd.jobs
set started_at = coalesce(started_at, clock_timestamp()), step = 'initializing', percent = 0,
    params_resolved = coalesce(params_resolved, :params_resolved)
where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
returning true;

-- name: progress(id, worker, attempt, step, percent, message, eta)
-- How far the attempt has come.
update reportd.jobs
set step = :step, percent = :percent, message = :message, eta = :eta
where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
returning true;

-- name: complete(id, worker, attempt, claim, artifacts, deliveries, result, usage)
-- The job's end, its files, its deliveries and the jobs that send them, all or nothing.
with done as (
  update reportd.jobs
  set outcome = 'completed', finished_at = clock_timestamp(), percent = 100, step = null, message = null, eta = null,
      error = null, active_key = null, result = :result, started_at = coalesce(started_at, clock_timestamp())
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  returning id, queue, worker, attempt, started_at, finished_at, requested_by, department, tenant
),
filed as (
  insert into reportd.artifacts (job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, expires_at)
  select done.id, done.attempt, file.format, file.name, file.uri, file.content_type, file.bytes, file.sha256, file.rows,
    file.pages, clock_timestamp() + make_interval(secs => file.keep_s)
  from done, jsonb_to_recordset(:artifacts) as file (
    format text, name text, uri text, content_type text, bytes bigint, sha256 text, rows bigint, pages integer,
    keep_s double precision
  )
),
owed as (
  insert into reportd.deliveries (job_id, channel, target, digest)
  select distinct done.id, wanted.channel, wanted.target, :result::jsonb ->> 'data_sha256'
  from done, jsonb_to_recordset(:deliveries) as wanted (channel text, target text)
  returning id, job_id
),
sent as materialized (
  -- By a function: an INSERT of no rows would still fire the statement trigger, and every completion would NOTIFY.
  select reportd.send(owed.id, done.id, done.requested_by, done.department, done.tenant)
  from done join owed on owed.job_id = done.id
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, ended_at, outcome, signal, cpu_s, peak_bytes, steps_s)
  select done.id, done.attempt, done.worker, done.started_at, done.finished_at, 'completed',
    cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from done
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select done.queue, 'completed', 1 from done
)
select true as done, reportd.settle(:claim, done.id), (select count(*) from sent),
  case when exists (select from reportd.waits where on_job = done.id) then reportd.unblock(array[done.id]) end
from done;

-- name: complete_brief(worker, ids, attempt, emptied)
-- Many ends at once, of jobs without files or results, and of the batches of claims whose last jobs they are.
-- A first try leaves no row in attempts. One attempt number for all: pairs would need a join, and its plan is quadratic
-- or worse.
with done as (
  update reportd.jobs
  set outcome = 'completed', finished_at = clock_timestamp(), percent = 100, step = null, message = null, eta = null,
      error = null, active_key = null, started_at = coalesce(started_at, clock_timestamp())
  where id = any (:ids) and worker = :worker and attempt = :attempt and not ready and outcome is null
  returning id, queue, attempt, started_at, finished_at
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, ended_at, outcome)
  select id, attempt, :worker, started_at, finished_at, 'completed' from done where :attempt > 1
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select queue, 'completed', count(*) from done group by queue
),
dropped as (
  delete from reportd.claims where id = any (:emptied)
)
select array_agg(id) as ids, (
  select reportd.unblock(array_agg(distinct on_job)) from reportd.waits where on_job = any (array(select id from done))
) from done;

-- name: retry_later(id, worker, attempt, claim, error, delay_s, crashed, usage)
-- The attempt failed and the job waits for the next one.
with tried as (
  select id, started_at, cancel_requested_at is not null as stop from reportd.jobs
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  for no key update
),
back as (
  update reportd.jobs
  set ready = not stop, outcome = case when stop then 'cancelled' end,
      finished_at = case when stop then clock_timestamp() end, active_key = case when not stop then unique_key end,
      worker = case when stop then worker end, started_at = case when stop then jobs.started_at end,
      run_at = case when stop then run_at else reportd.due(:delay_s) end,
      step = null, percent = 0, message = null, eta = null, error = :error,
      failures = failures + case when :crashed::boolean then 0 else 1 end,
      crashes = crashes + case when :crashed then 1 else 0 end
  from tried where jobs.id = tried.id
  returning jobs.id, jobs.queue, jobs.outcome
),
ended as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, outcome, error, signal, cpu_s, peak_bytes, steps_s)
  select tried.id, :attempt, :worker, tried.started_at, case when :crashed then 'crashed' else 'failed' end, :error,
    cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from tried
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select queue, outcome, 1 from back where outcome is not null
)
select true as done, reportd.settle(:claim, back.id) from back;

-- name: fail(id, worker, attempt, claim, error, crashed, usage)
-- The attempt failed and no other will be made.
with done as (
  update reportd.jobs
  set outcome = 'failed', finished_at = clock_timestamp(), eta = null, active_key = null, error = :error,
      failures = failures + case when :crashed::boolean then 0 else 1 end,
      crashes = crashes + case when :crashed then 1 else 0 end
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  returning id, queue, started_at, finished_at
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, ended_at, outcome, error, signal, cpu_s, peak_bytes, steps_s)
  select done.id, :attempt, :worker, done.started_at, done.finished_at, case when :crashed then 'crashed' else 'failed' end,
    :error, cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from done
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select done.queue, 'failed', 1 from done
)
select true as done, reportd.settle(:claim, done.id), reportd.unblock(array[done.id]) from done;

-- name: cancelled(id, worker, attempt, claim, usage)
-- The attempt was stopped because somebody asked for it.
with done as (
  update reportd.jobs
  set outcome = 'cancelled', finished_at = clock_timestamp(), eta = null, active_key = null
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  returning id, queue, started_at, finished_at
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, ended_at, outcome, signal, cpu_s, peak_bytes, steps_s)
  select done.id, :attempt, :worker, done.started_at, done.finished_at, 'cancelled',
    cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from done
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select done.queue, 'cancelled', 1 from done
)
select true as done, reportd.settle(:claim, done.id), reportd.unblock(array[done.id]) from done;

-- name: release(id, worker, attempt, claim, delay_s, error, usage)
-- The job goes back as it was: no budget is spent, and without a delay it keeps its place.
with held as (
  select id, started_at, cancel_requested_at is not null as stop from reportd.jobs
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  for no key update
),
back as (
  update reportd.jobs
  set ready = not stop, outcome = case when stop then 'cancelled' end,
      finished_at = case when stop then clock_timestamp() end, active_key = case when not stop then unique_key end,
      worker = case when stop then worker end, started_at = case when stop then jobs.started_at end,
      run_at = case when not stop and :delay_s::double precision > 0 then reportd.due(:delay_s) else run_at end,
      step = null, percent = 0, message = null, eta = null,
      error = coalesce(:error, error)
  from held where jobs.id = held.id
  returning jobs.id, jobs.queue, jobs.outcome
),
ended as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, outcome, error, signal, cpu_s, peak_bytes, steps_s)
  select held.id, :attempt, :worker, held.started_at, 'released', :error,
    cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from held
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select queue, outcome, 1 from back where outcome is not null
)
select true as done, reportd.settle(:claim, back.id), reportd.wake() from back;

-- name: give_back(worker, known)
-- Jobs that the worker holds without knowing it go back untouched, and their claims with them.
with held as (
  select jobs.id, claims.id as claim, jobs.cancel_requested_at is not null as stop
  from reportd.claims, unnest(claims.jobs) as held (id)
  join reportd.jobs on jobs.id = held.id
  where claims.worker = :worker and jobs.worker = :worker and not jobs.ready and jobs.outcome is null
    and jobs.id <> all (:known)
  for no key update of jobs
),
back as (
  update reportd.jobs
  set ready = not stop, outcome = case when stop then 'cancelled' end,
      finished_at = case when stop then clock_timestamp() end, active_key = case when not stop then unique_key end,
      worker = case when stop then worker end, started_at = case when stop then jobs.started_at end,
      step = null, percent = 0, message = null, eta = null
  from held where jobs.id = held.id
  returning jobs.id, held.claim, jobs.queue, jobs.outcome
),
counted as (
  insert into reportd.tallies (queue, outcome, jobs) select queue, outcome, 1 from back where outcome is not null
)
select id, reportd.settle(claim, id), reportd.wake() from back;

-- name: settled(id, worker, attempt)
-- Whether this worker has already written the end of this attempt.
select exists (
  select from reportd.attempts where job_id = :id and attempt = :attempt and worker = :worker and outcome <> 'crashed'
);

-- name: interrupted(worker, ids, attempts)
-- Of the jobs that the worker runs: which were asked to stop, and which are no longer its own.
select ours.id, ours.attempt, case when held.id is null then 'fenced' else 'cancelled' end as reason
from unnest(:ids::bigint[], :attempts::integer[]) as ours (id, attempt)
left join lateral (
  select id, cancel_requested_at
  from reportd.jobs
  where id = ours.id and attempt = ours.attempt and worker = :worker and not ready and outcome is null
  offset 0 -- one look at the index per job, whatever the planner thinks of the table's size
) as held on true
where held.id is null or held.cancel_requested_at is not null;

-- name: unblock()
-- Let go what waits for jobs that have ended, where their ends could not; and whether a parent waits for its children.
select exists (select from reportd.checkpoints where step = 'burst') as open, reportd.unblock(array_agg(waits.on_job))
from (select distinct on_job from reportd.waits) as waits
left join reportd.jobs on jobs.id = waits.on_job
where jobs.id is null or jobs.outcome is not null;

-- name: unfinished(ids)
-- Which of these jobs have not ended, with the number of their latest attempt.
select id, attempt from reportd.jobs where id = any (:ids) and outcome is null;

-- name: get(id)
-- One job, all of it.
select * from reportd.jobs where id = :id;

-- name: list_(status, kind, queue, before, limit_rows)
-- The latest jobs, one page of them.
select * from reportd.jobs
where (:before::bigint is null or id < :before)
  and (:status::text is null or status = :status)
  and (:kind::text is null or kind = :kind)
  and (:queue::text is null or queue = :queue)
order by id desc
limit :limit_rows;

-- name: attempts(id)
-- The tries of one job, in order.
select attempt, worker, started_at, ended_at, outcome, error, signal, cpu_s, peak_bytes, steps_s
from reportd.attempts where job_id = :id order by attempt;

-- name: enqueue(kind, params, formats, name, queue, priority, run_at, max_attempts, timeout_s, unique_key, deliver, template, requested_by, department, tenant, metadata, depends_on, depends_until, unique_for_s)
-- Order a job.
select reportd.enqueue(
  kind => :kind, params => :params, formats => :formats, name => :name, queue => :queue, priority => :priority,
  run_at => :run_at, max_attempts => :max_attempts, timeout_s => :timeout_s, unique_key => :unique_key,
  deliver => :deliver, template => :template, requested_by => :requested_by, department => :department,
  tenant => :tenant, metadata => :metadata, depends_on => :depends_on, depends_until => :depends_until,
  unique_for => make_interval(secs => :unique_for_s)
);

-- name: cancel(id)
-- Ask for a job's end.
select reportd.cancel(:id);

-- name: retry(id)
-- Make a failed or cancelled job pending again.
select reportd.retry(:id);

-- name: why(id)
-- What a job waits for.
select reportd.why(:id);
