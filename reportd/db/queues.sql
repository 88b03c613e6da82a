-- Queues: their state in numbers, and their pause.

-- name: stats(queue)
-- One queue in numbers, or all of them.
select queue, waiting, delayed, active, completed, failed, cancelled, oldest, paused from reportd.stats(:queue);

-- name: pause(queue)
-- Stop claims from a queue.
select reportd.pause(:queue);

-- name: resume(queue)
-- Let a paused queue run again.
select reportd.resume(:queue);

-- name: fold(over)
-- Add the running totals up, once there are more than `over` rows of them.
with gone as (
  delete from reportd.tallies where (select count(*) from reportd.tallies) > :over returning queue, outcome, jobs
)
insert into reportd.tallies (queue, outcome, jobs)
select queue, outcome, sum(jobs) from gone group by queue, outcome;
