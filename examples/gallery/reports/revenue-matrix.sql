-- /// report
-- title       = "Revenue matrix"
-- description = "Net revenue crossed: products by month, countries by category."
-- author      = "Marlen Supply, sales"
-- params.period = { type = "daterange", default = "2026-01-01..2026-11-01" }
-- columns.revenue = { format = "int" }
-- ///

-- @area "Revenue by region, EUR" x=month y=Central,East,North,South,West
select date_trunc('month', t.issued_on)::date as month,
  sum(amount) filter (where c.region = 'Central') as "Central", sum(amount) filter (where c.region = 'East') as "East",
  sum(amount) filter (where c.region = 'North') as "North", sum(amount) filter (where c.region = 'South') as "South",
  sum(amount) filter (where c.region = 'West') as "West"
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <@ :period
group by 1
order by 1;

-- @pivot products "Products by month, EUR" rows=category,product columns=month values=revenue
select p.category, regexp_replace(p.name, ' [SML]$', '') as product, to_char(i.issued_on, 'Mon') as month,
  sum(l.amount) as revenue
from gallery.invoices i
join gallery.invoice_lines l on l.invoice_id = i.id
join gallery.products p on p.id = l.product_id
where i.issued_on <@ :period
group by p.category, 2, date_trunc('month', i.issued_on), 3
order by date_trunc('month', i.issued_on), p.category, 2;

-- @pivot countries "Countries by category, EUR" rows=region,country columns=category values=revenue
select c.region, c.country, p.category, sum(l.amount) as revenue
from gallery.invoices i
join gallery.invoice_lines l on l.invoice_id = i.id
join gallery.products p on p.id = l.product_id
join gallery.customers c on c.id = i.customer_id
where i.issued_on <@ :period
group by 1, 2, 3
order by 1, 2, 3;
