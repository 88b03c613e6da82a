-- What happens when a job is INSERTed: it is checked, refused with the nearest remedy, or completed and announced.
--
-- A check returns NULL, or what is wrong as {field, problem, remedy}; the trigger alone raises. Every check is an expression
-- on values at hand: no EXCEPTION block (each one is a subtransaction), no cast that can fail.

create function reportd.nearest(word text, words text[]) returns text
language plpgsql immutable as $$
declare
  candidate text;
  best text;
  best_distance integer := greatest(2, least(length(word), 60) / 3) + 1;
  previous integer[];
  current integer[];
begin
  foreach candidate in array words loop
    continue when candidate is null;
    -- Edit distance (Levenshtein), row by row; it only ever runs to word an error.
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

create function reportd.type_words(types jsonb) returns text
language sql immutable as $$
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

create function reportd.not_among(field text, word text, nouns text, words text[]) returns text[]
language sql immutable as $$
  select array[
    field,
    case
      when cardinality(words) = 0 then format('%s is unknown: there are no %s', to_json(left(word, 60)), nouns)
      else format('%s is unknown; %s: %s%s', to_json(left(word, 60)), nouns, array_to_string(words[:12], ', ', 'null'),
        case when cardinality(words) > 12 then format(' and %s more', cardinality(words) - 12) else '' end)
    end,
    case
      when reportd.nearest(word, words) is not null then format('Did you mean %s?', to_json(reportd.nearest(word, words)))
      when cardinality(words) = 0 then 'Leave it out.'
      else 'Use one of these.'
    end
  ]
$$;
comment on function reportd.not_among(text, text, text, text[]) is 'What to say of a word that is not one of those allowed: the list, and the nearest.';

create function reportd.check_value(field text, value jsonb, schema jsonb) returns text[]
language plpgsql stable as $$
declare
  type text := jsonb_typeof(value);
  allowed jsonb := schema -> 'type';
  hidden boolean;
  wrong text[];
begin
  if allowed is not null and not allowed ? type
     and not (type = 'number' and allowed ? 'integer' and trunc(value::numeric) = value::numeric) then
    return array[
      field,
      format('%s is %s, must be %s',
        case when schema -> 'writeOnly' = 'true' then 'the value' else left(value::text, 60) end,
        case when type = 'number' and allowed ? 'integer' then 'not whole' else reportd.type_words(to_jsonb(type)) end,
        reportd.type_words(allowed)),
      case
        when schema -> 'writeOnly' = 'true' then format('Give %s.', reportd.type_words(allowed))
        when type = 'string' and (allowed ? 'integer' or allowed ? 'number') and value #>> '{}' ~ '^-?[0-9]{1,60}(\.[0-9]{1,60})?$'
          then format('Write %s, without quotes.', value #>> '{}')
        when type = 'string' and allowed ? 'boolean' and lower(value #>> '{}') in ('true', 'false')
          then format('Write %s, without quotes.', lower(value #>> '{}'))
        when type not in ('array', 'object', 'null') and allowed ? 'array' then format('Write [%s].', left(value::text, 60))
        when type = 'number' and allowed ? 'string' then format('Write "%s", in quotes.', left(value::text, 60))
        when type = 'null' then 'Leave it out instead.'
        else format('Give %s.', reportd.type_words(allowed))
      end
    ];
  end if;

  if schema ? 'enum'
     and not schema -> 'enum' @> (case when type in ('object', 'array') then jsonb_build_array(value) else value end) then
    if schema -> 'writeOnly' = 'true' then
      return array[field, 'the value is not one of those allowed', 'Give one of those allowed.'];
    end if;
    return reportd.not_among(field, value #>> '{}', 'choices', array(select jsonb_array_elements_text(schema -> 'enum')));
  end if;

  if type = 'string' and schema ? 'shape' and value #>> '{}' !~* (schema #>> '{shape,pattern}') then
    return array[
      field,
      format('%s is no %s',
        case when schema -> 'writeOnly' = 'true' then 'the value' else left(value::text, 60) end, schema #>> '{shape,noun}'),
      format('Give one such as %s.', array_to_string(array(select jsonb_array_elements_text(schema #> '{shape,examples}')), ' or '))
    ];
  end if;

  if type = 'number' then
    if jsonb_typeof(schema -> 'minimum') = 'number' and value::numeric < (schema -> 'minimum')::numeric then
      hidden := schema -> 'writeOnly' = 'true';
      return array[
        field,
        format('%s is below the minimum of %s', case when hidden then 'the value' else left(value::text, 60) end, schema -> 'minimum'),
        format('Give %s or more.', schema -> 'minimum')
      ];
    end if;
    if jsonb_typeof(schema -> 'maximum') = 'number' and value::numeric > (schema -> 'maximum')::numeric then
      hidden := schema -> 'writeOnly' = 'true';
      return array[
        field,
        format('%s is above the maximum of %s', case when hidden then 'the value' else left(value::text, 60) end, schema -> 'maximum'),
        format('Give %s or less.', schema -> 'maximum')
      ];
    end if;
  elsif type = 'array' then
    if schema ? 'items' then
      for place in 0 .. jsonb_array_length(value) - 1 loop
        wrong := reportd.check_value(field || '[' || place || ']', value -> place, schema -> 'items');
        if wrong is not null then
          return wrong;
        end if;
      end loop;
    end if;
  elsif type = 'object' then
    return reportd.check_object(field, value, schema);
  end if;
  return null;
end $$;
comment on function reportd.check_value(text, jsonb, jsonb) is 'What a JSON Schema has against a value, or NULL; field is its path, for the message.';

create function reportd.check_object(field text, value jsonb, schema jsonb) returns text[]
language plpgsql stable as $$
declare
  properties jsonb := coalesce(schema -> 'properties', '{}');
  others jsonb := schema -> 'additionalProperties';
  keys jsonb;
  key text;
  wrong text[];
begin
  -- Keys by index: a loop over a query costs ten times as much, and this runs for every job.
  keys := schema -> 'required';
  if keys is not null then
    for place in 0 .. jsonb_array_length(keys) - 1 loop
      key := keys ->> place;
      if not value ? key then
        return array[
          field || '.' || key,
          format('missing, must be %s', coalesce(reportd.type_words(properties -> key -> 'type'), 'given')),
          format('Add %s to %s.', to_json(key), field)
        ];
      end if;
    end loop;
  end if;
  if value <> '{}' then
    keys := jsonb_path_query_array(value, '$.keyvalue().key');
    for place in 0 .. jsonb_array_length(keys) - 1 loop
      key := keys ->> place;
      if properties ? key then
        wrong := reportd.check_value(field || '.' || key, value -> key, properties -> key);
      elsif others = 'false' then
        wrong := reportd.not_among(field, key, 'parameters', array(select jsonb_object_keys(properties) order by 1));
      elsif jsonb_typeof(others) = 'object' then
        wrong := reportd.check_value(field || '.' || key, value -> key, others);
      end if;
      if wrong is not null then
        return wrong;
      end if;
    end loop;
  end if;
  return null;
end $$;
comment on function reportd.check_object(text, jsonb, jsonb) is 'What a JSON Schema has against an object (a member is missing, unknown or wrong), or NULL.';

create function reportd.check_size(field text, value jsonb) returns text[]
language plpgsql stable as $$
declare
  written text := value::text;
  deepest integer;
begin
  if octet_length(written) > 65536 then
    return array[field, format('%s bytes, at most 65536 are allowed', octet_length(written)), 'Keep big data in a table of your own and pass its key.'];
  end if;
  -- Nothing is 33 deep without 33 opening brackets: most values need no walk.
  if length(written) > 66 and length(written) - length(translate(written, '[{', '')) > 32 then
    with recursive walk (node, depth) as (
      select value, 1
      union all
      select child, walk.depth + 1
      from walk, lateral (
        select each.value from jsonb_each(case when jsonb_typeof(walk.node) = 'object' then walk.node else '{}' end) as each
        union all
        select item from jsonb_array_elements(case when jsonb_typeof(walk.node) = 'array' then walk.node else '[]' end) as item
      ) as inside (child)
      where walk.depth <= 32 and jsonb_typeof(child) in ('object', 'array')
    )
    select max(walk.depth) into deepest from walk;
    if deepest > 32 then
      return array[field, 'nested deeper than 32 levels', 'Flatten it.'];
    end if;
  end if;
  return null;
end $$;
comment on function reportd.check_size(text, jsonb) is 'What is wrong with JSON over 64 kB or 32 levels, else NULL.';

create function reportd.check_targets(field text, targets jsonb) returns text[]
language plpgsql stable as $$
declare
  channels text[] := array(
    select jsonb_array_elements_text(k.params_schema -> 'channels') from reportd.kinds k where k.name = 'deliver'
  );
  target text;
begin
  for place in 0 .. jsonb_array_length(targets) - 1 loop
    target := targets ->> place;
    if jsonb_typeof(targets -> place) <> 'string' or target !~ '^[a-z0-9_-]{1,63}:.*[^[:space:]]' then
      return array[field, format('%s is no target', left((targets -> place)::text, 60)),
        'Write "channel:place", such as "file:sales/".'];
    elsif split_part(target, ':', 1) <> all (channels) then
      return reportd.not_among(field, split_part(target, ':', 1), 'channels', channels);
    end if;
  end loop;
  return null;
end $$;
comment on function reportd.check_targets(text, jsonb) is
  'What is wrong with a list of targets such as ["file:sales/"], or NULL. The channels are those of the kind deliver.';

create function reportd.check_dependencies(job bigint, depends_on bigint[]) returns text[]
language plpgsql stable as $$
declare
  unknown bigint;
begin
  if cardinality(depends_on) > 10000 then
    return array['depends_on', format('%s jobs, at most 10000 are allowed', cardinality(depends_on)), 'Let them wait for jobs in between.'];
  elsif array_position(depends_on, null) is not null then
    return array['depends_on', 'has a NULL', 'Give ids of jobs.'];
  -- A job can only wait for jobs that are there already: so there is no other cycle.
  elsif job = any (depends_on) then
    return array['depends_on', format('a cycle: job %s would wait for itself', job), 'Leave it out.'];
  end if;
  select d into unknown from unnest(depends_on) d where not exists (select from reportd.jobs j where j.id = d) limit 1;
  if found then
    return array['depends_on', format('there is no job %s', unknown), 'Order that job first, in the same transaction if you like.'];
  end if;
  return null;
end $$;
comment on function reportd.check_dependencies(bigint, bigint[]) is 'What is wrong with a list of jobs to wait for, or NULL.';

create function reportd.wake() returns void
language plpgsql as $$
begin
  -- NOTIFY holds a lock of the whole server while its transaction commits: with many producers their commits would queue
  -- up for it. So none is sent while all daemons look by themselves; ALTER DATABASE … SET reportd.notify = off leaves the
  -- work to polling altogether. Nothing but the wait depends on it.
  if pg_catalog.current_setting('reportd.notify', true) is distinct from 'off'
     and coalesce((select pg_catalog.bool_or(waiting) from reportd.workers), true) then
    perform pg_catalog.pg_notify('reportd_jobs', '');
  end if;
end $$;
comment on function reportd.wake() is 'Tells the daemons that wait that there is something to do, unless reportd.notify is off.';

create function reportd.checked(new reportd.jobs) returns reportd.jobs
language plpgsql as $$
declare
  kind record;
  preset record;
  wrong text[];
begin
  <<checks>>
  begin
    if new.params is null then new.params := '{}'; end if;
    if new.metadata is null then new.metadata := '{}'; end if;
    if new.deliver is null then new.deliver := '[]'; end if;

    if new.template is not null then
      select t.kind, t.params, t.formats, t.deliver, t.retired_at into preset from reportd.templates t where t.name = new.template;
      if not found then
        wrong := reportd.not_among('template', new.template, 'templates',
          array(select t.name::text from reportd.templates t where t.retired_at is null order by 1));
        exit checks;
      elsif preset.retired_at is not null then
        wrong := array['template', format('%s was retired at %s', to_json(new.template), preset.retired_at),
          'Start a daemon whose reports declare it, or use another template.'];
        exit checks;
      elsif new.kind <> preset.kind then
        wrong := array['kind', format('%s is not the kind of template %s', to_json(new.kind), to_json(new.template)),
          format('Leave kind out, or write %s.', to_json(preset.kind))];
        exit checks;
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

    select k.queue, k.priority, k.formats, k.params_schema, k.error, k.retired_at into kind from reportd.kinds k where k.name = new.kind;
    if not found then
      wrong := case
        when new.kind is null then array['kind', 'missing', 'Name a report or task of reportd.kinds.']
        else reportd.not_among('kind', new.kind, 'kinds',
          array(select k.name::text from reportd.kinds k where k.retired_at is null and k.name <> 'deliver' order by 1))
      end;
      exit checks;
    elsif kind.retired_at is not null then
      wrong := array['kind', format('%s was retired at %s', to_json(new.kind), kind.retired_at),
        'Start a daemon that has it, or use another kind.'];
      exit checks;
    end if;

    if jsonb_typeof(new.params) <> 'object' then
      wrong := array['params', format('%s is %s, must be an object', left(new.params::text, 60), reportd.type_words(to_jsonb(jsonb_typeof(new.params)))),
        'Write {"name": value, …}.'];
      exit checks;
    end if;
    if new.params <> '{}' then
      wrong := reportd.check_size('params', new.params);
      exit checks when wrong is not null;
    end if;
    -- A broken kind has no schema to hold params against: its jobs are accepted, and fail at once with the kind's error.
    if kind.error is null then
      wrong := reportd.check_object('params', new.params, kind.params_schema);
      exit checks when wrong is not null;
      if not new.formats <@ kind.formats then
        wrong := reportd.not_among('formats',
          coalesce((select f from unnest(new.formats) f where f <> all (kind.formats) limit 1), 'null'), 'formats', kind.formats);
        exit checks;
      end if;
    end if;
    for place in 2 .. coalesce(cardinality(new.formats), 0) loop
      if new.formats[place] = any (new.formats[:place - 1]) then
        wrong := array['formats', format('%s is there twice', to_json(new.formats[place])), 'Name each format once.'];
        exit checks;
      end if;
    end loop;

    if new.metadata <> '{}' then
      wrong := case
        when jsonb_typeof(new.metadata) <> 'object'
          then array['metadata', format('%s is not an object', left(new.metadata::text, 60)), 'Write {"name": value, …}.']
        else reportd.check_size('metadata', new.metadata)
      end;
      exit checks when wrong is not null;
    end if;
    if new.deliver <> '[]' then
      wrong := case
        when jsonb_typeof(new.deliver) <> 'array'
          then array['deliver', format('%s is not a list', left(new.deliver::text, 60)), 'Write ["channel:target", …].']
        else coalesce(reportd.check_size('deliver', new.deliver), reportd.check_targets('deliver', new.deliver))
      end;
      exit checks when wrong is not null;
    end if;

    if new.queue is null then
      new.queue := coalesce(kind.queue, 'default');
    elsif new.queue !~ '^[a-z0-9_-]{1,63}$' then
      wrong := array['queue', format('%s is not a name', to_json(left(new.queue, 80))), 'Use 1 to 63 of a-z, 0-9, _ and -.'];
      exit checks;
    end if;
    if new.priority is null then
      new.priority := coalesce(kind.priority, 0);
    elsif new.priority not between -9 and 9 then
      wrong := array['priority', format('%s is not between -9 and 9', new.priority), 'Higher goes first; 0 is usual.'];
      exit checks;
    end if;
    if new.max_attempts not between 1 and 1000 then
      wrong := array['max_attempts', format('%s is not between 1 and 1000', new.max_attempts), '1 means: no retry.'];
    elsif not (new.timeout_s > 0 and new.timeout_s < 'infinity') then
      wrong := array['timeout_s', format('%s is not a time-out', new.timeout_s), 'Give seconds, more than 0.'];
    elsif new.depends_until not in ('completed', 'ended') then
      wrong := reportd.not_among('depends_until', new.depends_until, 'choices', array['completed', 'ended']);
    elsif cardinality(new.depends_on) > 0 then
      wrong := reportd.check_dependencies(new.id, new.depends_on);
    elsif octet_length(new.unique_key) not between 1 and 1000 then
      wrong := array['unique_key', format('%s bytes, must be 1 to 1000', octet_length(new.unique_key)), 'Use a digest of the key.'];
    elsif not isfinite(new.run_at) then
      wrong := array['run_at', format('%s is not a time', new.run_at), 'Give a time, or leave it out for now.'];
    end if;
  end checks;
  if wrong is not null then
    raise exception '%: %', wrong[1], wrong[2] using
      errcode = 'invalid_parameter_value', hint = wrong[3],
      schema = 'reportd', table = 'jobs', column = split_part(wrong[1], '.', 1);
  end if;

  if new.tenant = '' then
    new.tenant := null;
  end if;
  if new.depends_on = '{}' then
    new.depends_on := null;
  elsif new.depends_on is not null then
    new.ready := new.depends_until = 'completed' and not exists (
      select from unnest(new.depends_on) d join reportd.jobs j on j.id = d where j.outcome is distinct from 'completed'
    );
  end if;
  return new;
end $$;
comment on function reportd.checked(reportd.jobs) is 'An ordered job with what its template and kind say; raises what is wrong with it.';

-- SECURITY DEFINER, since a producer need not be able to read kinds and templates.
create function reportd.jobs_before_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  kind record;
  fine boolean;
  transaction xid8;
  earliest timestamptz;
begin
  new.ready := true;
  new.active_key := new.unique_key;
  -- Each expression of a plpgsql function costs some microseconds anew in every transaction. So a single one clears the
  -- most common jobs, those with a kind, small params and nothing else; all others are checked at length.
  fine := false;
  if coalesce(
       new.template, new.queue, new.unique_key, new.tenant, new.formats::text, new.depends_on::text, new.priority::text,
       new.max_attempts::text, new.timeout_s::text
     ) is null
     and new.depends_until = 'completed' and new.metadata = '{}' and new.deliver = '[]' and isfinite(new.run_at)
     and jsonb_typeof(new.params) = 'object' and octet_length(new.params::text) <= 1000
     -- Nothing is 33 deep without 33 opening brackets.
     and length(new.params::text) - length(translate(new.params::text, '[{', '')) <= 32 then
    select coalesce(k.queue, 'default') as queue, coalesce(k.priority, 0) as priority, k.params_schema into kind
    from reportd.kinds k where k.name = new.kind and k.retired_at is null and k.error is null;
    fine := found and (
      new.params = '{}' and not kind.params_schema ? 'required'
      or reportd.check_object('params', new.params, kind.params_schema) is null
    );
  end if;
  if fine then
    new.queue := kind.queue;
    new.priority := kind.priority;
  else
    new := reportd.checked(new);
  end if;
  -- A claim looks onward from where the last one stopped, up to a time before which every transaction has ended. That
  -- holds only if a transaction has its id before it reads the clock.
  transaction := pg_current_xact_id();
  earliest := clock_timestamp();
  if new.run_at is null or new.run_at < earliest then
    new.run_at := earliest;
  end if;
  return new;
end $$;
comment on function reportd.jobs_before_insert() is 'Checks an ordered job, refuses a wrong one, and fills in what the kind says.';
create trigger before_insert before insert on reportd.jobs for each row execute function reportd.jobs_before_insert();
comment on trigger before_insert on reportd.jobs is 'Checks an ordered job, refuses a wrong one, and fills in what the kind says.';

-- SECURITY DEFINER, since a producer need not be able to read workers.
create function reportd.wake_after_write() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform reportd.wake();
  return null;
end $$;
comment on function reportd.wake_after_write() is 'Wakes the daemons, once per statement.';
create trigger after_insert after insert on reportd.jobs for each statement execute function reportd.wake_after_write();
comment on trigger after_insert on reportd.jobs is 'Wakes the daemons, once per statement.';

create function reportd.check_amount(field text, value numeric, lowest numeric, highest numeric, above boolean default false)
returns text[]
language sql immutable as $$
  select array[
    field,
    format('%s is not %s', value, case when above then format('above %s', lowest) else format('%s or more', lowest) end)
      || case when highest is null then '' else format(', at most %s', highest) end,
    'Give a number in these bounds, or NULL for none.'
  ]
  where value is not null
    and (value = 'NaN' or value < lowest or (above and value = lowest) or value > coalesce(highest, 1e15))
$$;
comment on function reportd.check_amount(text, numeric, numeric, numeric, boolean) is
  'What is wrong with a number of a policy, or NULL. Above: the lower bound itself is not allowed.';

create function reportd.check_backoff(field text, policy jsonb) returns text[]
language plpgsql stable as $$
declare
  names constant text[] := array['cap_s', 'delay_s', 'delays_s', 'factor', 'jitter'];
  key text;
  wrong text[];
begin
  if jsonb_typeof(policy) <> 'object' then
    return array[field, format('%s is not an object', left(policy::text, 60)), 'Write {"delay_s": 60, "factor": 2}.'];
  end if;
  for key in select jsonb_object_keys(policy) order by 1 loop
    if key <> all (names) then
      return reportd.not_among(field, key, 'settings', names);
    elsif key = 'delays_s' then
      if jsonb_typeof(policy -> key) <> 'array' or policy -> key = '[]' or jsonb_path_exists(policy -> key, '$[*] ? (@.type() != "number")') then
        return array[field || '.delays_s', format('%s is not a list of seconds', left((policy -> key)::text, 60)), 'Write [10, 60, 600].'];
      end if;
      select reportd.check_amount(field || '.delays_s', delay::numeric, 0, 31536000) into wrong
      from jsonb_array_elements_text(policy -> key) delay
      where reportd.check_amount(field || '.delays_s', delay::numeric, 0, 31536000) is not null limit 1;
    elsif jsonb_typeof(policy -> key) <> 'number' then
      return array[field || '.' || key, format('%s is not a number', left((policy -> key)::text, 60)), 'Give a number.'];
    else
      wrong := case key
        when 'factor' then reportd.check_amount(field || '.factor', (policy ->> key)::numeric, 1, 100)
        when 'jitter' then reportd.check_amount(field || '.jitter', (policy ->> key)::numeric, 0, 1)
        else reportd.check_amount(field || '.' || key, (policy ->> key)::numeric, 0, 31536000)
      end;
    end if;
    if wrong is not null then
      return wrong;
    end if;
  end loop;
  if policy ? 'delays_s' and policy ?| array['delay_s', 'factor', 'cap_s'] then
    return array[field, 'delays_s is the whole list, beside which delay_s, factor and cap_s mean nothing', 'Leave them out.'];
  end if;
  return null;
end $$;
comment on function reportd.check_backoff(text, jsonb) is 'What is wrong with a backoff, or NULL.';

create function reportd.refuse(noun text, wrong text[]) returns void
language plpgsql as $$
begin
  raise exception '%: %', wrong[1], wrong[2] using
    errcode = 'invalid_parameter_value', hint = wrong[3], schema = 'reportd', table = noun, column = split_part(wrong[1], '.', 1);
end $$;
comment on function reportd.refuse(text, text[]) is 'Ends a write with what is wrong with it: field, problem, remedy.';

create function reportd.queues_before_write() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  wrong text[];
begin
  wrong := case
    when new.name is null or new.name !~ '^[a-z0-9_-]{1,63}$'
      then array['name', format('%s is not a queue''s name', coalesce(to_json(left(new.name, 80))::text, 'NULL')), 'Use 1 to 63 of a-z, 0-9, _ and -.']
    when new.rate_limit is not null and new.rate_interval_s is null
      then array['rate_interval_s', 'missing beside rate_limit', 'Say for how many seconds rate_limit counts.']
    when new.rate_interval_s is not null and new.rate_limit is null
      then array['rate_limit', 'missing beside rate_interval_s', 'Say how many jobs may start in that time.']
    else coalesce(
      reportd.check_amount('concurrency', new.concurrency, 1, null),
      reportd.check_amount('concurrency_total', new.concurrency_total, 1, null),
      reportd.check_amount('concurrency_per_key', new.concurrency_per_key, 1, null),
      reportd.check_amount('rate_limit', new.rate_limit, 1, null),
      reportd.check_amount('rate_interval_s', new.rate_interval_s::numeric, 0, 31536000, above => true),
      reportd.check_amount('max_attempts', new.max_attempts, 1, 1000),
      reportd.check_amount('timeout_s', new.timeout_s::numeric, 0, 31536000, above => true),
      reportd.check_amount('keep_completed_s', new.keep_completed_s::numeric, 0, null),
      reportd.check_amount('keep_failed_s', new.keep_failed_s::numeric, 0, null),
      reportd.check_amount('keep_completed', new.keep_completed, 0, null),
      reportd.check_amount('keep_failed', new.keep_failed, 0, null),
      case when new.backoff is not null then reportd.check_backoff('backoff', new.backoff) end
    )
  end;
  if wrong is not null then
    perform reportd.refuse('queues', wrong);
  end if;
  return new;
end $$;
comment on function reportd.queues_before_write() is 'Refuses a wrong limit, duration or backoff of a queue by name.';
create trigger before_write before insert or update on reportd.queues for each row execute function reportd.queues_before_write();
comment on trigger before_write on reportd.queues is 'Refuses a wrong limit, duration or backoff of a queue by name.';

create function reportd.kinds_before_write() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  wrong text[] := case when new.backoff is not null then reportd.check_backoff('backoff', new.backoff) end;
begin
  if wrong is not null then
    perform reportd.refuse('kinds', wrong);
  end if;
  return new;
end $$;
comment on function reportd.kinds_before_write() is 'Refuses a wrong backoff of a kind by name.';
create trigger before_write before insert or update of backoff on reportd.kinds for each row execute function reportd.kinds_before_write();
comment on trigger before_write on reportd.kinds is 'Refuses a wrong backoff of a kind by name.';

create function reportd.schedules_before_write() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  near text;
begin
  -- Shape only: the daemon knows cron. What it can't plan is shown in schedules.error.
  if new.cron !~ '^\s*(@[a-z]+|\S+(\s+\S+){4})\s*$' then
    raise exception 'cron: % is not five fields', to_json(left(new.cron, 80)) using
      errcode = 'invalid_parameter_value', hint = 'Write minute, hour, day of month, month, day of week, such as 0 7 1 * *.',
      schema = 'reportd', table = 'schedules', column = 'cron';
  end if;
  if not exists (select from pg_timezone_names z where z.name = new.timezone) then
    near := reportd.nearest(new.timezone, array(
      select z.name from pg_timezone_names z where z.name !~ '^(posix|right)/' and abs(length(z.name) - length(new.timezone)) < 4
    ));
    raise exception 'timezone: there is no zone %', to_json(left(new.timezone, 80)) using
      errcode = 'invalid_parameter_value',
      hint = case when near is null then 'Use a name of pg_timezone_names, such as Europe/Vienna.' else format('Did you mean %s?', to_json(near)) end,
      schema = 'reportd', table = 'schedules', column = 'timezone';
  end if;
  -- Ticks that fell into a pause are not made up for: planning begins anew.
  if tg_op = 'INSERT'
     or (old.cron, old.timezone, old.starts_at, old.ends_at) is distinct from (new.cron, new.timezone, new.starts_at, new.ends_at)
     or (new.is_active and not new.is_paused and new.retired_at is null
         and (not old.is_active or old.is_paused or old.retired_at is not null)) then
    new.planned_at := null;
    new.next_run_at := null;
    new.updated_at := clock_timestamp();
  end if;
  if new.waiting_slot is not null and (new.retired_at is not null or not new.is_active) then
    insert into reportd.occurrences (schedule_id, slot, outcome, reason)
    values (new.id, new.waiting_slot, 'skipped', case when new.retired_at is null then 'switched off' else 'retired' end || ' while it waited')
    on conflict do nothing;
    new.waiting_slot := null;
  end if;
  return new;
end $$;
comment on function reportd.schedules_before_write() is 'Checks cron and zone, and lets a changed plan be planned anew.';
create trigger before_write
  before insert or update of cron, timezone, starts_at, ends_at, is_active, is_paused, retired_at on reportd.schedules
  for each row execute function reportd.schedules_before_write();
comment on trigger before_write on reportd.schedules is 'Checks cron and zone, and lets a changed plan be planned anew.';
create trigger after_write
  after insert or update of cron, timezone, starts_at, ends_at, is_active, is_paused, retired_at on reportd.schedules
  for each statement execute function reportd.wake_after_write();
comment on trigger after_write on reportd.schedules is 'Wakes the daemons, so that a new plan is planned at once.';
