-- Who works on what, and what became of it: workers, their claims, the attempts, and checkpoints between attempts.

create table reportd.workers (
  id bigint generated always as identity primary key,
  host text not null,
  boot_id text not null,
  pid_namespace text not null,
  pid integer not null,
  process_start text not null,
  version text not null,
  roles text[] not null default '{}',
  kinds text[] not null default '{}',
  started_at timestamptz not null default clock_timestamp(),
  lease_s double precision not null check (lease_s > 0),
  lease_until timestamptz not null,
  waiting boolean not null default true,
  load jsonb not null default '{}'
);
comment on table reportd.workers is 'One running daemon. A row whose lease has run out is a dead one; another daemon takes its jobs over.';
comment on column reportd.workers.id is 'Rises with every start of a daemon; never used again.';
comment on column reportd.workers.host is 'Host name.';
comment on column reportd.workers.boot_id is 'The host''s boot: a worker of an earlier boot is dead.';
comment on column reportd.workers.pid_namespace is 'Where pid counts; equal values see each other''s processes.';
comment on column reportd.workers.pid is 'Process id in that namespace.';
comment on column reportd.workers.process_start is 'When the process started, as the kernel says it: tells a reused pid.';
comment on column reportd.workers.version is 'Version of reportd.';
comment on column reportd.workers.roles is 'What it does: worker, scheduler, web.';
comment on column reportd.workers.kinds is 'Kinds that it can run.';
comment on column reportd.workers.started_at is 'When it registered.';
comment on column reportd.workers.lease_s is 'Length of its lease in seconds.';
comment on column reportd.workers.lease_until is 'It is taken for dead after this time, by this database''s clock.';
comment on column reportd.workers.waiting is
  'Is to be told of new jobs. False while so many come that it looks for them all the time: then nobody needs to NOTIFY.';
comment on column reportd.workers.load is 'What it reports of itself with each renewal.';

create table reportd.claims (
  id bigint generated always as identity primary key,
  worker bigint not null references reportd.workers,
  at timestamptz not null default clock_timestamp(),
  queue text collate "C" not null,
  jobs bigint[] not null
) with (toast_tuple_target = 8160); -- it lives for milliseconds: to compress its list would cost more than the row
comment on table reportd.claims is 'One batch of jobs in a worker''s hands: what is given back when it dies.';
comment on column reportd.claims.id is 'The batch.';
comment on column reportd.claims.worker is 'Who has it.';
comment on column reportd.claims.at is 'When it was claimed.';
comment on column reportd.claims.queue is 'Where they came from.';
comment on column reportd.claims.jobs is 'Its jobs; some may have ended already.';

create table reportd.starts (
  id bigint generated always as identity primary key,
  queue text collate "C" not null,
  priority smallint not null,
  tenant text collate "C",
  jobs integer not null,
  at timestamptz not null default clock_timestamp()
);
create index starts_at on reportd.starts (queue, at);
comment on table reportd.starts is
  'What was claimed from queues with limits: the count that a rate is held against, and whose turn was last. Rows are only added, and removed when they are old.';
comment on column reportd.starts.id is 'The claim, in order.';
comment on column reportd.starts.queue is 'The queue.';
comment on column reportd.starts.priority is 'The priority: each has turns of its own.';
comment on column reportd.starts.tenant is 'Whose turn was the last one in this claim; NULL: that of the jobs without a tenant.';
comment on column reportd.starts.jobs is 'How many jobs were claimed.';
comment on column reportd.starts.at is 'When.';

create table reportd.attempts (
  job_id bigint not null references reportd.jobs on delete cascade,
  attempt integer not null,
  worker bigint,
  started_at timestamptz,
  ended_at timestamptz not null default clock_timestamp(),
  outcome text not null check (outcome in ('completed', 'failed', 'crashed', 'cancelled', 'released')),
  error jsonb,
  signal text,
  cpu_s double precision,
  peak_bytes bigint,
  steps_s jsonb,
  primary key (job_id, attempt)
);
comment on table reportd.attempts is 'One try of a job, written when it ended. A brief kind''s success at the first try writes none.';
comment on column reportd.attempts.job_id is 'The job.';
comment on column reportd.attempts.attempt is 'Which try: jobs.attempt at that time.';
comment on column reportd.attempts.worker is 'The daemon that made it.';
comment on column reportd.attempts.started_at is 'When the handler started; NULL: it did not get that far.';
comment on column reportd.attempts.ended_at is 'When the end was written.';
comment on column reportd.attempts.outcome is 'completed, failed, crashed (worker or child died), cancelled, or released (given back, nothing spent).';
comment on column reportd.attempts.error is 'What went wrong: code, message, retryable, attempt, detail.';
comment on column reportd.attempts.signal is 'Signal that ended the child, such as SIGKILL.';
comment on column reportd.attempts.cpu_s is 'CPU seconds of the child.';
comment on column reportd.attempts.peak_bytes is 'Peak resident memory of the child.';
comment on column reportd.attempts.steps_s is 'Seconds per step.';

create table reportd.checkpoints (
  job_id bigint not null references reportd.jobs on delete cascade,
  step text not null,
  value jsonb not null,
  attempt integer not null,
  saved_at timestamptz not null default clock_timestamp(),
  primary key (job_id, step)
);
comment on table reportd.checkpoints is 'The saved result of a step; a retry resumes there.';
comment on column reportd.checkpoints.job_id is 'The job.';
comment on column reportd.checkpoints.step is 'The step''s name.';
comment on column reportd.checkpoints.value is 'What the handler saved.';
comment on column reportd.checkpoints.attempt is 'The attempt that saved it.';
comment on column reportd.checkpoints.saved_at is 'When.';
