-- Plans: what is ordered when, and a ledger with one row for every tick.

create table reportd.schedules (
  id bigint generated always as identity primary key,
  name text collate "C" not null unique check (name ~ '^[a-z0-9_-]{1,63}$'),
  kind text collate "C",
  template text collate "C",
  cron text not null,
  timezone text not null default 'UTC',
  params jsonb not null default '{}' check (jsonb_typeof(params) = 'object'),
  formats text[],
  deliver jsonb not null default '[]' check (jsonb_typeof(deliver) = 'array'),
  queue text collate "C" check (queue ~ '^[a-z0-9_-]{1,63}$'),
  priority smallint check (priority between -9 and 9),
  requested_by text,
  department text,
  tenant text,
  is_active boolean not null default true,
  is_paused boolean not null default false,
  misfire text not null default 'last' check (misfire in ('skip', 'last', 'all')),
  overlap text not null default 'allow' check (overlap in ('allow', 'skip', 'queue')),
  starts_at timestamptz,
  ends_at timestamptz,
  planned_at timestamptz,
  next_run_at timestamptz,
  waiting_slot timestamptz,
  last_run_at timestamptz,
  last_job_id bigint,
  run_count bigint not null default 0 check (run_count >= 0),
  error jsonb check (jsonb_typeof(error) = 'object'),
  error_count bigint not null default 0 check (error_count >= 0),
  source text not null default 'sql' check (source in ('file', 'sql')),
  declared_in text collate "C",
  declared_hash text,
  worker bigint,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  retired_at timestamptz,
  constraint schedules_what check (num_nonnulls(kind, template) >= 1),
  constraint schedules_span check (starts_at < ends_at),
  constraint schedules_declared check ((source = 'file') = (declared_in is not null)),
  constraint schedules_planned check (next_run_at is null or planned_at is not null)
);

comment on table reportd.schedules is 'One plan: a cron line, and what to order at each tick. INSERT one, or declare it in a report''s front matter.';
comment on column reportd.schedules.id is 'The schedule; jobs.schedule_id names it.';
comment on column reportd.schedules.name is 'For people and run_now().';
comment on column reportd.schedules.kind is 'What to order.';
comment on column reportd.schedules.template is 'Or: the template to order from; params are merged over its own.';
comment on column reportd.schedules.cron is 'Five fields: minute, hour, day of month, month, day of week; or @daily and the like.';
comment on column reportd.schedules.timezone is 'Zone of the cron line, such as Europe/Vienna.';
comment on column reportd.schedules.params is 'jobs.params of what is ordered.';
comment on column reportd.schedules.formats is 'jobs.formats of what is ordered.';
comment on column reportd.schedules.deliver is 'jobs.deliver of what is ordered.';
comment on column reportd.schedules.queue is 'jobs.queue of what is ordered.';
comment on column reportd.schedules.priority is 'jobs.priority of what is ordered.';
comment on column reportd.schedules.requested_by is 'jobs.requested_by of what is ordered.';
comment on column reportd.schedules.department is 'jobs.department of what is ordered.';
comment on column reportd.schedules.tenant is 'jobs.tenant of what is ordered.';
comment on column reportd.schedules.is_active is 'False: switched off by whoever declared it.';
comment on column reportd.schedules.is_paused is 'True: held by an operator; a new version of the file leaves it alone.';
comment on column reportd.schedules.misfire is 'Ticks missed while no daemon ran: skip all, run the last one, or run all (the newest schedules.catch_up_max of them).';
comment on column reportd.schedules.overlap is 'While its former job is unfinished: allow a second one, skip the tick, or queue behind it (one tick at most; further ones are skipped).';
comment on column reportd.schedules.starts_at is 'No tick before.';
comment on column reportd.schedules.ends_at is 'No tick at or after.';
comment on column reportd.schedules.planned_at is 'When next_run_at was worked out; NULL: it is to be. Written by reportd.';
comment on column reportd.schedules.next_run_at is 'The next tick; NULL: none is left, or not planned yet. Written by reportd.';
comment on column reportd.schedules.waiting_slot is 'With overlap queue: the one tick that waits for the former job to end. Written by reportd.';
comment on column reportd.schedules.last_run_at is 'When it last ordered a job. Written by reportd.';
comment on column reportd.schedules.last_job_id is 'The job that it last ordered. Written by reportd.';
comment on column reportd.schedules.run_count is 'Jobs that it has ordered. Written by reportd.';
comment on column reportd.schedules.error is 'Why it can''t tick: a bad cron line, or its job was refused. NULL: all is well. Written by reportd.';
comment on column reportd.schedules.error_count is 'How often that happened. Written by reportd.';
comment on column reportd.schedules.source is 'file (a report''s front matter) or sql (a row).';
comment on column reportd.schedules.declared_in is 'The report whose front matter declares it.';
comment on column reportd.schedules.declared_hash is 'Names the declaration''s version.';
comment on column reportd.schedules.worker is 'The daemon that declared it; one that started earlier does not overwrite it.';
comment on column reportd.schedules.created_at is 'When it was made.';
comment on column reportd.schedules.updated_at is 'When it was last declared or changed.';
comment on column reportd.schedules.retired_at is 'Since when its report no longer declares it; it does not tick.';

create table reportd.occurrences (
  schedule_id bigint not null references reportd.schedules on delete cascade,
  slot timestamptz not null,
  outcome text not null check (outcome in ('ran', 'skipped', 'merged', 'missed')),
  reason text,
  job_id bigint,
  at timestamptz not null default clock_timestamp(),
  primary key (schedule_id, slot),
  constraint occurrences_job check ((outcome = 'ran') = (job_id is not null))
);
comment on table reportd.occurrences is 'One tick of a schedule: its key makes every slot run at most once, however many daemons there are.';
comment on column reportd.occurrences.schedule_id is 'The schedule.';
comment on column reportd.occurrences.slot is 'The planned time.';
comment on column reportd.occurrences.outcome is 'ran, skipped (by rule), merged (into a later slot), or missed (no daemon ran, or its job was refused).';
comment on column reportd.occurrences.reason is 'Why it did not run, or by whose hand it did.';
comment on column reportd.occurrences.job_id is 'The job that it ordered.';
comment on column reportd.occurrences.at is 'When it was settled.';
