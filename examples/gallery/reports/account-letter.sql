-- /// report
-- title       = "Your account"
-- description = "A letter to every customer with an invoice past due: one run, one snapshot, a document each."
-- author      = "Marlen Supply, accounts"
-- formats     = ["pdf"]
-- params.day  = { type = "date", default = "2026-10-31", title = "As at" }
--
-- [columns.days_late]
-- total = "none"
-- warn  = "> 30"
--
-- [burst]
-- split   = "customer_no"
-- sql     = '''select c.customer_no, c.name from gallery.customers c
--   where exists (select from gallery.invoices i where i.customer_id = c.id and i.due_on < :day and i.issued_on <= :day
--     and (i.paid_on is null or i.paid_on > :day))
--   order by c.customer_no'''
-- name    = "Your account with Marlen Supply"
-- deliver = ["file:letters/{day}/{customer_no}/"]
-- ///

-- @text opening
select c.customer_no,
  c.name || ', ' || c.street || ', ' || c.city || ', ' || c.country || E'\n\n' || 'To accounts payable' || E'\n\n'
  || 'Thank you for your custom. On ' || to_char(:day, 'FMDD FMMonth YYYY') || ' your account ' || c.customer_no || ' shows '
  || case count(*) when 1 then 'one open invoice' else count(*) || ' open invoices' end || ' of EUR '
  || to_char(sum(t.amount), 'FM999,999,990.00') || ' in all, of which EUR '
  || to_char(sum(t.amount) filter (where t.due_on < :day), 'FM999,999,990.00') || ' are past due.' || E'\n\n'
  || 'We would be glad of your payment within seven days. If it has crossed with this letter, please take no notice.'
  as paragraphs
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <= :day and (t.paid_on is null or t.paid_on > :day)
group by c.id
order by c.customer_no;

-- @table open "Open invoices, EUR"
select c.customer_no, t.invoice_no, t.issued_on as issued, t.due_on as due,
  case when t.due_on < :day then :day - t.due_on end as days_late, t.amount
from gallery.invoice_totals t
join gallery.customers c on c.id = t.customer_id
where t.issued_on <= :day and (t.paid_on is null or t.paid_on > :day)
order by c.customer_no, t.due_on, t.invoice_no;

-- @bar "Your purchases of the last twelve months, EUR" x=month y=purchases
select c.customer_no, month::date as month, coalesce(sum(t.amount), 0) as purchases
from gallery.customers c
cross join generate_series(
  date_trunc('month', :day) - interval '11 months', date_trunc('month', :day), interval '1 month'
) as month
left join gallery.invoice_totals t on t.customer_id = c.id and date_trunc('month', t.issued_on) = month and t.issued_on <= :day
group by c.customer_no, month
order by c.customer_no, month;

-- @text closing
select customer_no, E'Yours sincerely\n\nMarlen Supply, accounts'
  as paragraphs
from gallery.customers
order by customer_no;
