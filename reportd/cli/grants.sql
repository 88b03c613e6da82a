-- Roles for reportd, printed by: reportd grants
--
-- Apply it as a superuser in the database that holds the queue, after `reportd migrate`, and again after every upgrade:
--   reportd grants | psql -v ON_ERROR_STOP=1 DATABASE
-- It may be applied any number of times. It sets no password: \password :"worker", \password :"report" and \password :"owner" do.

begin;

do $$
begin
  if to_regclass('reportd.jobs') is null then
    raise exception 'there is no schema reportd yet' using hint = 'First: reportd migrate';
  end if;
end $$;

-- owner     owns the schema: `reportd migrate` connects as it, nobody else does
-- worker    the daemon's own connection: reads and writes every table, changes none
-- report    runs the SQL of reports: a login of its own, a member of nothing, with SELECT on what reports may read
-- producer  what an application needs to order jobs and follow them:  grant :"producer" to your_application;
-- reader    what a dashboard needs:  grant :"reader" to your_dashboard;
do $$
begin
  if not exists (select from pg_roles where rolname = :'owner') then create role :"owner" login; end if;
  if not exists (select from pg_roles where rolname = :'worker') then create role :"worker" login; end if;
  if not exists (select from pg_roles where rolname = :'report') then create role :"report" login noinherit; end if;
  if not exists (select from pg_roles where rolname = :'producer') then create role :"producer" nologin; end if;
  if not exists (select from pg_roles where rolname = :'reader') then create role :"reader" nologin; end if;
  if exists (select from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = :'report') then
    raise exception '% is a member of other roles', :'report' using hint = 'revoke them: SET ROLE would give their rights to every report';
  end if;
end $$;

-- Functions that act for a producer run with the owner's rights; those must not be a superuser's.
do $$
declare
  thing record;
begin
  execute format('grant connect, create on database %I to %I', current_database(), :'owner');
  execute format('grant connect on database %I to %I, %I', current_database(), :'worker', :'report');
  execute format('alter schema reportd owner to %I', :'owner');
  -- A sequence of an identity column goes with its table.
  for thing in select oid::regclass as name from pg_class where relnamespace = 'reportd'::regnamespace and relkind in ('r', 'p') loop
    execute format('alter table %s owner to %I', thing.name, :'owner');
  end loop;
  for thing in select oid::regclass as name from pg_class where relnamespace = 'reportd'::regnamespace and relkind = 'v' loop
    execute format('alter view %s owner to %I', thing.name, :'owner');
  end loop;
  for thing in select oid::regprocedure as name from pg_proc where pronamespace = 'reportd'::regnamespace loop
    execute format('alter routine %s owner to %I', thing.name, :'owner');
  end loop;
end $$;

revoke all on schema reportd from public;
revoke all on all tables in schema reportd from public, :"report";

grant usage on schema reportd to :"worker", :"producer", :"reader";

grant select, insert, update, delete on all tables in schema reportd to :"worker";
revoke insert, update, delete on reportd.migrations from :"worker";
grant usage on all sequences in schema reportd to :"worker";
grant execute on all functions in schema reportd to :"worker";

grant select on all tables in schema reportd to :"producer", :"reader";
grant insert (kind, params, formats, name, queue, priority, run_at, max_attempts, timeout_s, unique_key, depends_on,
  depends_until, deliver, template, requested_by, department, tenant, metadata) on reportd.jobs to :"producer";
grant execute on function reportd.cancel(bigint), reportd.retry(bigint), reportd.resend(bigint) to :"producer";
grant execute on function reportd.why(bigint), reportd.stats(text) to :"producer", :"reader";

-- What holds for a session is only a default that a session could change; what a report may not do, it has no right to do.
alter role :"report" set default_transaction_read_only = on;
alter role :"report" set statement_timeout = '15min';
alter role :"report" set idle_in_transaction_session_timeout = '15min';
-- This one holds for good, and is the only way to hold a role to it that is no superuser.
alter role :"report" set temp_file_limit = '8GB';

do $$
declare
  place text;
begin
  foreach place in array :schemas::text[] loop
    execute format('grant usage on schema %I to %I', place, :'report');
    execute format('grant select on all tables in schema %I to %I', place, :'report');
    -- Tables that whoever applies this creates later; for those of another role: alter default privileges for role …
    execute format('alter default privileges in schema %I grant select on tables to %I', place, :'report');
  end loop;
end $$;

commit;
