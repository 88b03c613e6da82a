-- /// report
-- title       = "Monthly overview"
-- description = "The month at a glance: how much was learned, where, of what, and how that compares."
-- schedule    = { cron = "30 6 1 * *", timezone = "Europe/Vienna", formats = ["pdf"] }
--
-- [params.period]
-- type    = "daterange"
-- default = "last month"
-- title   = "Month"
-- ///

-- @kpi summary
with spans (is_now, span) as (
  values
    (true, :period),
    (false, daterange((lower(:period) - interval '1 month')::date, lower(:period)))
), measures as (
  select
    is_now,
    (select count(distinct e.learner_id)
     from learning.study_sessions s join learning.enrolments e on e.id = s.enrolment_id
     where s.started_at >= lower(span) and s.started_at < upper(span)) as active_learners,
    (select count(*) from learning.enrolments where enrolled_on <@ span) as enrolments,
    (select count(*) from learning.enrolments where completed_on <@ span) as completions,
    (select round(avg(passed::int), 4) from learning.assessments where taken_on <@ span) as pass_rate,
    (select round(sum(minutes) / 60.0) from learning.study_sessions
     where started_at >= lower(span) and started_at < upper(span)) as study_hours
  from spans
)
select
  n.active_learners, p.active_learners as active_learners_prev,
  n.enrolments, p.enrolments as enrolments_prev,
  n.completions, p.completions as completions_prev,
  n.pass_rate, p.pass_rate as pass_rate_prev, n.pass_rate - p.pass_rate as pass_rate_change,
  n.study_hours, p.study_hours as study_hours_prev
from measures n, measures p
where n.is_now and not p.is_now;

-- @line year "Enrolments and completions, twelve months" x=month y=enrolled,completed
with months as (
  select month::date as month
  from generate_series(
    date_trunc('month', upper(:period) - 1) - interval '11 months', date_trunc('month', upper(:period) - 1), interval '1 month'
  ) month
)
select
  month,
  (select count(*) from learning.enrolments where enrolled_on >= month and enrolled_on < month + interval '1 month') as enrolled,
  (select count(*) from learning.enrolments where completed_on >= month and completed_on < month + interval '1 month')
    as completed
from months
order by month;

-- @pie categories "Study hours by category" x=category y=study_hours
with hours as (
  select c.category, sum(s.minutes) / 60.0 as hours
  from learning.study_sessions s
  join learning.enrolments e on e.id = s.enrolment_id
  join learning.courses c on c.id = e.course_id
  where s.started_at >= lower(:period) and s.started_at < upper(:period)
  group by c.category
), ranked as (
  select *, row_number() over (order by hours desc, category) as place from hours
)
select case when place <= 5 then category else 'Others' end as category, round(sum(hours)) as study_hours
from ranked
group by 1
order by min(place);

-- @bar offices "Active learners by office" x=office y=active_learners
select l.office, count(distinct l.id) as active_learners
from learning.study_sessions s
join learning.enrolments e on e.id = s.enrolment_id
join learning.learners l on l.id = e.learner_id
where s.started_at >= lower(:period) and s.started_at < upper(:period)
group by l.office
order by active_learners desc, l.office;

-- @table courses "The courses of the month"
with completed as (
  select course_id, count(*) as completions from learning.enrolments where completed_on <@ :period group by course_id
), enrolled as (
  select course_id, count(*) as enrolments from learning.enrolments where enrolled_on <@ :period group by course_id
), studied as (
  select e.course_id, count(distinct e.learner_id) as learners, sum(s.minutes) / 60.0 as hours
  from learning.study_sessions s
  join learning.enrolments e on e.id = s.enrolment_id
  where s.started_at >= lower(:period) and s.started_at < upper(:period)
  group by e.course_id
), tested as (
  select e.course_id, avg(a.score) as score
  from learning.assessments a
  join learning.enrolments e on e.id = a.enrolment_id
  where a.taken_on <@ :period
  group by e.course_id
)
select
  c.code,
  c.title as course,
  c.category,
  coalesce(n.enrolments, 0) as enrolments,
  coalesce(d.completions, 0) as completions,
  coalesce(s.learners, 0) as learners,
  round(coalesce(s.hours, 0), 1) as study_hours,
  round(t.score, 1) as average_score
from learning.courses c
left join enrolled n on n.course_id = c.id
left join completed d on d.course_id = c.id
left join studied s on s.course_id = c.id
left join tested t on t.course_id = c.id
where coalesce(n.enrolments, d.completions, s.learners) is not null
order by study_hours desc, c.code;
