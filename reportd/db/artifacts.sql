-- Finished files.

-- name: of_job(job_id)
-- A job's files, in the order of its formats.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where job_id = :job_id order by id;

-- name: get(id)
-- One file.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where id = :id;

-- name: alike(sha256)
-- Files with these very bytes, the latest first.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where sha256 = :sha256 order by id desc;

-- name: expired(limit_rows, age_s)
-- Files past their time: their own, or the age that holds for all. What is still to be delivered stays.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from (
  (select * from reportd.artifacts where expires_at <= clock_timestamp() order by expires_at limit :limit_rows)
  union
  (select * from (select * from reportd.artifacts order by id limit :limit_rows) as oldest
   where created_at <= clock_timestamp() - make_interval(secs => :age_s))
) as due
where not exists (select from reportd.deliveries where deliveries.job_id = due.job_id and deliveries.status = 'pending')
order by id
limit :limit_rows;

-- name: known_uris(uris)
-- Which of these files have a row.
select distinct uri from reportd.artifacts where uri = any (:uris);

-- name: delete(ids)
-- Forget files that are gone.
delete from reportd.artifacts where id = any (:ids);
