-- Parents and children: a job that became one job per row waits, blocked, until all of them have ended.
--
-- An open burst has a checkpoint `burst`, so that looking for them costs nothing where there are none.

-- name: divide(id, worker, attempt, claim, children, usage)
-- The job lets go of its worker and waits for its children, which are ordered in the same statement, once.
with parent as (
  update reportd.jobs
  set worker = null, step = 'waiting-for-children', percent = 10, message = null, eta = null
  where id = :id and worker = :worker and attempt = :attempt and not ready and outcome is null
  returning id, kind, queue, priority, requested_by, department, tenant, slot, started_at
),
open as (
  insert into reportd.checkpoints (job_id, step, value, attempt)
  select id, 'burst', '{}', :attempt from parent
  on conflict (job_id, step) do nothing
),
tried as (
  insert into reportd.attempts (job_id, attempt, worker, started_at, outcome, signal, cpu_s, peak_bytes, steps_s)
  select parent.id, :attempt, :worker, parent.started_at, 'completed', cost.signal, cost.cpu_s, cost.peak_bytes, cost.steps_s
  from parent
  left join jsonb_to_record(:usage) as cost (signal text, cpu_s double precision, peak_bytes bigint, steps_s jsonb) on true
),
made as (
  insert into reportd.jobs (
    kind, params, formats, name, deliver, metadata, queue, priority, requested_by, department, tenant, slot, parent_id
  )
  select parent.kind, child.params, child.formats, child.name, coalesce(child.deliver, '[]'), coalesce(child.metadata, '{}'),
    parent.queue, parent.priority, parent.requested_by, parent.department, parent.tenant, parent.slot, parent.id
  from parent, jsonb_to_recordset(:children) as child (params jsonb, formats text[], name text, deliver jsonb, metadata jsonb)
  where not exists (select from reportd.jobs as made where made.parent_id = parent.id and made.kind = parent.kind)
)
select true as done, reportd.settle(:claim, parent.id) from parent;

-- name: abandon()
-- Children of a parent that was cancelled are cancelled with it, once: one that is retried afterwards runs.
with given_up as (
  delete from reportd.checkpoints as burst using reportd.jobs as parent
  where burst.step = 'burst' and parent.id = burst.job_id and parent.outcome = 'cancelled'
  returning parent.id, parent.kind
)
select child.id, reportd.cancel(child.id)
from given_up
join reportd.jobs as child on child.parent_id = given_up.id and child.kind = given_up.kind and child.outcome is null
where child.cancel_requested_at is null;

-- name: gather()
-- How far each parent's children are; a parent whose last one has ended is completed, whatever became of them.
with counted as (
  select parent.id, count(child.id) as children,
    count(*) filter (where child.outcome = 'completed') as completed,
    count(*) filter (where child.outcome = 'failed') as failed,
    count(*) filter (where child.outcome = 'cancelled') as cancelled,
    count(*) filter (where child.id is not null and child.outcome is null) as left_over
  from reportd.checkpoints as burst
  join reportd.jobs as parent on parent.id = burst.job_id
  left join reportd.jobs as child on child.parent_id = parent.id and child.kind = parent.kind
  where burst.step = 'burst'
  group by parent.id
),
moved as (
  update reportd.jobs
  set percent = 10 + 89 * (children - left_over) / children, message = format('%s of %s documents', children - left_over, children)
  from counted
  where jobs.id = counted.id and left_over > 0 and jobs.status = 'blocked'
    and jobs.message is distinct from format('%s of %s documents', children - left_over, children)
),
done as (
  update reportd.jobs
  set outcome = 'completed', finished_at = clock_timestamp(), percent = 100, step = null, message = null, error = null,
    active_key = null,
    result = jsonb_build_object('children', children, 'completed', counted.completed, 'failed', counted.failed,
      'cancelled', counted.cancelled)
  from counted
  where jobs.id = counted.id and left_over = 0 and jobs.status = 'blocked'
  returning jobs.id, jobs.queue, jobs.result
),
closed as (
  delete from reportd.checkpoints
  where step = 'burst' and (
    job_id in (select id from done)
    or job_id in (select counted.id from counted join reportd.jobs on jobs.id = counted.id where left_over = 0 and jobs.outcome is not null)
  )
),
tallied as (
  insert into reportd.tallies (queue, outcome, jobs) select queue, 'completed', count(*) from done group by queue
)
select done.id, done.result,
  case when exists (select from reportd.waits where on_job = done.id) then reportd.unblock(array[done.id]) end
from done;
