-- What is kept, and for how long: finished jobs by the rules of their queue, the ledger of ticks by age.

-- name: window(after, window_rows, completed_s, failed_s, thresholds)
-- The finished jobs of one window over the key that are past their time, and where the window ends.
with scanned as materialized (
  select id, queue, outcome, finished_at, parent_id from reportd.jobs where id > :after order by id limit :window_rows
),
ruled as (
  select scanned.*,
    case when outcome = 'completed' then coalesce(queues.keep_completed_s, :completed_s) else coalesce(queues.keep_failed_s, :failed_s) end
      as keep_s,
    case when outcome = 'completed' then thresholds.completed else thresholds.failed end as threshold
  from scanned
  left join reportd.queues on queues.name = scanned.queue
  left join jsonb_to_recordset(:thresholds) as thresholds (queue text, completed bigint, failed bigint) on thresholds.queue = scanned.queue
  where scanned.outcome is not null
),
past as (
  select id from ruled
  where (finished_at <= clock_timestamp() - make_interval(secs => keep_s) or id <= threshold)
    and not exists (select from reportd.deliveries where deliveries.job_id = ruled.id and deliveries.status = 'pending')
    and not exists (select from reportd.jobs as parent where parent.id = ruled.parent_id and parent.outcome is null)
    and not exists (select from reportd.waits where waits.on_job = ruled.id)
)
select (select max(id) from scanned) as last, (select count(*) from scanned) as scanned,
  coalesce((select array_agg(id order by id) from past), '{}') as ids;

-- name: counted(completed, failed)
-- Queues that keep a number of finished jobs, by a rule of their own or the default, and the numbers.
select queue, keep_completed, keep_failed
from (
  select named.queue, coalesce(queues.keep_completed, :completed) as keep_completed, coalesce(queues.keep_failed, :failed) as keep_failed
  from (select name as queue from reportd.queues union select distinct queue from reportd.tallies) as named
  left join reportd.queues on queues.name = named.queue
) as ruled
where keep_completed is not null or keep_failed is not null
order by queue;

-- name: threshold(queue, outcomes, keep)
-- The newest finished job of a queue that is too many; NULL: there are not that many.
select id from reportd.jobs where queue = :queue and outcome = any (:outcomes) order by id desc offset :keep limit 1;

-- name: uris(ids)
-- Where the files of these jobs are.
select uri from reportd.artifacts where job_id = any (:ids);

-- name: delete_jobs(ids)
-- Delete finished jobs, with their attempts, artifacts and deliveries; one that was made pending meanwhile stays.
delete from reportd.jobs where id = any (:ids) and outcome is not null returning id;

-- name: delete_occurrences(age_s, limit_rows)
-- Ticks past their time, some of each plan.
delete from reportd.occurrences
using (
  select old.schedule_id, old.slot
  from reportd.schedules
  cross join lateral (
    select schedule_id, slot from reportd.occurrences
    where schedule_id = schedules.id and slot <= clock_timestamp() - make_interval(secs => :age_s)
    order by slot limit :limit_rows
  ) as old
) as gone
where (occurrences.schedule_id, occurrences.slot) = (gone.schedule_id, gone.slot)
returning 1;
