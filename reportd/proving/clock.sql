-- The time that a test runs at, under the names that SQL has for now. The setting reportd.now says when that is.

create schema reportd_clock;
grant usage on schema reportd_clock to public;

create function reportd_clock.now() returns timestamptz
language sql stable return pg_catalog.current_setting('reportd.now')::pg_catalog.timestamptz;

create function reportd_clock.transaction_timestamp() returns timestamptz language sql stable return reportd_clock.now();
create function reportd_clock.statement_timestamp() returns timestamptz language sql stable return reportd_clock.now();
create function reportd_clock.clock_timestamp() returns timestamptz language sql stable return reportd_clock.now();

-- These are words of the language, not functions; a test puts the function of the name in their place.
create function reportd_clock."current_timestamp"() returns timestamptz language sql stable return reportd_clock.now();
create function reportd_clock."current_date"() returns date language sql stable return reportd_clock.now()::date;
create function reportd_clock."current_time"() returns timetz language sql stable return reportd_clock.now()::timetz;
create function reportd_clock."localtimestamp"() returns timestamp language sql stable return reportd_clock.now()::timestamp;
create function reportd_clock."localtime"() returns time language sql stable return reportd_clock.now()::time;
