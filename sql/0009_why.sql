-- Why a job is where it is: the one thing that it waits for, its position, and when its turn may come.

create function reportd.held_back(queue text, tenant text, kind text) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  policy reportd.queues;
  running bigint;
  tenants bigint;
  daemons bigint;
  spent bigint;
begin
  select * into policy from reportd.queues q where q.name = held_back.queue and q.limited;
  if not found then
    return null;
  end if;
  select coalesce(sum(s.jobs), 0) into spent from reportd.starts s
  where s.queue = held_back.queue and s.at > clock_timestamp() - make_interval(secs => policy.rate_interval_s);
  if spent >= policy.rate_limit then
    return format('rate:queue %s starts at most %s jobs per %s s', held_back.queue, policy.rate_limit, policy.rate_interval_s);
  end if;
  select count(distinct j.id), count(distinct j.id) filter (where j.tenant = held_back.tenant) into running, tenants
  from reportd.claims c, unnest(c.jobs) held (id) join reportd.jobs j on j.id = held.id
  where c.queue = held_back.queue and j.worker = c.worker and not j.ready and j.outcome is null;
  select count(*) into daemons from reportd.workers w where held_back.kind = any (w.kinds) and w.lease_until > clock_timestamp();
  return case
    when running >= policy.concurrency_total
      then format('limit:queue %s runs at most %s jobs at once', held_back.queue, policy.concurrency_total)
    when tenants >= policy.concurrency_per_key
      then format('limit:queue %s runs at most %s jobs of tenant %s at once', held_back.queue, policy.concurrency_per_key, held_back.tenant)
    when running >= policy.concurrency * daemons
      then format('limit:queue %s runs at most %s jobs at once in each of %s daemons', held_back.queue, policy.concurrency, daemons)
  end;
end $$;
comment on function reportd.held_back(text, text, text) is 'Which limit keeps a due job from being claimed, as rate: or limit: and a sentence; NULL: none.';

create function reportd.why(id bigint) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job reportd.jobs;
  host record;
  horizon record;
  horizon_pid integer;
  ahead bigint;
  per_s double precision;
  eta timestamptz;
  waits_for text;
  message text;
  others bigint[];
begin
  select * into job from reportd.jobs j where j.id = why.id;
  if not found then
    perform reportd.no_job(why.id);
  end if;
  if job.status = 'running' then
    select w.host, w.pid, w.lease_until into host from reportd.workers w where w.id = job.worker;
    message := format('running on %s, attempt %s, %s at %s %%', coalesce(host.host || ' pid ' || host.pid, 'a worker that is gone'),
      job.attempt, coalesce(job.step, 'starting'), job.percent);
    eta := job.eta;
    if job.cancel_requested_at is not null then
      waits_for := 'worker';
      message := message || ', asked to stop';
    elsif host.lease_until < clock_timestamp() or host.host is null then
      waits_for := 'rescue';
      message := message || '; its worker has not been heard of, another will take it over';
    end if;
  elsif job.outcome is not null then
    message := format('%s at %s', job.status, job.finished_at) || coalesce(': ' || (job.error ->> 'message'), '');
  elsif job.status = 'blocked' and job.step = 'waiting-for-children' then
    waits_for := 'children';
    message := 'waiting for its children' || coalesce(': ' || job.message, '');
  elsif job.status = 'blocked' then
    others := array(select w.on_job from reportd.waits w where w.job = job.id order by w.on_job limit 10000);
    if others = '{}' then
      message := 'blocked' || coalesce(', ' || job.step, '') || coalesce(': ' || job.message, '');
    else
      waits_for := 'dependency';
      select format('waits for job%s %s', case when cardinality(others) > 1 then 's' end,
          string_agg(format('%s (%s)', d, coalesce(j.status, 'deleted')), ', ' order by d))
        || case when cardinality(others) > 5 then format(' and %s more', cardinality(others) - 5) else '' end
      into message
      from unnest(others[:5]) d left join reportd.jobs j on j.id = d;
    end if;
  elsif exists (select from reportd.queues q where q.name = job.queue and q.paused_at is not null) then
    waits_for := 'pause';
    message := format('queue %s is paused: select reportd.resume(%L)', job.queue, job.queue);
  elsif exists (select from reportd.pauses p where p.scope = 'kind' and p.name = job.kind) then
    waits_for := 'pause';
    message := format('kind %s is paused: select reportd.resume(kind => %L)', job.kind, job.kind);
  elsif exists (select from reportd.pauses p where p.scope = 'tenant' and p.name = job.tenant) then
    waits_for := 'pause';
    message := format('tenant %s is paused: select reportd.resume(tenant => %L)', job.tenant, job.tenant);
  elsif job.run_at > clock_timestamp() then
    waits_for := 'run_at';
    eta := job.run_at;
    message := format('not before %s', job.run_at)
      || case when job.failures > 0 then format(', after failure %s: %s', job.failures, job.error ->> 'message') else '' end;
  elsif not exists (select from reportd.workers w where job.kind = any (w.kinds) and w.lease_until > clock_timestamp()) then
    waits_for := 'worker';
    message := format('no running daemon has kind %s: start one, or see reportd kinds', job.kind);
  else
    select count(*) into ahead from (
      select from reportd.jobs j
      where j.ready and j.queue = job.queue and j.run_at <= clock_timestamp()
        and (j.priority > job.priority or (j.priority = job.priority and (j.run_at, j.id) < (job.run_at, job.id)))
      limit 10000
    ) counted;
    select sum(t.jobs) / 300.0 into per_s from reportd.tallies t
    where t.queue = job.queue and t.at > clock_timestamp() - interval '5 minutes';
    if per_s > 0 then
      eta := clock_timestamp() + make_interval(secs => (ahead + 1) / per_s);
    end if;
    message := reportd.held_back(job.queue, job.tenant, job.kind);
    waits_for := coalesce(split_part(message, ':', 1), 'turn');
    message := coalesce(substr(message, length(waits_for) + 2) || '; ', '')
      || case ahead when 0 then 'next in its queue' else format('%s ahead in queue %s', ahead, job.queue) end;
    -- Who lacks pg_monitor sees no other role's snapshots: then there is none to tell of.
    select a.pid, a.application_name, a.xact_start into horizon
    from pg_stat_activity a
    where a.datname = current_database() and a.backend_xmin is not null and a.pid <> pg_backend_pid()
      and a.xact_start < clock_timestamp() - interval '1 minute'
    order by age(a.backend_xmin) desc limit 1;
    if found then
      horizon_pid := horizon.pid;
      message := message || format('; pid %s (%s) has kept a snapshot open since %s, so finished jobs can''t be cleared away',
        horizon.pid, horizon.application_name, horizon.xact_start);
    end if;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'job', job.id, 'status', job.status, 'waits_for', waits_for, 'position', ahead + 1, 'eta', eta,
    'horizon_pid', horizon_pid, 'on_jobs', to_jsonb(others), 'message', message
  ));
end $$;
comment on function reportd.why(bigint) is
  'Why a job is where it is: status, waits_for (dependency, children, pause, run_at, worker, rate, limit, turn, rescue), on_jobs, position (counted up to 10,000), eta (at the rate of the last 5 minutes), horizon_pid and a sentence.';

revoke execute on function reportd.held_back(text, text, text), reportd.why(bigint) from public;
