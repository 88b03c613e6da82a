-- What a job has made and where it went: finished files, and the ledger of their deliveries.

create table reportd.artifacts (
  id bigint generated always as identity primary key,
  job_id bigint not null references reportd.jobs on delete cascade,
  attempt integer not null,
  format text not null,
  name text not null,
  uri text not null,
  content_type text not null,
  bytes bigint not null check (bytes >= 0),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  rows bigint check (rows >= 0),
  pages integer check (pages >= 0),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  constraint artifacts_file unique (job_id, format, name)
);
create index artifacts_uri on reportd.artifacts (uri);
create index artifacts_expires_at on reportd.artifacts (expires_at) where expires_at is not null;
comment on table reportd.artifacts is 'One finished file. It appears together with its job''s completion, never before.';
comment on column reportd.artifacts.id is 'The file.';
comment on column reportd.artifacts.job_id is 'The job that made it.';
comment on column reportd.artifacts.attempt is 'The attempt that made it.';
comment on column reportd.artifacts.format is 'pdf, xlsx, csv, json and so on.';
comment on column reportd.artifacts.name is 'File name for the reader.';
comment on column reportd.artifacts.uri is 'Where the bytes are, such as file:///var/lib/reportd/artifacts/….';
comment on column reportd.artifacts.content_type is 'Media type.';
comment on column reportd.artifacts.bytes is 'Size.';
comment on column reportd.artifacts.sha256 is 'Hex digest of the content.';
comment on column reportd.artifacts.rows is 'Data rows in it; NULL where that has no meaning.';
comment on column reportd.artifacts.pages is 'PDF pages; NULL where that has no meaning.';
comment on column reportd.artifacts.created_at is 'When the job completed.';
comment on column reportd.artifacts.expires_at is 'When it may be deleted; NULL: by the queue''s retention.';

create table reportd.deliveries (
  id bigint generated always as identity primary key,
  job_id bigint not null references reportd.jobs on delete cascade,
  channel text not null,
  target text not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  tries integer not null default 0 check (tries >= 0),
  idempotency_key text not null default gen_random_uuid()::text,
  receipt jsonb,
  error jsonb,
  sent_by bigint,
  digest text,
  created_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  constraint deliveries_target unique (job_id, channel, target),
  constraint deliveries_delivered check ((status = 'delivered') = (delivered_at is not null)),
  constraint deliveries_failed check (status <> 'failed' or error is not null)
);
create index deliveries_pending on reportd.deliveries (id) where status = 'pending';
comment on table reportd.deliveries is 'The ledger: one (job, channel, target). Sent by one job of kind deliver, which retries by itself.';
comment on column reportd.deliveries.id is 'The delivery; params.delivery_id of its job.';
comment on column reportd.deliveries.job_id is 'The job whose files are sent.';
comment on column reportd.deliveries.channel is 'How: file, email and so on.';
comment on column reportd.deliveries.target is 'Where, in the channel''s words.';
comment on column reportd.deliveries.status is 'pending, delivered or failed.';
comment on column reportd.deliveries.tries is 'How often it was tried.';
comment on column reportd.deliveries.idempotency_key is 'The same for every try: a receiver can tell a repetition.';
comment on column reportd.deliveries.receipt is 'What the channel answered.';
comment on column reportd.deliveries.error is 'Of the latest failed try.';
comment on column reportd.deliveries.sent_by is 'The job that tried it last.';
comment on column reportd.deliveries.digest is 'Digest of the data in the files: a report that is sent only when changed() compares it.';
comment on column reportd.deliveries.created_at is 'When the job completed.';
comment on column reportd.deliveries.delivered_at is 'When it got there.';
