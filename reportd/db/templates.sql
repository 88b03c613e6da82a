-- Templates: a report with preset params and output, declared by reports or made by SQL.

-- name: declare(worker, templates)
-- Write what changed of the templates that reports declare; a row of a daemon that started later is left alone.
insert into reportd.templates (name, kind, title, params, formats, deliver, declared_in, declared_hash, worker)
select name, declared_in, title, params, formats, deliver, declared_in, declared_hash, :worker
from jsonb_to_recordset(:templates) as declared (
  name text, declared_in text, title text, params jsonb, formats text[], deliver jsonb, declared_hash text
)
order by name
on conflict (name) do update
set kind = excluded.kind, title = excluded.title, params = excluded.params, formats = excluded.formats,
    deliver = excluded.deliver, declared_in = excluded.declared_in, declared_hash = excluded.declared_hash,
    worker = excluded.worker, updated_at = clock_timestamp(), retired_at = null
where templates.declared_in is not null and coalesce(templates.worker, 0) <= excluded.worker
  and (templates.declared_in, templates.declared_hash, templates.retired_at)
    is distinct from (excluded.declared_in, excluded.declared_hash, null)
returning name;

-- name: taken(names)
-- Names that somebody has given to a template by SQL: a report's declaration does not overwrite it.
select name from reportd.templates where name = any (:names) and declared_in is null order by name;

-- name: retire(worker, kinds, names)
-- Templates that these reports no longer declare; signed, so that an older daemon does not bring them back.
update reportd.templates
set retired_at = clock_timestamp(), worker = :worker
where declared_in = any (:kinds) and name <> all (:names) and retired_at is null and coalesce(worker, 0) <= :worker
returning name;
