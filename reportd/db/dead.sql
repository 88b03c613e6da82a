-- Failed jobs: looked through by the index on them, retried or removed many at once.

-- name: newest(queue, kind, tenant, code, before, limit_rows)
-- The latest failed jobs that fit.
select * from reportd.jobs
where outcome = 'failed' and error is not null
  and (:queue::text is null or queue = :queue) and (:kind::text is null or kind = :kind)
  and (:tenant::text is null or tenant = :tenant) and (:code::text is null or error ->> 'code' = :code)
  and (:before::bigint is null or id < :before)
order by id desc
limit :limit_rows;

-- name: oldest(queue, kind, tenant, code, after, limit_rows)
-- The earliest failed jobs that fit.
select * from reportd.jobs
where outcome = 'failed' and error is not null and id > :after
  and (:queue::text is null or queue = :queue) and (:kind::text is null or kind = :kind)
  and (:tenant::text is null or tenant = :tenant) and (:code::text is null or error ->> 'code' = :code)
order by id
limit :limit_rows;

-- name: retry(queue, kind, tenant, code)
-- Make those that fit pending again.
select reportd.retry_all(:queue, :kind, :tenant, :code);

-- name: discard(ids, queue, kind, tenant, code)
-- Remove failed jobs: those named, else those that fit.
select reportd.discard(array(
  select id from reportd.jobs
  where outcome = 'failed' and error is not null and (:ids::bigint[] is null or id = any (:ids))
    and (:queue::text is null or queue = :queue) and (:kind::text is null or kind = :kind)
    and (:tenant::text is null or tenant = :tenant) and (:code::text is null or error ->> 'code' = :code)
));
