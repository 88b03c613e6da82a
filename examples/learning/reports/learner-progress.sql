-- /// report
-- title       = "Learner progress"
-- description = "Everybody who took up a course in the period: how far they are, how well they do, how long they study."
--
-- [params.period]
-- type    = "daterange"
-- default = "last quarter"
-- title   = "Enrolled in"
--
-- [params.department]
-- type    = "enum"
-- default = "Finance"
-- choices = [
--   "All departments", "Customer Care", "Engineering", "Facilities", "Finance", "Human Resources", "IT Services",
--   "Legal", "Logistics", "Marketing", "Operations", "Procurement", "Quality", "Research", "Sales",
-- ]
--
-- [params.min_progress]
-- type  = "int"
-- min   = 0
-- max   = 100
-- title = "Progress from (%)"
-- ///

-- @kpi summary
-- Against the same days a year before: learning has seasons.
with spans (is_now, span) as (
  values
    (true, :period),
    (false, daterange((lower(:period) - interval '1 year')::date, (upper(:period) - interval '1 year')::date))
), scope as (
  select e.*
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  join learning.departments d on d.id = l.department_id
  where :department in (d.name, 'All departments')
), measures as (
  select
    is_now,
    count(distinct e.learner_id) as learners,
    count(e.id) as enrolments,
    round(avg((e.status = 'completed')::int), 4) as completion_rate,
    round(avg(t.score), 1) as average_score,
    round(sum(s.minutes) / 60.0) as study_hours
  from spans
  left join scope e on e.enrolled_on <@ span
  left join lateral (select max(score) as score from learning.assessments a where a.enrolment_id = e.id) t on true
  left join lateral (select sum(minutes) as minutes from learning.study_sessions s where s.enrolment_id = e.id) s on true
  group by is_now
)
select
  n.learners, p.learners as learners_prev,
  n.enrolments, p.enrolments as enrolments_prev,
  n.completion_rate, p.completion_rate as completion_rate_prev, n.completion_rate - p.completion_rate as completion_rate_change,
  n.average_score, p.average_score as average_score_prev, n.average_score - p.average_score as average_score_change,
  n.study_hours, p.study_hours as study_hours_prev
from measures n, measures p
where n.is_now and not p.is_now;

-- @line weekly "Enrolments and completions per week" x=week y=enrolled,completed
with weeks as (
  select week::date as week
  from generate_series(date_trunc('week', lower(:period)), upper(:period) - interval '1 day', interval '7 days') week
), scope as (
  select e.enrolled_on, e.completed_on
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  join learning.departments d on d.id = l.department_id
  where e.enrolled_on <@ :period and :department in (d.name, 'All departments')
)
select
  week,
  (select count(*) from scope where enrolled_on >= week and enrolled_on < week + 7) as enrolled,
  (select count(*) from scope where completed_on >= week and completed_on < week + 7) as completed
from weeks
order by week;

-- @table learners "Learners" group=office subtotal=enrolled,completed,overdue,study_hours
with per_enrolment as (
  select
    e.*,
    (select max(a.score) from learning.assessments a where a.enrolment_id = e.id) as best_score,
    t.minutes,
    t.last_studied
  from learning.enrolments e
  left join lateral (
    select sum(s.minutes) as minutes, max(s.started_at)::date as last_studied
    from learning.study_sessions s
    where s.enrolment_id = e.id
  ) t on true
  where e.enrolled_on <@ :period
)
select
  l.office,
  l.full_name as learner,
  l.staff_no,
  count(*) as enrolled,
  count(*) filter (where p.status = 'completed') as completed,
  count(*) filter (where p.status = 'active' and p.due_on < current_date) as overdue,
  round(avg(p.progress), 4) as progress_pct,
  round(avg(p.best_score), 1) as average_score,
  round(sum(p.minutes) / 60.0, 1) as study_hours,
  max(p.last_studied) as last_studied
from per_enrolment p
join learning.learners l on l.id = p.learner_id
join learning.departments d on d.id = l.department_id
where :department in (d.name, 'All departments')
group by l.id
having :min_progress is null or avg(p.progress) * 100 >= :min_progress
order by l.office, l.full_name, l.staff_no;
