-- Finished files.

-- name: of_job(job_id)
-- A job's files, in the order of its formats.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where job_id = :job_id order by id;

-- name: get(id)
-- One file.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where id = :id;

-- name: expired(limit_rows)
-- Files past their time.
select id, job_id, attempt, format, name, uri, content_type, bytes, sha256, rows, pages, created_at, expires_at
from reportd.artifacts where expires_at <= clock_timestamp() order by expires_at limit :limit_rows;

-- name: known_uris(uris)
-- Which of these files have a row.
select distinct uri from reportd.artifacts where uri = any (:uris);

-- name: delete(ids)
-- Forget files that are gone.
delete from reportd.artifacts where id = any (:ids);
