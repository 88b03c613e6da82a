-- /// report
-- title       = "Department summary"
-- description = "One line per department: who learns, what gets finished, what is late."
-- schedule    = { cron = "0 7 1 * *", timezone = "Europe/Vienna", formats = ["pdf", "xlsx"] }
--
-- [params.period]
-- type    = "daterange"
-- default = "last month"
-- title   = "Activity in"
-- ///

-- @kpi summary
with spans (is_now, span) as (
  values
    (true, :period),
    (false, daterange((lower(:period) - interval '1 year')::date, (upper(:period) - interval '1 year')::date))
), measures as (
  select
    is_now,
    (select count(distinct e.learner_id)
     from learning.study_sessions s join learning.enrolments e on e.id = s.enrolment_id
     where s.started_at >= lower(span) and s.started_at < upper(span)) as active_learners,
    (select count(*) from learning.enrolments where enrolled_on <@ span) as enrolments,
    (select count(*) from learning.enrolments where completed_on <@ span) as completions,
    (select round(avg(score), 1) from learning.assessments where taken_on <@ span) as average_score,
    (select round(sum(minutes) / 60.0) from learning.study_sessions
     where started_at >= lower(span) and started_at < upper(span)) as study_hours
  from spans
)
select
  n.active_learners, p.active_learners as active_learners_prev,
  n.enrolments, p.enrolments as enrolments_prev,
  n.completions, p.completions as completions_prev,
  n.average_score, p.average_score as average_score_prev, n.average_score - p.average_score as average_score_change,
  n.study_hours, p.study_hours as study_hours_prev
from measures n, measures p
where n.is_now and not p.is_now;

-- @bar hours "Study hours per learner" x=department y=hours_per_learner
select
  d.name as department,
  round(sum(s.minutes) / 60.0 / (select count(*) from learning.learners h
    where h.department_id = d.id and h.hired_on < upper(:period) and coalesce(h.left_on, 'infinity') >= upper(:period)), 2)
    as hours_per_learner
from learning.departments d
join learning.learners l on l.department_id = d.id
join learning.enrolments e on e.learner_id = l.id
join learning.study_sessions s on s.enrolment_id = e.id
where s.started_at >= lower(:period) and s.started_at < upper(:period)
group by d.id
order by hours_per_learner desc;

-- @table departments "Departments"
with headcount as (
  select department_id, count(*) as learners
  from learning.learners
  where hired_on < upper(:period) and coalesce(left_on, 'infinity') >= upper(:period)
  group by department_id
), enrolled as (
  select
    l.department_id,
    count(*) filter (where e.enrolled_on <@ :period) as enrolments,
    count(*) filter (where e.completed_on <@ :period) as completions,
    count(*) filter (where e.withdrawn_on <@ :period) as withdrawals,
    count(*) filter (where e.completed_on <@ :period and e.completed_on <= e.due_on) as on_time,
    count(*) filter (where e.status = 'active' and l.left_on is null and e.due_on <@ :period) as overdue
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  group by l.department_id
), tested as (
  select l.department_id, avg(a.score) as score
  from learning.assessments a
  join learning.enrolments e on e.id = a.enrolment_id
  join learning.learners l on l.id = e.learner_id
  where a.taken_on <@ :period
  group by l.department_id
), studied as (
  select l.department_id, count(distinct l.id) as learners, sum(s.minutes) / 60.0 as hours
  from learning.study_sessions s
  join learning.enrolments e on e.id = s.enrolment_id
  join learning.learners l on l.id = e.learner_id
  where s.started_at >= lower(:period) and s.started_at < upper(:period)
  group by l.department_id
)
select
  d.name as department,
  h.learners,
  coalesce(s.learners, 0) as active,
  round(coalesce(s.learners, 0)::numeric / h.learners, 4) as active_rate,
  coalesce(e.enrolments, 0) as enrolments,
  coalesce(e.completions, 0) as completions,
  coalesce(e.withdrawals, 0) as withdrawals,
  coalesce(e.overdue, 0) as overdue,
  round(e.on_time::numeric / nullif(e.completions, 0), 4) as on_time_rate,
  round(t.score, 1) as average_score,
  round(coalesce(s.hours, 0), 1) as study_hours
from learning.departments d
join headcount h on h.department_id = d.id
left join enrolled e on e.department_id = d.id
left join tested t on t.department_id = d.id
left join studied s on s.department_id = d.id
order by d.name;
