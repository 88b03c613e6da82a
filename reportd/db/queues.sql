-- Queues: their state in numbers, and their pause.

-- name: stats(queue)
-- One queue in numbers, or all of them.
select queue, waiting, delayed, active, completed, failed, cancelled, oldest, paused from reportd.stats(:queue);

-- name: pause(queue, kind, tenant)
-- Stop claims from a queue, of a kind, or for a tenant.
select reportd.pause(:queue, :kind, :tenant);

-- name: resume(queue, kind, tenant)
-- Let what was paused run again.
select reportd.resume(:queue, :kind, :tenant);

-- name: fold(over)
-- Add the running totals up, once there are more than `over` rows of them; the latest minutes stay, for the rate.
with gone as (
  delete from reportd.tallies
  where at < clock_timestamp() - interval '10 minutes' and (select count(*) from reportd.tallies) > :over
  returning queue, outcome, jobs, at
)
insert into reportd.tallies (queue, outcome, jobs, at)
select queue, outcome, sum(jobs), max(at) from gone group by queue, outcome;

-- name: forget_starts()
-- Starts that no rate counts any more; the latest of each lane stays, since it says whose turn was last.
delete from reportd.starts as old
where old.at < clock_timestamp() - make_interval(secs => greatest(60, (
    select queues.rate_interval_s from reportd.queues where queues.name = old.queue
  )))
  and exists (
    select from reportd.starts as new
    where new.queue = old.queue and new.priority = old.priority and (new.at, new.id) > (old.at, old.id)
  );
