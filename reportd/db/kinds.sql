-- Kinds of jobs, as the daemons that can run them declare them.

-- name: upsert(worker, kinds)
-- Write what changed; a row of a daemon that started later is left alone, so two versions side by side do not flap.
insert into reportd.kinds (name, type, title, params_schema, formats, queue, priority, timeout_s, max_attempts, brief, content_hash, error, worker)
select name, type, title, params_schema, formats, queue, priority, timeout_s, max_attempts, brief, content_hash, error, :worker
from jsonb_to_recordset(:kinds) as declared (
  name text, type text, title text, params_schema jsonb, formats text[], queue text, priority smallint,
  timeout_s double precision, max_attempts integer, brief boolean, content_hash text, error jsonb
)
order by name
on conflict (name) do update
set type = excluded.type, title = excluded.title, params_schema = excluded.params_schema, formats = excluded.formats,
    queue = excluded.queue, priority = excluded.priority, timeout_s = excluded.timeout_s,
    max_attempts = excluded.max_attempts, brief = excluded.brief, content_hash = excluded.content_hash,
    error = excluded.error, worker = excluded.worker, updated_at = clock_timestamp(), retired_at = null
where coalesce(kinds.worker, 0) <= excluded.worker
  and (kinds.type, kinds.title, kinds.params_schema, kinds.formats, kinds.queue, kinds.priority, kinds.timeout_s,
       kinds.max_attempts, kinds.brief, kinds.content_hash, kinds.error, kinds.retired_at)
    is distinct from
      (excluded.type, excluded.title, excluded.params_schema, excluded.formats, excluded.queue, excluded.priority,
       excluded.timeout_s, excluded.max_attempts, excluded.brief, excluded.content_hash, excluded.error, null)
returning name;

-- name: retire(worker, names)
-- Kinds that this daemon no longer has and no other living daemon can run.
update reportd.kinds
set retired_at = clock_timestamp()
where name = any (:names) and retired_at is null
  and not exists (
    select from reportd.workers
    where workers.id <> :worker and kinds.name = any (workers.kinds) and workers.lease_until > clock_timestamp()
  )
returning name;

-- name: list_()
-- All kinds by name.
select name, type, title, params_schema, formats, queue, priority, timeout_s, max_attempts, brief, content_hash, error, retired_at
from reportd.kinds order by name;

-- name: get(name)
-- One kind.
select name, type, title, params_schema, formats, queue, priority, timeout_s, max_attempts, brief, content_hash, error, retired_at
from reportd.kinds where name = :name;
