-- /// report
-- title       = "Learners at risk"
-- description = "Who is about to drop out, by three rules that anybody can check: late, silent, or scoring low."
--
-- [params.department]
-- type    = "enum"
-- default = "Finance"
-- choices = [
--   "All departments", "Customer Care", "Engineering", "Facilities", "Finance", "Human Resources", "IT Services",
--   "Legal", "Logistics", "Marketing", "Operations", "Procurement", "Quality", "Research", "Sales",
-- ]
--
-- [params.inactive_days]
-- type    = "int"
-- default = 30
-- min     = 1
-- title   = "No study for (days)"
--
-- [params.low_score]
-- type    = "numeric"
-- default = 65
-- min     = 0
-- max     = 100
-- title   = "Score below"
--
-- [params.min_rules]
-- type    = "int"
-- default = 1
-- min     = 1
-- max     = 3
-- title   = "Rules met, at least"
--
-- [columns.rules]
-- title = "Rules"
-- total = "none"
-- warn  = ">= 3"
-- [columns.days_late]
-- total = "none"
-- [columns.days_silent]
-- total = "none"
-- ///

-- @kpi summary
with signals as (
  select
    l.id,
    bool_or(e.due_on < current_date) as late,
    bool_and(coalesce(s.last_on, e.enrolled_on) <= current_date - :inactive_days::int) as silent,
    coalesce(min(a.score) < :low_score, false) as low
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  join learning.departments d on d.id = l.department_id
  left join lateral (
    select max(started_at)::date as last_on from learning.study_sessions where enrolment_id = e.id
  ) s on true
  left join lateral (select max(score) as score from learning.assessments where enrolment_id = e.id) a on true
  where e.status = 'active' and l.left_on is null and :department in (d.name, 'All departments')
  group by l.id
)
select
  count(*) as learners,
  count(*) filter (where late::int + silent::int + low::int >= :min_rules) as at_risk,
  count(*) filter (where late) as late,
  count(*) filter (where silent) as silent,
  count(*) filter (where low) as low_scores
from signals;

-- @bar offices "Learners at risk by office" x=office y=at_risk
with signals as (
  select
    l.id,
    l.office,
    bool_or(e.due_on < current_date) as late,
    bool_and(coalesce(s.last_on, e.enrolled_on) <= current_date - :inactive_days::int) as silent,
    coalesce(min(a.score) < :low_score, false) as low
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  join learning.departments d on d.id = l.department_id
  left join lateral (
    select max(started_at)::date as last_on from learning.study_sessions where enrolment_id = e.id
  ) s on true
  left join lateral (select max(score) as score from learning.assessments where enrolment_id = e.id) a on true
  where e.status = 'active' and l.left_on is null and :department in (d.name, 'All departments')
  group by l.id
)
select office, count(*) as at_risk
from signals
where late::int + silent::int + low::int >= :min_rules
group by office
order by at_risk desc, office;

-- @table learners "Learners, the most pressing first"
with signals as (
  select
    l.id,
    count(*) as open_courses,
    count(*) filter (where e.due_on < current_date) as overdue,
    max(current_date - e.due_on) filter (where e.due_on < current_date) as days_late,
    min(current_date - coalesce(s.last_on, e.enrolled_on)) as days_silent,
    min(a.score) as lowest_score
  from learning.enrolments e
  join learning.learners l on l.id = e.learner_id
  join learning.departments d on d.id = l.department_id
  left join lateral (
    select max(started_at)::date as last_on from learning.study_sessions where enrolment_id = e.id
  ) s on true
  left join lateral (select max(score) as score from learning.assessments where enrolment_id = e.id) a on true
  where e.status = 'active' and l.left_on is null and :department in (d.name, 'All departments')
  group by l.id
), judged as (
  select
    *,
    (overdue > 0) as late,
    (days_silent >= :inactive_days) as silent,
    coalesce(lowest_score < :low_score, false) as low
  from signals
)
select
  l.full_name as learner,
  l.staff_no,
  l.office,
  j.late::int + j.silent::int + j.low::int as rules,
  concat_ws(', ', case when j.late then 'late' end, case when j.silent then 'silent' end, case when j.low then 'low score' end)
    as why,
  j.open_courses,
  j.overdue,
  j.days_late,
  j.days_silent,
  j.lowest_score
from judged j
join learning.learners l on l.id = j.id
where j.late::int + j.silent::int + j.low::int >= :min_rules
order by rules desc, j.days_late desc nulls last, j.days_silent desc, l.staff_no;
