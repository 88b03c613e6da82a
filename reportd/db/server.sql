-- name: facts()
-- What the server says of itself: version, the settings that decide what a crash may lose, clock, and who we are on it.
select
  current_setting('server_version_num')::integer as version,
  current_setting('server_version') as version_text,
  current_setting('fsync') = 'on' as fsync,
  current_setting('full_page_writes') = 'on' as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit,
  pg_is_in_recovery() as is_standby,
  clock_timestamp() as now,
  current_database()::text as database,
  current_user::text as role,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as is_superuser;

-- name: missing_rights()
-- Tables of the schema reportd that this role may not both read and write, by name.
select c.relname::text as name
from pg_catalog.pg_class c
where c.relnamespace = to_regnamespace('reportd') and c.relkind in ('r', 'p')
  and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update'))
order by c.relname;

-- name: writable_tables(limit_rows)
-- Tables outside the schema reportd that this role may change, the first few by name.
select format('%I.%I', n.nspname, c.relname) as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in ('reportd', 'pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
  and has_schema_privilege(n.oid, 'usage')
  and (has_table_privilege(c.oid, 'insert') or has_table_privilege(c.oid, 'update') or has_table_privilege(c.oid, 'delete'))
order by n.nspname, c.relname
limit :limit_rows;

-- name: memberships(limit_rows)
-- Other roles that this one may become by SET ROLE, the first few by name.
select rolname::text as name
from pg_catalog.pg_roles
where rolname <> current_user and pg_has_role(oid, 'member')
order by rolname
limit :limit_rows;

-- name: temp_file_limit()
-- What a session of this role may spill into temporary files, as the server writes it: '8GB'; '-1' is without a limit.
select current_setting('temp_file_limit');

-- name: oldest_snapshot()
-- Who holds the oldest snapshot: while it is open, Postgres keeps every dead row version of the queue.
select pid, application_name, extract(epoch from clock_timestamp() - xact_start)::double precision as seconds
from pg_catalog.pg_stat_activity
where backend_xmin is not null and pid <> pg_backend_pid() and datname = current_database() and xact_start is not null
order by age(backend_xmin) desc, xact_start
limit 1;

-- name: notify(channel)
-- Send an empty notification.
select pg_notify(:channel, '');

-- name: latest_job()
-- The highest id of a job.
select max(id) from reportd.jobs;
