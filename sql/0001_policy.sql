-- What may be ordered, and under which rules: kinds, queues and templates. Everything else refers to these by name.

create table reportd.kinds (
  name text collate "C" primary key check (name ~ '^[a-z0-9_-]{1,63}$'),
  type text not null check (type in ('report', 'task')),
  title text not null,
  params_schema jsonb not null default '{}' check (jsonb_typeof(params_schema) = 'object'),
  formats text[] not null default '{}',
  queue text collate "C" check (queue ~ '^[a-z0-9_-]{1,63}$'),
  priority smallint check (priority between -9 and 9),
  timeout_s double precision check (timeout_s > 0),
  max_attempts integer check (max_attempts between 1 and 1000),
  backoff jsonb check (jsonb_typeof(backoff) = 'object'),
  never_retry text[] not null default '{}',
  brief boolean not null default false,
  content_hash text not null,
  error jsonb check (jsonb_typeof(error) = 'object'),
  worker bigint,
  updated_at timestamptz not null default clock_timestamp(),
  retired_at timestamptz
);
comment on table reportd.kinds is
  'What a job can be: a report or a task. Each daemon writes the kinds that it can run; workers.kinds says who can run what.';
comment on column reportd.kinds.name is 'What jobs.kind names: the report''s file name, or the task''s name.';
comment on column reportd.kinds.type is 'report (queries and a document) or task (code).';
comment on column reportd.kinds.title is 'For people.';
comment on column reportd.kinds.params_schema is
  'JSON Schema of jobs.params. Checked at INSERT: type, required, enum, minimum, maximum, items, properties, additionalProperties. The rest is checked when the job runs.';
comment on column reportd.kinds.formats is 'What jobs.formats may ask for; empty: the kind makes no files.';
comment on column reportd.kinds.queue is 'Queue of jobs that name none; NULL: default.';
comment on column reportd.kinds.priority is 'Priority of jobs that give none; NULL: 0.';
comment on column reportd.kinds.timeout_s is 'Seconds that one attempt may take; NULL: the queue''s, else the configured default.';
comment on column reportd.kinds.max_attempts is 'Tries, the first one included; NULL: the queue''s, else the configured default.';
comment on column reportd.kinds.backoff is
  'Wait after a failure, as queues.backoff; NULL: the queue''s, else as configured. For operators: no daemon writes it.';
comment on column reportd.kinds.never_retry is
  'Codes of errors after which no other try is made, such as {timeout,query}. For operators: no daemon writes it.';
comment on column reportd.kinds.brief is 'Takes milliseconds: claimed ahead and completed in batches.';
comment on column reportd.kinds.content_hash is 'Names the version of the report or task.';
comment on column reportd.kinds.error is
  'Why the kind can''t run (code, message, detail with file and line). Its jobs are accepted and fail with this error.';
comment on column reportd.kinds.worker is 'The daemon that wrote this row; one that started earlier does not overwrite it.';
comment on column reportd.kinds.updated_at is 'When the row last changed.';
comment on column reportd.kinds.retired_at is 'Since when no daemon has this kind; its jobs are refused.';

insert into reportd.kinds (name, type, title, params_schema, content_hash)
values ('deliver', 'task', 'Deliver the files of a job',
  '{"channels": ["file"], "type": "object", "properties": {"delivery_id": {"type": "integer"}}, "required": ["delivery_id"], "additionalProperties": false}',
  'built-in');

create table reportd.queues (
  name text collate "C" primary key check (name ~ '^[a-z0-9_-]{1,63}$'),
  paused_at timestamptz,
  concurrency integer check (concurrency > 0),
  concurrency_total integer check (concurrency_total > 0),
  concurrency_per_key integer check (concurrency_per_key > 0),
  rate_limit integer check (rate_limit > 0),
  rate_interval_s double precision check (rate_interval_s > 0),
  max_attempts integer check (max_attempts between 1 and 1000),
  backoff jsonb check (jsonb_typeof(backoff) = 'object'),
  timeout_s double precision check (timeout_s > 0),
  keep_completed_s double precision check (keep_completed_s >= 0),
  keep_failed_s double precision check (keep_failed_s >= 0),
  keep_completed integer check (keep_completed >= 0),
  keep_failed integer check (keep_failed >= 0),
  limited boolean not null generated always as (
    coalesce(concurrency, concurrency_total, concurrency_per_key, rate_limit) is not null
  ) stored,
  check ((rate_limit is null) = (rate_interval_s is null))
);
comment on table reportd.queues is 'Policy of a queue. A queue without a row exists too, and follows the configured defaults.';
comment on column reportd.queues.name is 'What jobs.queue names.';
comment on column reportd.queues.paused_at is 'Since when nothing is claimed from it; NULL: it runs.';
comment on column reportd.queues.concurrency is 'Jobs at once in each daemon.';
comment on column reportd.queues.concurrency_total is 'Jobs at once over all daemons.';
comment on column reportd.queues.concurrency_per_key is
  'Jobs at once for one tenant. Jobs without a tenant are not counted by it. In a queue with any limit tenants take turns.';
comment on column reportd.queues.rate_limit is 'Jobs started per rate_interval_s, over all daemons.';
comment on column reportd.queues.rate_interval_s is 'Seconds that rate_limit counts over.';
comment on column reportd.queues.max_attempts is 'Tries, the first one included, for jobs and kinds that say nothing.';
comment on column reportd.queues.backoff is
  'Wait after a failure: {"delay_s": 10, "factor": 2, "cap_s": 600, "jitter": 0.1}, or {"delays_s": [10, 60, 600]}, whose last one repeats. What it leaves out is as configured.';
comment on column reportd.queues.timeout_s is 'Seconds that one attempt may take, for jobs and kinds that say nothing.';
comment on column reportd.queues.keep_completed_s is 'Seconds that completed jobs are kept.';
comment on column reportd.queues.keep_failed_s is 'Seconds that failed and cancelled jobs are kept.';
comment on column reportd.queues.keep_completed is 'How many completed jobs are kept.';
comment on column reportd.queues.keep_failed is 'How many failed and cancelled jobs are kept.';
comment on column reportd.queues.limited is 'Has a limit, so its jobs are claimed in turns, one daemon at a time. Generated.';

create table reportd.pauses (
  scope text collate "C" not null check (scope in ('kind', 'tenant')),
  name text collate "C" not null,
  at timestamptz not null default clock_timestamp(),
  primary key (scope, name)
);
comment on table reportd.pauses is 'Kinds and tenants whose jobs wait, see reportd.pause(); queues have paused_at.';
comment on column reportd.pauses.scope is 'kind or tenant.';
comment on column reportd.pauses.name is 'Which one.';
comment on column reportd.pauses.at is 'Since when.';

create table reportd.tallies (
  queue text collate "C" not null,
  outcome text not null check (outcome in ('completed', 'failed', 'cancelled')),
  jobs bigint not null,
  at timestamptz not null default clock_timestamp()
);
comment on table reportd.tallies is
  'How many jobs ended, as additions: sum them. Rows are only added and folded, since one updated row would slow down under a long snapshot.';
comment on column reportd.tallies.queue is 'The queue of the jobs.';
comment on column reportd.tallies.outcome is 'How they ended.';
comment on column reportd.tallies.jobs is 'How many.';
comment on column reportd.tallies.at is 'When they were counted, or last folded.';

create table reportd.templates (
  name text collate "C" primary key check (name ~ '^[a-z0-9_-]{1,63}$'),
  kind text collate "C" not null,
  title text,
  params jsonb not null default '{}' check (jsonb_typeof(params) = 'object'),
  formats text[],
  deliver jsonb not null default '[]' check (jsonb_typeof(deliver) = 'array'),
  declared_in text collate "C",
  declared_hash text,
  worker bigint,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  retired_at timestamptz
);
comment on table reportd.templates is 'A report with preset params and output. Jobs and schedules name one; what they say themselves wins.';
comment on column reportd.templates.name is 'What jobs.template and schedules.template name.';
comment on column reportd.templates.kind is 'The report.';
comment on column reportd.templates.title is 'For people.';
comment on column reportd.templates.params is 'Preset params; a job''s own are merged over them, key by key.';
comment on column reportd.templates.formats is 'Formats for jobs that ask for none.';
comment on column reportd.templates.deliver is 'Targets for jobs that name none.';
comment on column reportd.templates.declared_in is 'The report whose front matter declares it; NULL: a row made by SQL.';
comment on column reportd.templates.declared_hash is 'Names the declaration''s version.';
comment on column reportd.templates.worker is 'The daemon that declared it; one that started earlier does not overwrite it.';
comment on column reportd.templates.created_at is 'When it was made.';
comment on column reportd.templates.updated_at is 'When it last changed.';
comment on column reportd.templates.retired_at is 'Since when its report no longer declares it; jobs that name it are refused.';
