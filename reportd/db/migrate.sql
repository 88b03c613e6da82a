-- The ledger of migrations. It is older than any of them, so it is made here and not by one.

-- name: lock(key)
-- One migration at a time, whoever runs it; until the end of the transaction, so that pgbouncer may stand between.
select pg_advisory_xact_lock(:key);

-- name: is_installed()
-- Whether the ledger exists.
select to_regclass('reportd.migrations') is not null;

-- name: create_schema()
-- The schema, on the first run.
create schema if not exists reportd;

-- name: create_ledger()
-- The ledger, on the first run.
create table if not exists reportd.migrations (
  number integer primary key,
  name text not null,
  sha256 text not null,
  applied_at timestamptz not null default clock_timestamp()
);

-- name: comment_schema()
-- The schema's own documentation.
comment on schema reportd is 'Reports as rows: INSERT into reportd.jobs, read reportd.artifacts.';

-- name: comment_ledger()
-- The ledger's own documentation.
comment on table reportd.migrations is 'Which files of sql/ have been applied, and the digest of each.';

-- name: applied()
-- What has been applied, in order.
select number, name, sha256 from reportd.migrations order by number;

-- name: record(number, name, sha256)
-- Note a migration as applied.
insert into reportd.migrations (number, name, sha256) values (:number, :name, :sha256);

-- name: server_version()
-- The server's version as a number such as 150004.
select current_setting('server_version_num')::integer;
