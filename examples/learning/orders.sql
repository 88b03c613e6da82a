-- What an application does to get its reports: one INSERT, in any transaction of its own.
-- By hand: psql -v formats='{pdf,xlsx,csv}' -f orders.sql
insert into reportd.jobs (kind, params, formats, requested_by)
values
  ('learner-progress',   '{"period": "last quarter", "department": "Finance"}', :'formats', 'head of finance'),
  ('course-completion',  '{"period": "last year"}',                             :'formats', 'learning team'),
  ('department-summary', '{"period": "last month"}',                            :'formats', 'the board'),
  ('at-risk-learners',   '{"department": "Finance", "min_rules": 2}',           :'formats', 'learning team'),
  ('monthly-overview',   '{"period": "last month"}',                            :'formats', 'the board')
returning id;
