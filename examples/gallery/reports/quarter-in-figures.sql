-- /// report
-- title       = "The quarter in figures"
-- subtitle    = "Marlen Supply"
-- description = "One page for the board: five figures against the year before, two charts, the leading customers."
-- author      = "Marlen Supply, controlling"
-- confidentiality = "Confidential"
-- params.quarter = { type = "daterange", default = "2026-Q3", title = "Quarter" }
-- columns.revenue         = { title = "Revenue, EUR" }
-- columns.average_invoice = { title = "Average invoice, EUR" }
-- columns.share           = { format = "pct1" }
-- ///

-- @kpi
with sold as (
  select *, issued_on <@ :quarter as now
  from gallery.invoice_totals
  where issued_on <@ :quarter
    or (issued_on + interval '1 year')::date <@ :quarter
)
select round(sum(amount) filter (where now)) as revenue, round(sum(amount) filter (where not now)) as revenue_prev,
  count(*) filter (where now) as invoices, count(*) filter (where not now) as invoices_prev,
  round(avg(amount) filter (where now)) as average_invoice, round(avg(amount) filter (where not now)) as average_invoice_prev,
  round(sum(amount - cost) filter (where now) / sum(amount) filter (where now), 4) as margin_pct,
  round(sum(amount - cost) filter (where not now) / sum(amount) filter (where not now), 4) as margin_pct_prev,
  count(distinct customer_id) filter (where now) as customers, count(distinct customer_id) filter (where not now) as customers_prev
from sold;

-- @line "Revenue by week, EUR" x=week y="This quarter,A year before"
select greatest(date_trunc('week', day)::date, lower(:quarter)) as week, sum(amount) filter (where now) as "This quarter",
  sum(amount) filter (where not now) as "A year before"
from (
  select amount, issued_on <@ :quarter as now,
    case when issued_on <@ :quarter then issued_on else issued_on + 364 end as day
  from gallery.invoice_totals
) as t
where day <@ :quarter
group by 1
order by 1;

-- @bar "Revenue by category, EUR" x=category y=revenue_by_category
select p.category, sum(l.amount) as revenue_by_category
from gallery.invoices i
join gallery.invoice_lines l on l.invoice_id = i.id
join gallery.products p on p.id = l.product_id
where i.issued_on <@ :quarter
group by 1
order by 2 desc;

-- @table customers "The leading customers" total=revenue,share
select c.name as customer, c.city, c.country, count(*) as invoices, sum(t.amount) as revenue,
  sum(t.amount) / (select sum(amount) from gallery.invoice_totals where issued_on <@ :quarter) as share
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <@ :quarter
group by c.id
order by revenue desc
limit 8;
