-- Jobs that wait for other jobs: who waits for whom, and what the end of the one means for the other.
--
-- Nobody waits for a lock here: a job that somebody else holds keeps its rows in waits, and the maintenance, which looks
-- for ended jobs that are still waited for, does the rest. So an open transaction can't keep a worker from completing.

create table reportd.waits (
  job bigint not null references reportd.jobs on delete cascade,
  on_job bigint not null,
  primary key (job, on_job)
);
create index waits_on_job on reportd.waits (on_job);
comment on table reportd.waits is 'What blocked jobs still wait for. The row goes when the other job has ended.';
comment on column reportd.waits.job is 'The job that waits.';
comment on column reportd.waits.on_job is 'The job that must end first.';

create function reportd.wait_after_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- All of them: one that ended while this row was written is found by whoever looks at waits next.
  insert into reportd.waits (job, on_job) select distinct new.id, d from unnest(new.depends_on) d;
  return null;
end $$;
comment on function reportd.wait_after_insert() is 'Notes what a blocked job waits for.';
create trigger after_insert_wait after insert on reportd.jobs for each row
  when (new.depends_on is not null and not new.ready) execute function reportd.wait_after_insert();
comment on trigger after_insert_wait on reportd.jobs is 'Notes what a blocked job waits for.';

create function reportd.unblock(ended bigint[]) returns void
language plpgsql strict set search_path = pg_catalog, pg_temp as $$
declare
  waiting bigint[];
  spread bigint[];
begin
  loop
    waiting := array(
      select j.id from reportd.jobs j
      where j.id in (select w.job from reportd.waits w where w.on_job = any (ended))
        and j.outcome is null and not j.ready and j.worker is null
      order by j.id for no key update skip locked
    );
    exit when waiting = '{}';
    with bad as (
      select distinct on (w.job) w.job, w.on_job, coalesce(d.outcome, 'deleted') as outcome
      from reportd.waits w
      join reportd.jobs j on j.id = w.job and j.depends_until = 'completed'
      left join reportd.jobs d on d.id = w.on_job
      where w.job = any (waiting) and w.on_job = any (ended) and (d.id is null or d.outcome in ('failed', 'cancelled'))
      order by w.job, (d.outcome = 'cancelled') desc, w.on_job
    ),
    done as (
      update reportd.jobs j
      set outcome = case when bad.outcome = 'cancelled' then 'cancelled' else 'failed' end,
          finished_at = clock_timestamp(), active_key = null,
          error = jsonb_build_object(
            'code', 'dependency',
            'message', format('job %s, which it depends on, %s', bad.on_job, case bad.outcome when 'failed' then 'failed' else 'was ' || bad.outcome end),
            'retryable', false, 'attempt', j.attempt, 'detail', jsonb_build_object('job', bad.on_job, 'outcome', bad.outcome)
          )
      from bad where j.id = bad.job
      returning j.id, j.queue, j.outcome
    ),
    counted as (
      insert into reportd.tallies (queue, outcome, jobs) select d.queue, d.outcome, count(*) from done d group by d.queue, d.outcome
    )
    select coalesce(array_agg(d.id), '{}') into spread from done d;
    delete from reportd.waits w where w.job = any (spread) or (w.job = any (waiting) and w.on_job = any (ended));
    update reportd.jobs j
    set ready = true, run_at = greatest(j.run_at, reportd.due(0)),
        metadata = case when j.depends_until = 'ended' then j.metadata || jsonb_build_object('dependencies', reportd.outcomes(j.depends_on))
                   else j.metadata end
    where j.id = any (waiting) and j.outcome is null and not exists (select from reportd.waits w where w.job = j.id);
    if found then
      perform reportd.wake();
    end if;
    exit when spread = '{}';
    ended := spread;
  end loop;
end $$;
comment on function reportd.unblock(bigint[]) is
  'Lets go what waited for jobs that have ended, and no others; a failure or a cancellation spreads. Call it in the transaction of their end.';

create function reportd.outcomes(ids bigint[]) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'completed', count(*) filter (where j.outcome = 'completed'),
    'failed', coalesce(jsonb_agg(d order by d) filter (where j.outcome = 'failed'), '[]'),
    'cancelled', coalesce(jsonb_agg(d order by d) filter (where j.outcome = 'cancelled'), '[]')
  )
  from (select distinct unnest(ids)) listed (d) left join reportd.jobs j on j.id = d
$$;
comment on function reportd.outcomes(bigint[]) is 'How jobs ended: how many completed, and which failed or were cancelled.';

create function reportd.batch(
  jobs bigint[],
  kind text,
  params jsonb default '{}',
  queue text default null,
  unique_key text default null,
  requested_by text default null,
  tenant text default null,
  metadata jsonb default '{}'
) returns bigint
language sql set search_path = pg_catalog, pg_temp as $$
  select reportd.enqueue(
    kind => batch.kind, params => batch.params, queue => batch.queue, unique_key => batch.unique_key,
    requested_by => batch.requested_by, tenant => batch.tenant, metadata => batch.metadata,
    depends_on => batch.jobs, depends_until => 'ended'
  )
$$;
comment on function reportd.batch(bigint[], text, jsonb, text, text, text, text, jsonb) is
  'Orders a job that runs once all the others have ended, however they did; its metadata.dependencies says how: {"completed": 8, "failed": [7], "cancelled": []}.';
