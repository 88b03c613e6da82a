-- /// report
-- title = "TITLE"
-- params.days = { type = "int", default = 30, min = 1, max = 3650 }
-- # schedule = { cron = "0 7 * * mon", formats = ["pdf"] }
-- ///
-- It reads no table, so it runs anywhere: put your own queries in its place. A line with @… opens each block, :days is
-- the parameter above, and `reportd dev` shows pages and sheet at every save.

-- @kpi
select :days as days, sum(n) as visits, round(avg(n), 1) as visits_per_day
from (select 40 + (d * 7919) % 60 as n from generate_series(1, :days) as d) as visits;

-- @bar "Visits by day" x=day y=visits
select current_date - d::integer as day, 40 + (d * 7919) % 60 as visits
from generate_series(1, :days) as d
order by 1;

-- @table "Visits"
select current_date - d::integer as day, 40 + (d * 7919) % 60 as visits, to_char(current_date - d::integer, 'FMDay') as weekday
from generate_series(1, :days) as d
order by 1;
