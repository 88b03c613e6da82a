-- What any client may call: order, cancel, retry, release, pause, resume, stats, run_now.
--
-- Those that write to rows which applications may not write are SECURITY DEFINER and open to nobody but the owner;
-- `reportd grants` prints who else should have them.

create function reportd.enqueue(
  kind text,
  params jsonb default '{}',
  formats text[] default null,
  name text default null,
  queue text default null,
  priority integer default null,
  run_at timestamptz default null,
  max_attempts integer default null,
  timeout_s double precision default null,
  unique_key text default null,
  deliver jsonb default '[]',
  template text default null,
  requested_by text default null,
  department text default null,
  tenant text default null,
  metadata jsonb default '{}',
  depends_on bigint[] default null,
  depends_until text default 'completed',
  unique_for interval default null
) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job_id bigint;
begin
  if unique_for is not null then
    if unique_for <= interval '0' then
      perform reportd.refuse('jobs', array['unique_for', format('%s is no window', unique_for), 'Give an interval above 0, such as 10 minutes.']);
    end if;
    -- Without a key of its own, a request is known by what it asks for.
    unique_key := coalesce(unique_key, 'reportd.request:' || md5(jsonb_build_array(
      enqueue.kind, enqueue.template, enqueue.params, enqueue.formats, enqueue.name, enqueue.deliver, enqueue.tenant
    )::text));
    select j.id into job_id from reportd.jobs j
    where j.unique_key = enqueue.unique_key and j.outcome = 'completed' and j.finished_at > clock_timestamp() - unique_for
    order by j.id desc limit 1;
    if found then
      return job_id;
    end if;
  end if;
  loop
    insert into reportd.jobs (
      kind, params, formats, name, queue, priority, run_at, max_attempts, timeout_s, unique_key, deliver, template,
      requested_by, department, tenant, metadata, depends_on, depends_until
    ) values (
      enqueue.kind, enqueue.params, enqueue.formats, enqueue.name, enqueue.queue, enqueue.priority::smallint, enqueue.run_at,
      enqueue.max_attempts, enqueue.timeout_s, enqueue.unique_key, enqueue.deliver, enqueue.template, enqueue.requested_by,
      enqueue.department, enqueue.tenant, enqueue.metadata, enqueue.depends_on, enqueue.depends_until
    )
    on conflict (active_key) where active_key is not null do nothing
    returning id into job_id;
    exit when job_id is not null;
    select id into job_id from reportd.jobs where active_key = enqueue.unique_key;
    exit when job_id is not null;
    -- The job that had the key has ended between the two statements: try again.
  end loop;
  return job_id;
end $$;
comment on function reportd.enqueue is
  'Orders a job and returns its id; with a unique_key that an unfinished job has, that job''s id and nothing new. With unique_for also the id of one that completed so lately: the same request (or the same unique_key) is not made twice in that time.';

create function reportd.no_job(id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'there is no job %', id using errcode = 'no_data_found', hint = 'It may have been deleted by age: see the queue''s retention.';
end $$;
comment on function reportd.no_job(bigint) is 'Ends a call that names a job which does not exist.';

create function reportd.cancel(id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job reportd.jobs;
begin
  select * into job from reportd.jobs j where j.id = cancel.id for update;
  if not found then
    perform reportd.no_job(cancel.id);
  end if;
  if job.outcome is not null then
    return job.status;
  end if;
  if job.status = 'running' then
    if job.cancel_requested_at is null then
      update reportd.jobs j set cancel_requested_at = clock_timestamp() where j.id = cancel.id;
      perform reportd.wake();
    end if;
    return 'running';
  end if;
  update reportd.jobs j
    set outcome = 'cancelled', finished_at = clock_timestamp(), ready = false, active_key = null, cancel_requested_at = clock_timestamp()
    where j.id = cancel.id;
  insert into reportd.tallies (queue, outcome, jobs) values (job.queue, 'cancelled', 1);
  delete from reportd.waits w where w.job = cancel.id;
  perform reportd.unblock(array[cancel.id]);
  return 'cancelled';
end $$;
comment on function reportd.cancel(bigint) is
  'Ends a waiting job as cancelled, with those that depend on it, and asks a running one to stop (within 2 s, leaving no file). Returns the status: cancelled, running (it was asked), or how it had ended already.';

create function reportd.retry(id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job reportd.jobs;
  blocked boolean;
begin
  select * into job from reportd.jobs j where j.id = retry.id for update;
  if not found then
    perform reportd.no_job(retry.id);
  end if;
  if job.outcome is null or job.outcome = 'completed' then
    raise exception 'job % is %: only a failed or cancelled job can be retried', retry.id, job.status using
      errcode = 'object_not_in_prerequisite_state',
      hint = case when job.outcome = 'completed' then 'Order a new job with the same params.' else 'reportd.release(id) makes an unfinished job run now.' end;
  end if;
  if exists (select from reportd.jobs j where j.active_key = job.unique_key) then
    raise exception 'job % can''t be retried: another unfinished job has its unique_key %', retry.id, to_json(job.unique_key) using
      errcode = 'unique_violation', hint = 'Wait for that job, or cancel it.';
  end if;
  insert into reportd.waits (job, on_job)
  select distinct job.id, d.id from reportd.jobs d
  where d.id = any (job.depends_on) and case job.depends_until when 'ended' then d.outcome is null else d.outcome is distinct from 'completed' end;
  blocked := found;
  update reportd.jobs j
    set outcome = null, finished_at = null, ready = not blocked, worker = null, active_key = unique_key, cancel_requested_at = null,
        failures = 0, crashes = 0, step = null, percent = 0, message = null, eta = null, started_at = null,
        run_at = reportd.due(0)
    where j.id = retry.id;
  perform reportd.wake();
  return case when blocked then 'blocked' else 'pending' end;
end $$;
comment on function reportd.retry(bigint) is
  'Makes a failed or cancelled job pending again, with fresh budgets and the same params; blocked, where a job that it depends on has not completed. Returns the status.';

create function reportd.release(id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  job reportd.jobs;
begin
  select * into job from reportd.jobs j where j.id = release.id for update;
  if not found then
    perform reportd.no_job(release.id);
  end if;
  if job.outcome is not null then
    return job.status;
  end if;
  delete from reportd.waits w where w.job = release.id;
  -- A new attempt number is not needed: the worker's writes look for ready = false and its own id.
  update reportd.jobs j
    set ready = true, worker = null, step = null, percent = 0, message = null, eta = null, started_at = null,
        cancel_requested_at = null, run_at = reportd.due(0)
    where j.id = release.id;
  perform reportd.wake();
  return 'pending';
end $$;
comment on function reportd.release(bigint) is
  'Makes an unfinished job due now: takes a running one from its worker, which then writes nothing more, and does not wait for a later run_at or for other jobs. No budget is spent. Returns the status.';

create function reportd.due(delay_s double precision) returns timestamptz
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  -- The id before the clock: see the trigger of jobs.
  perform pg_current_xact_id();
  return clock_timestamp() + make_interval(secs => delay_s);
end $$;
comment on function reportd.due(double precision) is 'The run_at of a job that shall be claimed after delay_s seconds.';

create function reportd.settle(claim bigint, job_id bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  others bigint[];
begin
  update reportd.claims c set jobs = array_remove(c.jobs, job_id) where c.id = claim returning c.jobs into others;
  if others = '{}' then
    delete from reportd.claims c where c.id = claim;
  end if;
end $$;
comment on function reportd.settle(bigint, bigint) is 'Takes a finished job off its claim, and drops the claim with its last job.';

create function reportd.send(delivery bigint, parent bigint, requested_by text, department text, tenant text) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  -- The key tells a delivery that is still to be tried from one whose job has ended: see db/deliveries.sql.
  insert into reportd.jobs (kind, params, parent_id, unique_key, requested_by, department, tenant)
  values ('deliver', jsonb_build_object('delivery_id', delivery), parent, 'reportd.delivery:' || delivery, send.requested_by,
    send.department, send.tenant)
$$;
comment on function reportd.send(bigint, bigint, text, text, text) is 'Orders the job that makes one delivery.';

create function reportd.resend(delivery_id bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  entry reportd.deliveries;
  parent record;
  job_id bigint;
begin
  select * into entry from reportd.deliveries d where d.id = resend.delivery_id for update;
  if not found then
    raise exception 'there is no delivery %', resend.delivery_id using errcode = 'no_data_found',
      hint = 'See reportd.deliveries of the job.';
  end if;
  select j.id into job_id from reportd.jobs j where j.active_key = 'reportd.delivery:' || entry.id;
  if found then
    return job_id;
  end if;
  -- A receiver drops what comes twice under one key: what did get there goes out again under a new one.
  update reportd.deliveries d
    set status = 'pending', delivered_at = null, receipt = null, error = null,
        idempotency_key = case entry.status when 'delivered' then gen_random_uuid()::text else entry.idempotency_key end
    where d.id = entry.id;
  select j.requested_by, j.department, j.tenant into parent from reportd.jobs j where j.id = entry.job_id;
  perform reportd.send(entry.id, entry.job_id, parent.requested_by, parent.department, parent.tenant);
  select j.id into job_id from reportd.jobs j where j.active_key = 'reportd.delivery:' || entry.id;
  return job_id;
end $$;
comment on function reportd.resend(bigint) is
  'Delivers the stored files once more, without making them again, and returns the job that does it. One that failed keeps its key; one that got there is sent under a new key.';

create function reportd.pause(queue text default null, kind text default null, tenant text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  if num_nonnulls(pause.queue, pause.kind, pause.tenant) = 0 then
    perform reportd.refuse('pauses', array['queue', 'missing', 'Name a queue, a kind or a tenant.']);
  elsif not exists (select from reportd.kinds k where k.name = coalesce(pause.kind, k.name)) then
    perform reportd.refuse('pauses', reportd.not_among('kind', pause.kind, 'kinds', array(select k.name::text from reportd.kinds k order by 1)));
  end if;
  if pause.queue is not null then
    insert into reportd.queues (name, paused_at) values (pause.queue, clock_timestamp())
    on conflict (name) do update set paused_at = coalesce(queues.paused_at, excluded.paused_at);
  end if;
  insert into reportd.pauses (scope, name)
  select p.scope, p.name from (values ('kind', pause.kind), ('tenant', pause.tenant)) p (scope, name) where p.name is not null
  on conflict do nothing;
end $$;
comment on function reportd.pause(text, text, text) is
  'Stops claims from a queue, of a kind, or for a tenant. What runs goes on; new jobs are accepted and wait.';

create function reportd.resume(queue text default null, kind text default null, tenant text default null) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update reportd.queues set paused_at = null where name = resume.queue;
  delete from reportd.pauses p where (p.scope = 'kind' and p.name = resume.kind) or (p.scope = 'tenant' and p.name = resume.tenant);
  select reportd.wake();
$$;
comment on function reportd.resume(text, text, text) is 'Lets what was paused run again: a queue, a kind, a tenant.';

create function reportd.take_turns(queue text, priority smallint, demand integer, worker bigint, kinds text[])
returns table (job reportd.jobs, claim_id bigint, wait_s double precision)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  policy reportd.queues;
  moment timestamptz;
  offered text[];
  resting text[];
  busy jsonb;
  mine bigint;
  everybodys bigint;
  spent bigint;
  oldest timestamptz;
  room bigint;
  share bigint;
  turn text;
  latest text;
  laps integer := 0;
  places tid[];
  ids bigint[] := '{}';
  claim bigint;
  wait double precision;
begin
  -- One claimer at a time, and the counts are read after the lock is had: each statement here has a snapshot of its own.
  -- All in one call, so that no client that stalls can keep the lock.
  perform pg_advisory_xact_lock(hashtextextended('reportd.queue:' || take_turns.queue, 0));
  moment := clock_timestamp();
  select * into policy from reportd.queues q where q.name = take_turns.queue and q.paused_at is null;
  if found then
    perform from reportd.workers w where w.id = take_turns.worker for key share;
  end if;
  if not found then
    return query select null::reportd.jobs, null::bigint, null::double precision;
    return;
  end if;

  with running as (
    select distinct j.id, j.tenant, c.worker
    from reportd.claims c, unnest(c.jobs) held (id) join reportd.jobs j on j.id = held.id
    where c.queue = take_turns.queue and j.worker = c.worker and not j.ready and j.outcome is null
  ),
  tenants as (select r.tenant, count(*) as jobs from running r where r.tenant is not null group by r.tenant)
  select (select count(*) from running r where r.worker = take_turns.worker), (select count(*) from running),
    (select coalesce(jsonb_object_agg(t.tenant, t.jobs), '{}') from tenants t)
    into mine, everybodys, busy;
  select coalesce(sum(s.jobs), 0), min(s.at) into spent, oldest
  from reportd.starts s where s.queue = take_turns.queue and s.at > moment - make_interval(secs => policy.rate_interval_s);
  room := least(take_turns.demand, policy.concurrency - mine, policy.concurrency_total - everybodys, policy.rate_limit - spent);

  if room > 0 then
    offered := array(
      select k from unnest(take_turns.kinds) k
      where not exists (select from reportd.pauses p where p.scope = 'kind' and p.name = k)
    );
    resting := array(select p.name from reportd.pauses p where p.scope = 'tenant');
    select s.tenant into turn from reportd.starts s
    where s.queue = take_turns.queue and s.priority = take_turns.priority order by s.at desc, s.id desc limit 1;
    latest := turn;
  end if;
  -- The tenants stand in a ring by name, with those jobs that have none between the last and the first.
  while room > 0 loop
    select j.tenant into turn from reportd.jobs j
    where j.ready and j.tenant is not null and j.queue = take_turns.queue and j.priority = take_turns.priority
      and j.tenant > coalesce(turn, '')
    order by j.tenant limit 1;
    if turn is null then
      laps := laps + 1;
      -- Nobody to share with: no need to go one by one.
      share := case when laps > 1 or exists (
        select from reportd.jobs j
        where j.ready and j.tenant is not null and j.queue = take_turns.queue and j.priority = take_turns.priority
      ) then 1 else room end;
      places := array(
        select j.ctid from reportd.jobs j
        where j.ready and j.queue = take_turns.queue and j.priority = take_turns.priority and j.tenant is null
          and j.run_at <= moment and j.kind = any (offered)
        order by j.run_at, j.id limit share for update skip locked
      );
    elsif turn = any (resting) or (busy ->> turn)::bigint >= policy.concurrency_per_key then
      places := '{}';
    else
      places := array(
        select j.ctid from reportd.jobs j
        where j.ready and j.queue = take_turns.queue and j.priority = take_turns.priority and j.tenant = turn
          and j.run_at <= moment and j.kind = any (offered)
        order by j.run_at, j.id limit 1 for update skip locked
      );
    end if;
    if places = '{}' then
      -- Once round without finding any.
      exit when laps > 1 or (laps = 1 and (latest is null or coalesce(turn >= latest, false)));
      continue;
    end if;
    with taken as (
      update reportd.jobs j
      set ready = false, worker = take_turns.worker, attempt = attempt + 1,
          started_at = null, step = null, percent = 0, message = null, eta = null
      where j.ctid = any (places)
      returning j.id
    )
    select ids || array_agg(t.id) into ids from taken t;
    if turn is not null then
      busy := busy || jsonb_build_object(turn, coalesce((busy ->> turn)::bigint, 0) + 1);
    end if;
    room := room - cardinality(places);
    latest := turn;
    laps := 0;
  end loop;

  if policy.rate_limit <= spent + cardinality(ids) then
    wait := greatest(0, extract(epoch from coalesce(oldest, moment) + make_interval(secs => policy.rate_interval_s) - clock_timestamp()));
  end if;
  if ids = '{}' then
    return query select null::reportd.jobs, null::bigint, wait;
    return;
  end if;
  insert into reportd.claims (worker, queue, jobs) values (take_turns.worker, take_turns.queue, ids) returning id into claim;
  insert into reportd.starts (queue, priority, tenant, jobs) values (take_turns.queue, take_turns.priority, latest, cardinality(ids));
  return query select j, claim, wait from reportd.jobs j where j.id = any (ids) order by array_position(ids, j.id);
end $$;
comment on function reportd.take_turns(text, smallint, integer, bigint, text[]) is
  'The claim from a queue with limits: never more than they allow, tenants in turn. wait_s: until its rate allows another.';

create function reportd.stats(queue text default null)
returns table (queue text, waiting bigint, delayed bigint, active bigint, completed bigint, failed bigint, cancelled bigint, oldest timestamptz, paused boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive waiting_in (queue) as (
    (select j.queue from reportd.jobs j where j.ready order by j.queue limit 1)
    union all
    select (select j.queue from reportd.jobs j where j.ready and j.queue > w.queue order by j.queue limit 1)
    from waiting_in w where w.queue is not null
  ),
  held (queue, jobs) as (
    select j.queue, count(*) from reportd.claims c, unnest(c.jobs) held_id join reportd.jobs j on j.id = held_id
    where j.worker = c.worker and j.outcome is null and not j.ready group by j.queue
  ),
  ended (queue, completed, failed, cancelled) as (
    select t.queue, sum(t.jobs) filter (where t.outcome = 'completed'), sum(t.jobs) filter (where t.outcome = 'failed'),
           sum(t.jobs) filter (where t.outcome = 'cancelled')
    from reportd.tallies t group by t.queue
  ),
  named (queue) as (
    select w.queue from waiting_in w where w.queue is not null
    union select h.queue from held h union select e.queue from ended e union select q.name from reportd.queues q
  )
  select n.queue::text,
    (select count(*) from (select from reportd.jobs j where j.ready and j.queue = n.queue and j.run_at <= statement_timestamp() limit 10000) due),
    (select count(*) from (select from reportd.jobs j where j.ready and j.queue = n.queue and j.run_at > statement_timestamp() limit 10000) later),
    coalesce(h.jobs, 0), coalesce(e.completed, 0)::bigint, coalesce(e.failed, 0)::bigint, coalesce(e.cancelled, 0)::bigint,
    (select min(j.run_at) from reportd.jobs j where j.ready and j.queue = n.queue and j.run_at <= statement_timestamp()),
    q.paused_at is not null
  from named n
  left join held h on h.queue = n.queue
  left join ended e on e.queue = n.queue
  left join reportd.queues q on q.name = n.queue
  where stats.queue is null or n.queue = stats.queue
  order by 1
$$;
comment on function reportd.stats(text) is
  'Per queue: waiting (pending and due) and delayed (pending, later), each counted up to 10,000; active (running); completed, failed and cancelled (running totals); oldest (run_at of the longest waiting).';

create function reportd.run_now(schedule text) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  plan reportd.schedules;
  moment timestamptz := clock_timestamp();
  job_id bigint;
begin
  select * into plan from reportd.schedules s where s.name = run_now.schedule for update;
  if not found then
    raise exception 'there is no schedule %', to_json(run_now.schedule) using errcode = 'no_data_found',
      hint = coalesce('Did you mean ' || to_json(reportd.nearest(run_now.schedule, array(select s.name::text from reportd.schedules s))) || '?',
        'See reportd.schedules.');
  end if;
  insert into reportd.jobs (kind, template, params, formats, deliver, queue, priority, requested_by, department, tenant, schedule_id, slot)
  values (plan.kind, plan.template, plan.params, plan.formats, plan.deliver, plan.queue, plan.priority, plan.requested_by, plan.department,
    plan.tenant, plan.id, moment)
  returning id into job_id;
  insert into reportd.occurrences (schedule_id, slot, outcome, reason, job_id) values (plan.id, moment, 'ran', 'run_now', job_id);
  update reportd.schedules s set last_run_at = moment, last_job_id = job_id, run_count = run_count + 1 where s.id = plan.id;
  return job_id;
end $$;
comment on function reportd.run_now(text) is 'Orders a schedule''s job now, beside its plan, and returns the job''s id.';

revoke execute on function
  reportd.cancel(bigint), reportd.retry(bigint), reportd.release(bigint), reportd.pause(text, text, text), reportd.resume(text, text, text),
  reportd.stats(text), reportd.run_now(text), reportd.settle(bigint, bigint), reportd.send(bigint, bigint, text, text, text),
  reportd.resend(bigint)
from public;
