-- /// report
-- title       = "Course completion"
-- description = "Which courses are taken up, finished and passed, and how long that takes."
--
-- [params.period]
-- type    = "daterange"
-- default = "last year"
-- title   = "Enrolled in"
--
-- [params.mandatory_only]
-- type  = "bool"
-- title = "Mandatory courses only"
--
-- [params.min_enrolments]
-- type  = "int"
-- min   = 1
-- title = "Enrolments from"
-- ///

-- @kpi summary
with spans (is_now, span) as (
  values
    (true, :period),
    (false, daterange((lower(:period) - interval '1 year')::date, (upper(:period) - interval '1 year')::date))
), scope as (
  select e.*
  from learning.enrolments e
  join learning.courses c on c.id = e.course_id
  where c.is_mandatory or not coalesce(:mandatory_only, false)
), measures as (
  select
    is_now,
    count(distinct course_id) as courses,
    count(e.id) as enrolments,
    round(avg((status = 'completed')::int), 4) as completion_rate,
    round(avg((status = 'completed' and completed_on <= due_on)::int), 4) as on_time_rate,
    round(avg((status = 'withdrawn')::int), 4) as withdrawal_rate
  from spans
  left join scope e on enrolled_on <@ span
  group by is_now
)
select
  n.courses,
  n.enrolments, p.enrolments as enrolments_prev,
  n.completion_rate, p.completion_rate as completion_rate_prev, n.completion_rate - p.completion_rate as completion_rate_change,
  n.on_time_rate, p.on_time_rate as on_time_rate_prev, n.on_time_rate - p.on_time_rate as on_time_rate_change,
  n.withdrawal_rate, p.withdrawal_rate as withdrawal_rate_prev, n.withdrawal_rate - p.withdrawal_rate as withdrawal_rate_change
from measures n, measures p
where n.is_now and not p.is_now;

-- @bar monthly "Enrolments per month, and how many of them were completed" x=month y=enrolled,completed
select
  to_char(date_trunc('month', e.enrolled_on), 'Mon YYYY') as month,
  count(*) as enrolled,
  count(*) filter (where e.status = 'completed') as completed
from learning.enrolments e
join learning.courses c on c.id = e.course_id
where e.enrolled_on <@ :period and (c.is_mandatory or not coalesce(:mandatory_only, false))
group by date_trunc('month', e.enrolled_on)
order by date_trunc('month', e.enrolled_on);

-- @table courses "Courses" group=category subtotal=enrolled,completed,withdrawn,study_hours
with tested as (
  select a.enrolment_id, bool_or(a.passed) filter (where a.try = 1) as passed_first, max(a.score) as best_score
  from learning.assessments a
  group by a.enrolment_id
), studied as (
  select s.enrolment_id, sum(s.minutes) as minutes
  from learning.study_sessions s
  group by s.enrolment_id
)
select
  c.category,
  c.code,
  c.title as course,
  count(*) as enrolled,
  count(*) filter (where e.status = 'completed') as completed,
  count(*) filter (where e.status = 'withdrawn') as withdrawn,
  round(avg((e.status = 'completed')::int), 4) as completion_rate,
  round(avg(t.passed_first::int), 4) as first_try_pass_rate,
  round(avg(t.best_score), 1) as average_score,
  (percentile_cont(0.5) within group (order by e.completed_on - e.enrolled_on))::numeric(6, 1) as median_days,
  round(sum(s.minutes) / 60.0, 1) as study_hours
from learning.enrolments e
join learning.courses c on c.id = e.course_id
left join tested t on t.enrolment_id = e.id
left join studied s on s.enrolment_id = e.id
where e.enrolled_on <@ :period and (c.is_mandatory or not coalesce(:mandatory_only, false))
group by c.id
having count(*) >= coalesce(:min_enrolments, 1)
order by c.category, c.code;
