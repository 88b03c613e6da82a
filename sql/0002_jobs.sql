-- The queue and its history: one row is one thing to do. Applications INSERT it in their own transaction.
--
-- The shape serves one rule: a job that succeeds at once changes no column that an index, or an index's predicate, uses.
-- So completions stay HOT (they touch no index), and a long snapshot elsewhere does not slow the claim down.

-- What every job has comes first, which makes the rest of a row quicker to find. What an application may write is checked
-- where it is ordered (0006_orders.sql): a CHECK on it would cost again with each write of a worker, of which each job has
-- two at least. The one that is left holds the protocol's own states.
create table reportd.jobs (
  id bigint generated always as identity primary key,
  run_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  attempt integer not null default 0,
  failures integer not null default 0,
  crashes integer not null default 0,
  priority smallint not null,
  percent smallint not null default 0,
  ready boolean not null default true,
  queue text collate "C" not null,
  kind text collate "C" not null,
  params jsonb not null default '{}',
  deliver jsonb not null default '[]',
  metadata jsonb not null default '{}',
  depends_until text not null default 'completed',
  -- Stored, though Postgres 18 could compute it where it is read: triggers and replication would see NULL.
  status text not null generated always as (
    case when outcome is not null then outcome when ready then 'pending' when worker is null then 'blocked' else 'running' end
  ) stored,
  outcome text,
  worker bigint,
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  eta timestamptz,
  slot timestamptz,
  schedule_id bigint,
  parent_id bigint,
  timeout_s double precision,
  max_attempts integer,
  formats text[],
  name text,
  unique_key text collate "C",
  active_key text collate "C",
  depends_on bigint[],
  template text collate "C",
  requested_by text,
  department text,
  tenant text collate "C",
  step text,
  message text,
  params_resolved jsonb,
  error jsonb,
  result jsonb,
  constraint jobs_state check (
    case
      when outcome is null
        then finished_at is null and not (ready and worker is not null) and active_key is not distinct from unique_key
      else outcome in ('completed', 'failed', 'cancelled') and finished_at is not null and not ready and active_key is null
        and not (outcome = 'failed' and error is null)
    end
  )
) with (
  -- A batch claims a whole page of jobs at once, so each page keeps room for a second version of all its rows: then the
  -- third, the completion's, finds the first one's place. Measured with 40,000 jobs in batches of 200: at 70, 65 % of the
  -- completions were HOT and the drained table had 13.8 MB; at 40, all of them and 11.7 MB. Vacuum early, since a queue's
  -- table is mostly past.
  fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

create index jobs_ready on reportd.jobs (queue, priority, run_at, id) where ready;
-- For the queues where tenants take turns; jobs without a tenant don't pay for it.
create index jobs_turns on reportd.jobs (queue, priority, tenant, run_at, id) where ready and tenant is not null;
create unique index jobs_active_key on reportd.jobs (active_key) where active_key is not null;
create index jobs_parent_id on reportd.jobs (parent_id) where parent_id is not null;
create index jobs_unique_key on reportd.jobs (unique_key, id) where unique_key is not null;
-- For the failed: a completion leaves no error, and had none where nothing failed before it.
create index jobs_error on reportd.jobs (id) where error is not null;

comment on table reportd.jobs is
  'One thing to do: INSERT a row to order it, SELECT it to follow it. Columns down from "written by reportd" in their comments are not for applications to write.';
comment on column reportd.jobs.id is 'The job. Written by reportd.';
comment on column reportd.jobs.kind is 'What to do: a name in reportd.kinds. Required, unless template names it.';
comment on column reportd.jobs.params is 'Parameters as the kind''s params_schema says; at most 64 kB and 32 levels.';
comment on column reportd.jobs.formats is 'Files to make, such as {pdf,xlsx}; NULL: the report''s own list.';
comment on column reportd.jobs.name is 'For people, and for the files'' names; NULL: made from the report''s title.';
comment on column reportd.jobs.queue is 'Where it waits; NULL on INSERT: the kind''s queue, else default.';
comment on column reportd.jobs.priority is '-9 to 9, higher first; NULL on INSERT: the kind''s, else 0.';
comment on column reportd.jobs.run_at is 'Not before this time. A past time counts as the time of the INSERT.';
comment on column reportd.jobs.max_attempts is 'Tries, the first one included; NULL: the kind''s, else the queue''s, else the configured default.';
comment on column reportd.jobs.timeout_s is 'Seconds that one attempt may take; NULL: the kind''s, else the queue''s, else the configured default.';
comment on column reportd.jobs.unique_key is 'At most one unfinished job has this key. enqueue() returns that job; a plain INSERT fails.';
comment on column reportd.jobs.depends_on is
  'Jobs that must end first; it is blocked until then. When one fails, this one fails too (code dependency); when one is cancelled, this one is too.';
comment on column reportd.jobs.depends_until is
  'completed: as said at depends_on. ended: it runs however they end, and finds in metadata.dependencies how they did.';
comment on column reportd.jobs.deliver is 'Where the files go: an array such as ["file:sales/"].';
comment on column reportd.jobs.template is 'A name in reportd.templates whose kind, params, formats and deliver are taken over.';
comment on column reportd.jobs.requested_by is 'Who asked, in the application''s words.';
comment on column reportd.jobs.department is 'For which department, in the application''s words.';
comment on column reportd.jobs.tenant is 'Whose data, in the application''s words.';
comment on column reportd.jobs.metadata is 'Whatever the application wants to find again; at most 64 kB.';
comment on column reportd.jobs.ready is 'May be claimed. Written by reportd.';
comment on column reportd.jobs.outcome is 'How it ended: completed, failed or cancelled; NULL: not yet. Written by reportd.';
comment on column reportd.jobs.status is 'blocked, pending, running, completed, failed or cancelled. Generated.';
comment on column reportd.jobs.step is 'What the running attempt does now. Written by reportd.';
comment on column reportd.jobs.percent is '0 to 100. Written by reportd.';
comment on column reportd.jobs.message is 'The handler''s own words on its progress. Written by reportd.';
comment on column reportd.jobs.eta is 'When the attempt expects to end. Written by reportd.';
comment on column reportd.jobs.attempt is 'Number of the latest claim: the fence that a worker''s writes must find. Only rises. Written by reportd.';
comment on column reportd.jobs.failures is 'Failed attempts, held against max_attempts. Written by reportd.';
comment on column reportd.jobs.crashes is 'Attempts that died with their worker or child: a budget of its own. Written by reportd.';
comment on column reportd.jobs.worker is 'The daemon (reportd.workers) that has or had it. Written by reportd.';
comment on column reportd.jobs.active_key is 'unique_key until the job has ended. Written by reportd.';
comment on column reportd.jobs.params_resolved is 'params with defaults and period words resolved, at the first attempt; retries use it again. Written by reportd.';
comment on column reportd.jobs.started_at is 'When the latest attempt''s handler started; jobs of brief kinds are not timed one by one. Written by reportd.';
comment on column reportd.jobs.finished_at is 'When it ended. Written by reportd.';
comment on column reportd.jobs.error is 'Of the latest failure: code, message, retryable, attempt, detail. Written by reportd.';
comment on column reportd.jobs.result is 'What the handler returned. Written by reportd.';
comment on column reportd.jobs.schedule_id is 'The schedule that ordered it. Written by reportd.';
comment on column reportd.jobs.slot is 'The schedule''s planned time, from which period words are resolved. Written by reportd.';
comment on column reportd.jobs.parent_id is 'The job that ordered it. Written by reportd.';
comment on column reportd.jobs.cancel_requested_at is 'When cancel() was called on the running job. Written by reportd.';
comment on column reportd.jobs.created_at is 'When it was ordered. Written by reportd.';
