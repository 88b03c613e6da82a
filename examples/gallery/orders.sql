-- All six reports, as an application would order them; each default period lies in the pack's data.
-- By hand: psql -v formats='{pdf,xlsx,csv}' -f orders.sql
insert into reportd.jobs (kind, formats, requested_by)
values
  ('quarter-in-figures', :'formats', 'the board'),
  ('invoice-list',       :'formats', 'accounts'),
  ('revenue-matrix',     :'formats', 'sales'),
  ('bank-ledger',        :'formats', 'accounts'),
  ('account-letter',     :'formats', 'accounts'),
  ('stock-movements',    :'formats', 'warehouse')
returning id;
