-- A learning platform's own tables, as an application would have them: who learns what, how far, how well, how long.
-- Made for the reports in reports/; loaded by `reportd demo`, or by hand: psql -f schema.sql -f data.sql
-- Foreign keys and indexes stand at the end of data.sql: made over finished tables they cost a fifth.

create schema learning;

create table learning.departments (
  id          smallint primary key,
  name        text not null unique,
  cost_centre text not null unique
);

create table learning.learners (
  id            integer primary key,
  staff_no      text not null unique,
  full_name     text not null,
  email         text not null unique,
  office        text not null,
  department_id smallint not null,
  hired_on      date not null,
  left_on       date,
  check (left_on > hired_on)
);

create table learning.courses (
  id           smallint primary key,
  code         text not null unique,
  title        text not null,
  category     text not null,
  hours        numeric(4, 1) not null check (hours > 0),
  is_mandatory boolean not null,
  pass_score   smallint check (pass_score between 1 and 100)
);
comment on column learning.courses.hours is 'Planned study time.';
comment on column learning.courses.pass_score is 'Points out of 100 that pass; null: the course has no assessment.';

create table learning.enrolments (
  id           integer primary key,
  learner_id   integer not null,
  course_id    smallint not null,
  enrolled_on  date not null,
  due_on       date not null,
  completed_on date,
  withdrawn_on date,
  progress     numeric(4, 3) not null check (progress between 0 and 1),
  status       text not null generated always as (
    case when completed_on is not null then 'completed' when withdrawn_on is not null then 'withdrawn' else 'active' end
  ) stored,
  check (completed_on is null or withdrawn_on is null),
  check (completed_on is null or progress = 1)
);
comment on column learning.enrolments.progress is 'Share of the course that is done: 0 to 1.';

create table learning.assessments (
  enrolment_id integer not null,
  try          smallint not null check (try >= 1),
  taken_on     date not null,
  score        numeric(5, 1) not null check (score between 0 and 100),
  passed       boolean not null,
  primary key (enrolment_id, try)
);

create table learning.study_sessions (
  enrolment_id integer not null,
  started_at   timestamptz not null,
  minutes      smallint not null check (minutes > 0)
);
comment on column learning.study_sessions.minutes is 'Booked in steps of six minutes, so that hours are exact tenths.';

create table learning.made_for (
  day date primary key
);
comment on table learning.made_for is 'The day that data.sql took for today: nothing in the data is later.';
