-- /// report
-- title       = "Invoices"
-- description = "Every invoice of a period by region: what was billed, what is still open, and for how long."
-- author      = "Marlen Supply, accounts"
-- params.period = { type = "daterange", default = "2026-09" }
-- params.day    = { type = "date", default = "2026-10-31", title = "Open on" }
--
-- [columns.days_late]
-- total = "none"
-- warn  = "> 5"
-- [columns.billed_sum]
-- title = "Billed, EUR"
-- [columns.open_sum]
-- title = "Open, EUR"
-- [columns.overdue_sum]
-- title = "Overdue, EUR"
-- [columns.on_time_share]
-- title = "Paid on time"
-- ///

-- @kpi
select count(*) as invoices, round(sum(amount)) as billed_sum,
  round(sum(amount) filter (where paid_on is null or paid_on > :day)) as open_sum,
  round(sum(amount) filter (where due_on < :day and (paid_on is null or paid_on > :day))) as overdue_sum,
  count(*) filter (where paid_on <= due_on) / nullif(count(paid_on), 0)::numeric as on_time_share
from gallery.invoice_totals
where issued_on <@ :period;

-- @bar "Billed and open by region, EUR" x=region y=billed,open
select c.region, sum(t.amount) as billed,
  coalesce(sum(t.amount) filter (where t.paid_on is null or t.paid_on > :day), 0) as open
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <@ :period
group by c.region
order by billed desc;

-- @table invoices "Invoices, EUR" group=region subtotal=amount,open
select c.region, t.invoice_no, t.issued_on as issued, c.name as customer, c.city, t.due_on as due, t.paid_on as paid,
  case when t.due_on < :day and (t.paid_on is null or t.paid_on > :day) then :day - t.due_on end as days_late,
  t.amount, case when t.paid_on is null or t.paid_on > :day then t.amount end as open
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <@ :period
order by c.region, t.issued_on, t.invoice_no;

-- @data late "Late invoices, EUR"
select t.invoice_no, c.name as customer, c.city, t.due_on as due, :day - t.due_on as days_late
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <@ :period and t.due_on < :day and (t.paid_on is null or t.paid_on > :day)
order by t.invoice_no;

-- @sub lines "What the late invoices are for, EUR" of=late by=invoice_no subtotal=amount
select t.invoice_no, l.line_no, p.sku, p.name as product, l.quantity, l.unit_price, l.amount
from gallery.invoice_totals t
join gallery.invoice_lines l on l.invoice_id = t.id
join gallery.products p on p.id = l.product_id
where t.issued_on <@ :period and t.due_on < :day and (t.paid_on is null or t.paid_on > :day)
order by t.invoice_no, l.line_no;
