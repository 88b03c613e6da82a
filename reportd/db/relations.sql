-- name: find(name)
-- The table, view or the like that a name means on this connection's search path: as SQL writes it, and bare.
select c.oid::regclass::text as relation, c.relname::text as name
from pg_catalog.pg_class c
where c.oid = to_regclass(:name) and c.relkind in ('r', 'p', 'v', 'm', 'f');

-- name: names(limit_rows)
-- Tables and views that this role may read, as SQL writes them on this connection's search path; the system's are left out.
select c.oid::regclass::text as relation
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname not in ('reportd', 'pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
  and has_schema_privilege(n.oid, 'usage') and has_any_column_privilege(c.oid, 'select')
order by 1
limit :limit_rows;

-- name: columns(relation)
-- The columns of a relation that this role may read, in order, with what the planner's statistics say of their values.
select
  quote_ident(a.attname) as name,
  format_type(a.atttypid, null) as type,
  coalesce((select a.attnum = any (i.indkey) from pg_catalog.pg_index i where i.indrelid = a.attrelid and i.indisprimary), false) as is_key,
  greatest(s.n_distinct, 0)::integer as distinct_values,
  case when a.atttypid = any (array['date', 'timestamp', 'timestamptz']::regtype[]) then span.earliest::date end as earliest,
  case when a.atttypid = any (array['date', 'timestamp', 'timestamptz']::regtype[]) then span.latest::date end as latest
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and not s.inherited
left join lateral (
  select min(value) as earliest, max(value) as latest
  from unnest(s.histogram_bounds::text::text[] || s.most_common_vals::text::text[]) as value
  where value ~ '^[0-9]{4}-'
) as span on true
where a.attrelid = to_regclass(:relation) and a.attnum > 0 and not a.attisdropped
  and has_column_privilege(a.attrelid, a.attnum, 'select')
order by a.attnum;
