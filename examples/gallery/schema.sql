-- A wholesaler of workshop supplies, as its own application would have it: customers, products, invoices, bank, stock.
-- Made for the reports in reports/; loaded by `reportd demo --gallery`, or by hand: psql -f schema.sql -f data.sql
-- Foreign keys and indexes stand at the end of data.sql: made over finished tables they cost a fifth.

create schema gallery;

create table gallery.customers (
  id          integer primary key,
  customer_no text not null unique,
  name        text not null unique,
  street      text not null,
  city        text not null,
  country     text not null,
  region      text not null,
  terms_days  smallint not null check (terms_days > 0)
);

create table gallery.products (
  id         smallint primary key,
  sku        text not null unique,
  name       text not null unique,
  category   text not null,
  list_price numeric(8, 2) not null check (list_price > 0),
  unit_cost  numeric(8, 2) not null check (unit_cost > 0)
);

create table gallery.invoices (
  id          integer primary key,
  invoice_no  text not null unique,
  customer_id integer not null,
  issued_on   date not null,
  due_on      date not null,
  paid_on     date,
  check (due_on >= issued_on and paid_on >= issued_on)
);

create table gallery.invoice_lines (
  invoice_id integer not null,
  line_no    smallint not null,
  product_id smallint not null,
  quantity   integer not null check (quantity > 0),
  unit_price numeric(8, 2) not null,
  amount     numeric(12, 2) not null,
  unit_cost  numeric(8, 2) not null,
  primary key (invoice_id, line_no)
);
comment on column gallery.invoice_lines.amount is 'Net: quantity times unit price.';

create table gallery.bank_entries (
  id         integer primary key,
  account    text not null,
  booked_on  date not null,
  voucher_no text not null,
  text       text not null,
  amount     numeric(12, 2) not null check (amount <> 0)
);
comment on column gallery.bank_entries.amount is 'Above zero: received; below: paid.';

create table gallery.stock_movements (
  id         integer primary key,
  moved_at   timestamptz not null,
  warehouse  text not null,
  product_id smallint not null,
  reason     text not null,
  document   text not null,
  quantity   integer not null,
  unit_cost  numeric(8, 2) not null
);
comment on column gallery.stock_movements.quantity is 'Into the warehouse above zero, out of it below.';

create view gallery.invoice_totals as
select i.id, i.invoice_no, i.customer_id, i.issued_on, i.due_on, i.paid_on, sum(l.amount) as amount,
  sum(l.quantity * l.unit_cost) as cost
from gallery.invoices i
join gallery.invoice_lines l on l.invoice_id = i.id
group by i.id;
