-- What happens when a job is INSERTed: it is checked, refused with the nearest remedy, or completed and announced.
--
-- Every check is an expression on values at hand: no EXCEPTION block (each one is a subtransaction), no cast that can fail.

create function reportd.nearest(word text, words text[]) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  candidate text;
  best text;
  best_distance integer := greatest(2, least(length(word), 60) / 3) + 1;
  previous integer[];
  current integer[];
begin
  foreach candidate in array words loop
    -- Edit distance (Levenshtein), row by row; only ever run to word an error.
    previous := array(select generate_series(0, length(candidate)));
    for i in 1 .. least(length(word), 63) loop
      current := array[i];
      for j in 1 .. length(candidate) loop
        current := current || least(
          previous[j + 1] + 1,
          current[j] + 1,
          previous[j] + case when lower(substr(word, i, 1)) = lower(substr(candidate, j, 1)) then 0 else 1 end
        );
      end loop;
      previous := current;
    end loop;
    if previous[length(candidate) + 1] < best_distance then
      best := candidate;
      best_distance := previous[length(candidate) + 1];
    end if;
  end loop;
  return best;
end $$;
comment on function reportd.nearest(text, text[]) is 'The word most like a mistyped one, or NULL when none is near.';

create function reportd.refuse(field text, problem text, remedy text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '%: %', field, problem using
    errcode = 'invalid_parameter_value', hint = remedy,
    schema = 'reportd', table = 'jobs', column = split_part(field, '.', 1);
end $$;
comment on function reportd.refuse(text, text, text) is 'Ends an INSERT with an error that names field, value and what is allowed.';

create function reportd.refuse_unknown(field text, word text, noun text, words text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  near text := reportd.nearest(word, words);
begin
  perform reportd.refuse(
    field,
    case
      when cardinality(words) = 0 then format('%s is not one: there is no %s', to_json(left(word, 60)), noun)
      else format('%s is not one of: %s%s', to_json(left(word, 60)), array_to_string(words[:12], ', '),
                  case when cardinality(words) > 12 then format(' and %s more', cardinality(words) - 12) else '' end)
    end,
    coalesce(format('Did you mean %s?', to_json(near)), format('Use the name of a %s that exists.', noun))
  );
end $$;
comment on function reportd.refuse_unknown(text, text, text, text[]) is 'Ends an INSERT that names something unknown, with the nearest name.';

create function reportd.check_value(field text, value jsonb, schema jsonb) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  type text := jsonb_typeof(value);
  allowed jsonb := schema -> 'type';
  shown text;
  bound numeric;
  key text;
  item jsonb;
  position integer := 0;
begin
  if allowed is not null and not allowed ? type
     and not (type = 'number' and allowed ? 'integer' and trunc(value::numeric) = value::numeric) then
    shown := case when schema -> 'writeOnly' = 'true' then 'the value' else left(value::text, 60) end;
    perform reportd.refuse(
      field,
      format('%s is %s, must be %s', shown, reportd.type_words(to_jsonb(type)), reportd.type_words(allowed)),
      case
        when type = 'string' and (allowed ? 'integer' or allowed ? 'number') and value #>> '{}' ~ '^-?[0-9]+(\.[0-9]+)?$'
          then format('Write %s, without quotes.', value #>> '{}')
        when type = 'string' and allowed ? 'array' then 'Write a list: [' || left(value::text, 60) || '].'
        when type = 'null' then 'Leave it out instead.'
        else format('Give %s.', reportd.type_words(allowed))
      end
    );
  end if;

  if schema ? 'enum' and not (schema -> 'enum' @> case when type in ('object', 'array') then jsonb_build_array(value) else value end) then
    if schema -> 'writeOnly' = 'true' then
      perform reportd.refuse(field, 'the value is not one of those allowed', 'Give one of those allowed.');
    end if;
    perform reportd.refuse_unknown(field, value #>> '{}', 'choice', array(select jsonb_array_elements_text(schema -> 'enum')));
  end if;

  if type = 'number' then
    shown := case when schema -> 'writeOnly' = 'true' then 'the value' else left(value::text, 60) end;
    if jsonb_typeof(schema -> 'minimum') = 'number' and value::numeric < (schema -> 'minimum')::numeric then
      bound := (schema -> 'minimum')::numeric;
      perform reportd.refuse(field, format('%s is below the minimum of %s', shown, bound), format('Give %s or more.', bound));
    end if;
    if jsonb_typeof(schema -> 'maximum') = 'number' and value::numeric > (schema -> 'maximum')::numeric then
      bound := (schema -> 'maximum')::numeric;
      perform reportd.refuse(field, format('%s is above the maximum of %s', shown, bound), format('Give %s or less.', bound));
    end if;
  elsif type = 'array' and schema ? 'items' then
    for item in select jsonb_array_elements(value) loop
      perform reportd.check_value(format('%s[%s]', field, position), item, schema -> 'items');
      position := position + 1;
    end loop;
  elsif type = 'object' then
    perform reportd.check_object(field, value, schema);
  end if;
end $$;
comment on function reportd.check_value(text, jsonb, jsonb) is 'Refuses a value that its JSON Schema does not allow; field is its path, for the message.';

create function reportd.check_object(field text, value jsonb, schema jsonb) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  properties jsonb := coalesce(schema -> 'properties', '{}');
  others jsonb := schema -> 'additionalProperties';
  required jsonb := schema -> 'required';
  key text;
  item jsonb;
begin
  if required is not null and required <> '[]' then
    for key in select jsonb_array_elements_text(required) loop
      if not value ? key then
        perform reportd.refuse(
          field || '.' || key,
          format('missing, must be %s', coalesce(reportd.type_words(properties -> key -> 'type'), 'given')),
          format('Add %s to %s.', to_json(key), field)
        );
      end if;
    end loop;
  end if;
  for key, item in select each.key, each.value from jsonb_each(value) each loop
    if properties ? key then
      perform reportd.check_value(field || '.' || key, item, properties -> key);
    elsif others = 'false' then
      perform reportd.refuse_unknown(
        field || '.' || key, key, 'parameter', array(select jsonb_object_keys(properties))
      );
    elsif jsonb_typeof(others) = 'object' then
      perform reportd.check_value(field || '.' || key, item, others);
    end if;
  end loop;
end $$;
comment on function reportd.check_object(text, jsonb, jsonb) is 'Refuses an object with a missing, unknown or wrong member.';

create function reportd.type_words(types jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select string_agg(
    case t when 'array' then 'a list' when 'integer' then 'a whole number' when 'boolean' then 'true or false' when 'null' then 'null'
           when 'object' then 'an object' else 'a ' || t end,
    ' or ' order by n
  )
  from jsonb_array_elements_text(case jsonb_typeof(types) when 'array' then types else jsonb_build_array(types) end)
    with ordinality as listed (t, n)
  where types is not null
$$;
comment on function reportd.type_words(jsonb) is 'JSON Schema types in words.';

create function reportd.check_size(field text, value jsonb) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  written text := value::text;
  depth integer;
begin
  if octet_length(written) > 65536 then
    perform reportd.refuse(field, format('%s bytes, at most 65536 are allowed', octet_length(written)),
      'Keep big data in a table of your own and pass its key.');
  end if;
  -- Nothing is 33 deep without 33 opening brackets: most values need no walk.
  if length(written) - length(translate(written, '[{', '')) > 32 then
    with recursive walk (value, depth) as (
      select check_size.value, 1
      union all
      select inner_value, walk.depth + 1
      from walk, lateral (
        select each.value from jsonb_each(case when jsonb_typeof(walk.value) = 'object' then walk.value else '{}' end) each
        union all
        select item from jsonb_array_elements(case when jsonb_typeof(walk.value) = 'array' then walk.value else '[]' end) item
      ) as inside (inner_value)
      where walk.depth <= 32 and jsonb_typeof(inner_value) in ('object', 'array')
    )
    select max(walk.depth) into depth from walk;
    if depth > 32 then
      perform reportd.refuse(field, 'nested deeper than 32 levels', 'Flatten it.');
    end if;
  end if;
end $$;
comment on function reportd.check_size(text, jsonb) is 'Refuses JSON over 64 kB or 32 levels.';

create function reportd.wake() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- NOTIFY holds a lock of the whole server while its transaction commits; where many small transactions insert jobs,
  -- ALTER DATABASE … SET reportd.notify = off leaves the work to polling. Nothing but the wait depends on it.
  if current_setting('reportd.notify', true) is distinct from 'off' then
    perform pg_notify('reportd_jobs', '');
  end if;
end $$;
comment on function reportd.wake() is 'Tells the daemons that there is something to do, unless reportd.notify is off.';

-- SECURITY DEFINER, since a producer need not be able to read kinds and templates.
create function reportd.jobs_before_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  kind_queue text;
  kind_priority smallint;
  kind_formats text[];
  kind_schema jsonb;
  kind_broken boolean;
  kind_retired timestamptz;
  preset record;
  earliest timestamptz;
  wrong text;
begin
  new.params := coalesce(new.params, '{}');
  new.metadata := coalesce(new.metadata, '{}');
  new.deliver := coalesce(new.deliver, '[]');

  if new.template is not null then
    select t.kind, t.params, t.formats, t.deliver into preset from reportd.templates t where t.name = new.template;
    if not found then
      perform reportd.refuse_unknown('template', new.template, 'template', array(select t.name::text from reportd.templates t order by 1));
    end if;
    if new.kind <> preset.kind then
      perform reportd.refuse('kind', format('%s is not the kind of template %s', to_json(new.kind), to_json(new.template)),
        format('Leave kind out, or write %s.', to_json(preset.kind)));
    end if;
    new.kind := preset.kind;
    if jsonb_typeof(new.params) = 'object' then
      new.params := preset.params || new.params;
    end if;
    new.formats := coalesce(new.formats, preset.formats);
    if new.deliver = '[]' then
      new.deliver := preset.deliver;
    end if;
  end if;

  if new.kind is null then
    perform reportd.refuse('kind', 'missing', 'Name a report or task of reportd.kinds.');
  end if;
  select k.queue, k.priority, k.formats, k.params_schema, k.error is not null, k.retired_at
    into kind_queue, kind_priority, kind_formats, kind_schema, kind_broken, kind_retired
    from reportd.kinds k where k.name = new.kind;
  if not found then
    perform reportd.refuse_unknown('kind', new.kind, 'kind',
      array(select k.name::text from reportd.kinds k where k.retired_at is null and k.name <> 'deliver' order by 1));
  end if;
  if kind_retired is not null then
    perform reportd.refuse('kind', format('%s was retired at %s', to_json(new.kind), kind_retired),
      'Start a daemon that has it, or use another kind.');
  end if;

  if jsonb_typeof(new.params) <> 'object' then
    perform reportd.refuse('params', format('%s is %s, must be an object', left(new.params::text, 60), reportd.type_words(to_jsonb(jsonb_typeof(new.params)))),
      'Write {"name": value, …}.');
  end if;
  perform reportd.check_size('params', new.params);
  -- A broken kind has no schema to hold params against; its jobs fail at once with the kind's own error.
  if not kind_broken then
    perform reportd.check_object('params', new.params, kind_schema);
    if new.formats is not null and not new.formats <@ kind_formats then
      select f into wrong from unnest(new.formats) f where f is null or f <> all (kind_formats) limit 1;
      perform reportd.refuse_unknown('formats', coalesce(wrong, 'NULL'), 'format of this kind', kind_formats);
    end if;
  end if;
  if cardinality(new.formats) > 1 and (select count(distinct f) from unnest(new.formats) f) < cardinality(new.formats) then
    perform reportd.refuse('formats', format('%s names one twice', new.formats), 'Name each format once.');
  end if;

  if new.metadata <> '{}' then
    if jsonb_typeof(new.metadata) <> 'object' then
      perform reportd.refuse('metadata', format('%s is not an object', left(new.metadata::text, 60)), 'Write {"name": value, …}.');
    end if;
    perform reportd.check_size('metadata', new.metadata);
  end if;
  if new.deliver <> '[]' then
    if jsonb_typeof(new.deliver) <> 'array' then
      perform reportd.refuse('deliver', format('%s is not a list', left(new.deliver::text, 60)), 'Write ["channel:target", …].');
    end if;
    perform reportd.check_size('deliver', new.deliver);
  end if;

  if new.queue is null then
    new.queue := coalesce(kind_queue, 'default');
  elsif new.queue !~ '^[a-z0-9_-]{1,63}$' then
    perform reportd.refuse('queue', format('%s is not a name', to_json(left(new.queue, 80))), 'Use 1 to 63 of a-z, 0-9, _ and -.');
  end if;
  new.priority := coalesce(new.priority, kind_priority, 0);
  if new.priority not between -9 and 9 then
    perform reportd.refuse('priority', format('%s is not between -9 and 9', new.priority), 'Higher goes first; 0 is usual.');
  end if;
  if new.max_attempts not between 1 and 1000 then
    perform reportd.refuse('max_attempts', format('%s is not between 1 and 1000', new.max_attempts), '1 means: no retry.');
  end if;
  if not (new.timeout_s > 0 and new.timeout_s < 'infinity') then
    perform reportd.refuse('timeout_s', format('%s is not a time-out', new.timeout_s), 'Give seconds, more than 0.');
  end if;
  if cardinality(new.depends_on) > 0 then
    perform reportd.refuse('depends_on', 'this version of reportd does not wait for other jobs', 'Leave it out.');
  end if;
  if octet_length(new.unique_key) not between 1 and 1000 then
    perform reportd.refuse('unique_key', format('%s bytes, must be 1 to 1000', octet_length(new.unique_key)), 'Use a digest of the long key.');
  end if;
  if not isfinite(new.run_at) then
    perform reportd.refuse('run_at', format('%s is not a time', new.run_at), 'Give a time, or leave it out for now.');
  end if;

  new.ready := true;
  new.active_key := new.unique_key;
  -- Claims scan onward from where they were, up to a time that lies before the end of every transaction that may still
  -- commit. That holds only if this transaction has its id before it reads the clock.
  perform pg_current_xact_id();
  earliest := clock_timestamp();
  if new.run_at is null or new.run_at < earliest then
    new.run_at := earliest;
  end if;
  return new;
end $$;
comment on function reportd.jobs_before_insert() is 'Checks an ordered job, refuses a wrong one, and fills in what the kind says.';
create trigger before_insert before insert on reportd.jobs for each row execute function reportd.jobs_before_insert();
comment on trigger before_insert on reportd.jobs is 'Checks an ordered job, refuses a wrong one, and fills in what the kind says.';

create function reportd.jobs_after_insert() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform reportd.wake();
  return null;
end $$;
comment on function reportd.jobs_after_insert() is 'Wakes the daemons, once per statement.';
create trigger after_insert after insert on reportd.jobs for each statement execute function reportd.jobs_after_insert();
comment on trigger after_insert on reportd.jobs is 'Wakes the daemons, once per statement.';

create function reportd.schedules_before_write() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- Shape only: the daemon knows cron. What it can't plan is shown in schedules.error.
  if new.cron !~ '^\s*(@[a-z]+|\S+(\s+\S+){4})\s*$' then
    raise exception 'cron: % is not five fields', to_json(left(new.cron, 80)) using
      errcode = 'invalid_parameter_value', hint = 'Write minute, hour, day of month, month, day of week, such as 0 7 1 * *.',
      schema = 'reportd', table = 'schedules', column = 'cron';
  end if;
  if not exists (select from pg_timezone_names z where z.name = new.timezone) then
    raise exception 'timezone: there is no zone %', to_json(left(new.timezone, 80)) using
      errcode = 'invalid_parameter_value',
      hint = coalesce(
        format('Did you mean %s?', to_json(reportd.nearest(new.timezone, array(
          select z.name from pg_timezone_names z where z.name !~ '^(posix|right)/' and abs(length(z.name) - length(new.timezone)) < 4
        )))),
        'Use a name of pg_timezone_names, such as Europe/Vienna.'),
      schema = 'reportd', table = 'schedules', column = 'timezone';
  end if;
  if tg_op = 'INSERT' or (old.cron, old.timezone, old.starts_at, old.ends_at) is distinct from (new.cron, new.timezone, new.starts_at, new.ends_at) then
    new.next_run_at := null;
    new.error := null;
    new.updated_at := clock_timestamp();
  end if;
  return new;
end $$;
comment on function reportd.schedules_before_write() is 'Checks cron and zone, and lets a changed plan be planned anew.';
create trigger before_write before insert or update of cron, timezone, starts_at, ends_at on reportd.schedules
  for each row execute function reportd.schedules_before_write();
comment on trigger before_write on reportd.schedules is 'Checks cron and zone, and lets a changed plan be planned anew.';

create function reportd.schedules_after_write() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform reportd.wake();
  return null;
end $$;
comment on function reportd.schedules_after_write() is 'Wakes the daemons, so that a new plan is planned at once.';
create trigger after_write after insert or update of cron, timezone, starts_at, ends_at, is_active, is_paused on reportd.schedules
  for each statement execute function reportd.schedules_after_write();
comment on trigger after_write on reportd.schedules is 'Wakes the daemons, so that a new plan is planned at once.';
