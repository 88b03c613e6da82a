-- Two years of a wholesaler: 96 customers in ten countries, 54 products, some 2,500 invoices, a bank, 100,000 movements.
--
-- Nothing is random: every choice is a hash of a row's own key, so the rows are the same on any server and on any day.
-- They run from 1 January 2025 to 31 October 2026, and the reports' defaults lie in that time. Companies, products and
-- places of business are invented.

begin;
-- Compiling these statements takes longer than running them.
set local jit = off;

-- A number in [0, 1) that depends on nothing but its key and its salt.
create function pg_temp.chance(key bigint, salt bigint) returns float8 language sql immutable as
$$ select (hashint8extended($1, $2) & 4294967295)::float8 / 4294967296 $$;

-- Customers -----------------------------------------------------------------------------------------------------------

create temp table places on commit drop as
select row_number() over () - 1 as id, *
from (values
  ('Vienna', 'Austria', 'Central', '% GmbH'), ('Graz', 'Austria', 'Central', '% GmbH'),
  ('Munich', 'Germany', 'Central', '% GmbH'), ('Hamburg', 'Germany', 'North', '% GmbH & Co. KG'),
  ('Leipzig', 'Germany', 'Central', '% GmbH'), ('Lyon', 'France', 'West', '% SARL'),
  ('Nantes', 'France', 'West', '% SAS'), ('Bilbao', 'Spain', 'South', '% S.L.'),
  ('Turin', 'Italy', 'South', '% S.r.l.'), ('Porto', 'Portugal', 'South', '%, Lda.'),
  ('Utrecht', 'Netherlands', 'West', '% B.V.'), ('Ghent', 'Belgium', 'West', '% BV'),
  ('Aarhus', 'Denmark', 'North', '% A/S'), ('Malmö', 'Sweden', 'North', '% AB'),
  ('Kraków', 'Poland', 'East', '% Sp. z o.o.'), ('Brno', 'Czechia', 'East', '% s.r.o.')
) as p (city, country, region, form);

insert into gallery.customers
select n, 'C-' || (20000 + n * 7), replace(p.form, '%', word || ' ' || trade),
  (array['Canal Street', 'Foundry Lane', 'Harbour Road', 'Mill Lane', 'Station Road'])[1 + (n * 3) % 5] || ' ' || (1 + n * 11 % 120), p.city, p.country, p.region,
  (array[14, 30, 30, 30, 60])[1 + floor(pg_temp.chance(n, 1) * 5)::int]
from generate_series(1, 96) as n
cross join lateral (
  select
    (array['Alvera', 'Brennick', 'Corvane', 'Dorrel', 'Eskina', 'Farrowby', 'Grundmar', 'Hollin', 'Ivarra', 'Jessup Vale',
           'Korrin', 'Lindmar', 'Morvane', 'Nettel', 'Ostrava Hill', 'Pellworth', 'Quarrin', 'Rosmark', 'Sellentin', 'Torvik',
           'Ulmar', 'Vantir', 'Wexley', 'Zabrin'])[1 + (n * 5) % 24] as word,
    (array['Workshop', 'Machine Works', 'Joinery', 'Boatyard', 'Metalworks', 'Tool Hire', 'Carriages'])[1 + (n / 2 + n / 24) % 7]
      as trade
) as named
join places p on p.id = (n * 7 + n / 16) % 16;

-- Products ------------------------------------------------------------------------------------------------------------

insert into gallery.products
select row_number() over () as id, prefix || '-' || (100 + size_no * 10 + kind_no), kind || ' ' || size, category,
  round((price * (0.7 + 0.45 * size_no))::numeric, 2),
  round((price * (0.7 + 0.45 * size_no) * (0.48 + 0.16 * pg_temp.chance(kind_no * 10 + size_no, 2)))::numeric, 2)
from (values
  (1, 'HT', 'Hand tools', 'Ratchet set', 48.0), (2, 'HT', 'Hand tools', 'Bench chisel', 21.5),
  (3, 'HT', 'Hand tools', 'Locking pliers', 18.9), (4, 'MS', 'Measuring', 'Caliper', 36.0),
  (5, 'MS', 'Measuring', 'Line laser', 129.0), (6, 'MS', 'Measuring', 'Feeler gauge', 9.8),
  (7, 'FX', 'Fasteners', 'Hex bolts, box', 14.2), (8, 'FX', 'Fasteners', 'Wood screws, box', 8.6),
  (9, 'FX', 'Fasteners', 'Anchor set', 11.9), (10, 'AB', 'Abrasives', 'Cutting discs, pack', 16.4),
  (11, 'AB', 'Abrasives', 'Sanding belts, pack', 19.7), (12, 'AB', 'Abrasives', 'Flap wheel', 6.3),
  (13, 'SF', 'Safety', 'Face shield', 24.5), (14, 'SF', 'Safety', 'Work gloves, dozen', 31.0),
  (15, 'SF', 'Safety', 'Ear defenders', 17.8), (16, 'ST', 'Storage', 'Drawer cabinet', 189.0),
  (17, 'ST', 'Storage', 'Tool trolley', 245.0), (18, 'ST', 'Storage', 'Parts bin, ten', 26.4)
) as k (kind_no, prefix, category, kind, price)
cross join (values (1, 'S'), (2, 'M'), (3, 'L')) as s (size_no, size)
order by category, kind_no, size_no;

-- Invoices ------------------------------------------------------------------------------------------------------------
-- More each year, a dip in August, a peak in October; a fifth of the customers orders half of everything.

create temp table invoice_days on commit drop as
select row_number() over (order by day, k) as id, day, k
from (
  select day::date, k
  from generate_series(date '2025-01-01', date '2026-10-31', interval '1 day') as day
  cross join generate_series(1, 9) as k
  where extract(isodow from day) < 6
    and k <= 4 * (1 + 0.30 * (extract(year from day) - 2025) + 0.02 * extract(month from day))
      * (array[0.85, 0.9, 1.05, 1.0, 1.05, 1.1, 0.9, 0.65, 1.15, 1.3, 1.2, 0.8])[extract(month from day)::int]
      + 1.6 * pg_temp.chance(day::date - date '2025-01-01', 3)
) as d;

insert into gallery.invoices
select id, to_char(day, 'YYYY') || '-' || lpad((row_number() over (partition by extract(year from day) order by id))::text, 5, '0'),
  customer_id, day, day + terms_days, paid_on
from (
  select d.id, d.day, c.id as customer_id, c.terms_days,
    case
      when pg_temp.chance(d.id, 5) < 0.03 then null
      else d.day + greatest(1, c.terms_days + floor(30 * (power(pg_temp.chance(d.id, 6), 3) + pg_temp.chance(c.id, 7) * 0.6 - 0.68)))::int
    end as paid_on
  from invoice_days d
  join gallery.customers c on c.id = 1 + floor(96 * power(pg_temp.chance(d.id, 4), 1.7))::int
) as made;
-- Banks book on working days, and what would be paid after the last day is not paid yet.
update gallery.invoices set paid_on = paid_on + (8 - extract(isodow from paid_on))::int where extract(isodow from paid_on) > 5;
update gallery.invoices set paid_on = null where paid_on > date '2026-10-31';

insert into gallery.invoice_lines
select i.id, n, p.id, quantity, unit_price, quantity * unit_price, p.unit_cost
from gallery.invoices i
cross join lateral generate_series(1, 1 + floor(6 * power(pg_temp.chance(i.id, 8), 1.5))::int) as n
join gallery.products p on p.id = 1 + floor(54 * pg_temp.chance(i.id * 10 + n, 9))::int
cross join lateral (
  select
    greatest(1, floor(400 / p.list_price * power(pg_temp.chance(i.id * 10 + n, 10), 2) * 4))::int as quantity,
    round(p.list_price * (array[1.0, 1.0, 0.95, 0.9])[1 + floor(4 * pg_temp.chance(i.customer_id, 11))::int], 2) as unit_price
) as bought;

-- Bank ----------------------------------------------------------------------------------------------------------------
-- The third quarter of 2026: what customers paid, and what a wholesaler pays itself.

insert into gallery.bank_entries
select row_number() over (order by account, booked_on, sort, text), account, booked_on,
  case when amount > 0 then 'R' else 'P' end || to_char(booked_on, 'MMDD') || '-'
    || lpad((row_number() over (partition by booked_on order by account, sort, text))::text, 2, '0'),
  text, amount
from (
  select 'Operating account' as account, date '2026-07-01' as booked_on, 0 as sort, 'Opening balance' as text, 184250.40 as amount
  union all select 'Reserve account', date '2026-07-01', 0, 'Opening balance', 250000.00
  union all
  select 'Operating account', paid_on, 1, 'Invoice ' || invoice_no || ', ' || c.name, round(t.amount * 1.2, 2)
  from gallery.invoice_totals t join gallery.customers c on c.id = t.customer_id
  where paid_on >= date '2026-07-01' and paid_on < date '2026-10-01'
  union all
  select 'Operating account', day::date, 2, supplier || ', goods', -round((3200 + 5200 * pg_temp.chance(day::date - date '2026-01-01', n))::numeric, 2)
  from generate_series(timestamp '2026-07-02', timestamp '2026-09-30', interval '3 days') as day
  cross join lateral (select 20 + (extract(doy from day)::int / 3) % 4 as n) as k
  cross join lateral (select (array['Ferrand Forge', 'Oakhelm Mills', 'Silberau Werke', 'Tirrel Plastics'])[n - 19] as supplier) as s
  where extract(isodow from day) < 6
  union all
  select 'Operating account', (month + interval '27 days')::date, 3, 'Wages and salaries', -84600.00
  from generate_series(timestamp '2026-07-01', timestamp '2026-09-01', interval '1 month') as month
  union all
  select 'Operating account', (month + interval '4 days')::date, 4, 'Rent, warehouses', -18400.00
  from generate_series(timestamp '2026-07-01', timestamp '2026-09-01', interval '1 month') as month
  union all
  select account, (month + interval '29 days')::date, 5, 'Bank charges', amount
  from generate_series(timestamp '2026-07-01', timestamp '2026-09-01', interval '1 month') as month
  cross join (values ('Operating account', -62.80), ('Reserve account', -9.50)) as c (account, amount)
  union all select 'Operating account', date '2026-08-14', 6, 'Transfer to reserve account', -40000.00
  union all select 'Reserve account', date '2026-08-14', 6, 'Transfer from operating account', 40000.00
  union all select 'Reserve account', date '2026-09-30', 7, 'Interest, third quarter', 1537.26
) as booked;

-- Stock ---------------------------------------------------------------------------------------------------------------

insert into gallery.stock_movements
select n, moved_at, warehouse, p.id, reason,
  upper(left(reason, 2)) || lpad((n / 3)::text, 6, '0'),
  case reason
    when 'Goods in' then 20 + floor(260 * pg_temp.chance(n, 15))::int
    when 'Return' then 1 + floor(4 * pg_temp.chance(n, 15))::int
    when 'Count' then (array[-2, -1, 1])[1 + floor(3 * pg_temp.chance(n, 15))::int]
    else -1 - floor(30 * power(pg_temp.chance(n, 15), 3))::int
  end,
  p.unit_cost
from (
  select n,
    timestamptz '2026-01-02 06:00+00' + (n - 1) * interval '1 minute' * 4.36 + floor(120 * pg_temp.chance(n, 12)) * interval '1 second'
      as moved_at,
    (array['Linz', 'Linz', 'Linz', 'Lille', 'Lille', 'Poznań'])[1 + floor(6 * pg_temp.chance(n / 40, 13))::int] as warehouse,
    case
      when chosen < 0.05 then 'Goods in' when chosen < 0.08 then 'Return' when chosen < 0.09 then 'Count' else 'Pick'
    end as reason,
    1 + floor(54 * pg_temp.chance(n, 16))::int as product_id
  from generate_series(1, 100000) as n
  cross join lateral (select pg_temp.chance(n, 14) as chosen) as c
) as made
join gallery.products p on p.id = made.product_id;

alter table gallery.invoices add foreign key (customer_id) references gallery.customers;
alter table gallery.invoice_lines
  add foreign key (invoice_id) references gallery.invoices, add foreign key (product_id) references gallery.products;
alter table gallery.stock_movements add foreign key (product_id) references gallery.products;
create index on gallery.invoices (issued_on);
create index on gallery.invoices (customer_id);
create index on gallery.stock_movements (moved_at);

commit;
analyze gallery.customers, gallery.products, gallery.invoices, gallery.invoice_lines, gallery.bank_entries, gallery.stock_movements;
