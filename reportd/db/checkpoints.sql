-- What attempts keep for the next ones.

-- name: save(job, attempt, step, value)
-- Keep a step's value, for the attempt that still has the job.
insert into reportd.checkpoints (job_id, step, value, attempt)
select id, :step, :value, attempt
from reportd.jobs
where id = :job and attempt = :attempt and not ready and outcome is null
for key share
on conflict (job_id, step) do update
set value = excluded.value, attempt = excluded.attempt, saved_at = clock_timestamp()
returning true;

-- name: load(job, step)
-- The value that was kept last.
select value from reportd.checkpoints where job_id = :job and step = :step;

-- name: forget(job)
-- Remove what a completed job kept; one that failed may be tried again by hand.
delete from reportd.checkpoints
where job_id = :job and exists (select from reportd.jobs where id = :job and outcome = 'completed');
