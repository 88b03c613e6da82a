-- The ledger of deliveries: one row per (job, channel, target), tried by one job of kind deliver.

-- name: of_job(job_id)
-- Where a job's files went.
select id, job_id, channel, target, status, tries, idempotency_key, receipt, error, sent_by, digest, created_at, delivered_at
from reportd.deliveries where job_id = :job_id order by id;

-- name: try_(id, job, attempt)
-- One more try, by the attempt that still has the job.
update reportd.deliveries
set tries = tries + case status when 'delivered' then 0 else 1 end, sent_by = :job,
    status = case status when 'failed' then 'pending' else status end
where id = :id
  and exists (select from reportd.jobs where id = :job and attempt = :attempt and not ready and outcome is null)
returning id, job_id, channel, target, status, tries, idempotency_key, receipt, error, sent_by, digest, created_at, delivered_at;

-- name: delivered(id, job, attempt, receipt)
-- It got there.
update reportd.deliveries
set status = 'delivered', delivered_at = clock_timestamp(), receipt = :receipt, error = null
where id = :id and status <> 'delivered'
  and exists (select from reportd.jobs where id = :job and attempt = :attempt and not ready and outcome is null)
returning true;

-- name: refused(id, job, attempt, error)
-- The try failed; another may follow.
update reportd.deliveries set error = :error
where id = :id and status = 'pending'
  and exists (select from reportd.jobs where id = :job and attempt = :attempt and not ready and outcome is null)
returning true;

-- name: close()
-- Deliveries whose job has ended without making them are failed, and say so.
update reportd.deliveries
set status = 'failed',
    error = coalesce(deliveries.error, (select error from reportd.jobs where id = deliveries.sent_by),
      '{"code": "cancelled", "message": "the job that was to deliver it has ended without a try", "retryable": false}')
where status = 'pending'
  and not exists (select from reportd.jobs where active_key = 'reportd.delivery:' || deliveries.id)
returning id, job_id, channel, target;

-- name: last_digest(kind, params, before)
-- The digest of the data that was delivered last for the same order.
select deliveries.digest
from reportd.deliveries join reportd.jobs on jobs.id = deliveries.job_id
where deliveries.digest is not null and deliveries.status <> 'failed'
  and jobs.kind = :kind and jobs.params = :params and jobs.id <> :before
order by deliveries.id desc limit 1;

-- name: resend(id)
-- Deliver once more.
select reportd.resend(:id);
