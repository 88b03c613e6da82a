-- Many jobs at once: order them, cancel, retry or remove those that a filter names.

create function reportd.enqueue_many(jobs jsonb) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  names constant text[] := array['department', 'deliver', 'depends_on', 'depends_until', 'formats', 'kind', 'max_attempts', 'metadata', 'name',
    'params', 'priority', 'queue', 'requested_by', 'run_at', 'template', 'tenant', 'timeout_s', 'unique_for', 'unique_key'];
  wanted jsonb;
  unknown text;
  job record;
  ids bigint[] := '{}';
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    perform reportd.refuse('jobs', array['jobs', 'is no list', 'Write [{"kind": "…", "params": {…}}, …].']);
  end if;
  for wanted in select * from jsonb_array_elements(jobs) loop
    if jsonb_typeof(wanted) <> 'object' then
      perform reportd.refuse('jobs', array[format('jobs[%s]', cardinality(ids)), format('%s is not an object', left(wanted::text, 60)), 'Write {"kind": "…"}.']);
    end if;
    select k into unknown from jsonb_object_keys(wanted) k where k <> all (names) order by 1 limit 1;
    if found then
      perform reportd.refuse('jobs', reportd.not_among(format('jobs[%s]', cardinality(ids)), unknown, 'columns', names));
    end if;
    select * into job from jsonb_to_record(wanted) as given (
      kind text, params jsonb, formats text[], name text, queue text, priority integer, run_at timestamptz, max_attempts integer,
      timeout_s double precision, unique_key text, deliver jsonb, template text, requested_by text, department text, tenant text,
      metadata jsonb, depends_on bigint[], depends_until text, unique_for interval
    );
    ids := ids || reportd.enqueue(
      job.kind, coalesce(job.params, '{}'), job.formats, job.name, job.queue, job.priority, job.run_at, job.max_attempts, job.timeout_s,
      job.unique_key, coalesce(job.deliver, '[]'), job.template, job.requested_by, job.department, job.tenant,
      coalesce(job.metadata, '{}'), job.depends_on, coalesce(job.depends_until, 'completed'), job.unique_for
    );
  end loop;
  return ids;
end $$;
comment on function reportd.enqueue_many(jsonb) is
  'Orders a list of jobs, each an object with the arguments of enqueue(), all or none; their ids in the same order.';

create function reportd.some_filter(variadic filters text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if num_nonnulls(variadic filters) = 0 then
    perform reportd.refuse('jobs', array['queue', 'missing', 'Name a queue, a kind or a tenant.']);
  end if;
end $$;
comment on function reportd.some_filter(text[]) is 'Refuses a call for many jobs that says nothing of which.';

create function reportd.cancel_all(queue text default null, kind text default null, tenant text default null) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  ids bigint[];
begin
  perform reportd.some_filter(cancel_all.queue, cancel_all.kind, cancel_all.tenant);
  ids := array(
    select j.id from reportd.jobs j
    where j.outcome is null
      and (cancel_all.queue is null or j.queue = cancel_all.queue) and (cancel_all.kind is null or j.kind = cancel_all.kind)
      and (cancel_all.tenant is null or j.tenant = cancel_all.tenant)
    order by j.id
  );
  perform reportd.cancel(each) from unnest(ids) each;
  return cardinality(ids);
end $$;
comment on function reportd.cancel_all(text, text, text) is
  'cancel() for every unfinished job of a queue, kind or tenant (all that are given must fit). Returns how many there were.';

create function reportd.retry_all(queue text default null, kind text default null, tenant text default null, code text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job record;
  retried bigint := 0;
begin
  perform reportd.some_filter(retry_all.queue, retry_all.kind, retry_all.tenant, retry_all.code);
  for job in
    select j.id, j.unique_key from reportd.jobs j
    where j.outcome = 'failed' and j.error is not null
      and (retry_all.queue is null or j.queue = retry_all.queue) and (retry_all.kind is null or j.kind = retry_all.kind)
      and (retry_all.tenant is null or j.tenant = retry_all.tenant) and (retry_all.code is null or j.error ->> 'code' = retry_all.code)
    order by j.id
  loop
    -- Another job has taken its place meanwhile.
    continue when exists (select from reportd.jobs j where j.active_key = job.unique_key);
    perform reportd.retry(job.id);
    retried := retried + 1;
  end loop;
  return retried;
end $$;
comment on function reportd.retry_all(text, text, text, text) is
  'retry() for every failed job of a queue, kind, tenant or error code (all that are given must fit), but those whose unique_key another unfinished job has. Returns how many.';

create function reportd.discard(ids bigint[]) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  removed bigint;
begin
  delete from reportd.jobs j
  where j.id = any (discard.ids) and j.outcome is not null and not exists (select from reportd.waits w where w.on_job = j.id);
  get diagnostics removed = row_count;
  return removed;
end $$;
comment on function reportd.discard(bigint[]) is
  'Removes ended jobs with their attempts and the rows of their files, which go soon after. Unfinished ones stay. Returns how many were removed.';

create function reportd.clean(queue text, grace interval) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  if clean.grace is null or clean.grace < interval '0' then
    perform reportd.refuse('jobs', array['grace', format('%s is no age', coalesce(clean.grace::text, 'NULL')), 'Give an interval such as 7 days.']);
  elsif clean.queue is null then
    perform reportd.refuse('jobs', array['queue', 'missing', 'Name the queue.']);
  end if;
  return reportd.discard(array(
    select j.id from reportd.jobs j
    where j.queue = clean.queue and j.outcome is not null and j.finished_at <= clock_timestamp() - clean.grace
  ));
end $$;
comment on function reportd.clean(text, interval) is
  'Removes the jobs of a queue that ended longer ago than grace, with their attempts and files. Returns how many.';

revoke execute on function
  reportd.cancel_all(text, text, text), reportd.retry_all(text, text, text, text), reportd.discard(bigint[]), reportd.clean(text, interval)
from public;
