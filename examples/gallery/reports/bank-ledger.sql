-- /// report
-- title       = "Bank ledger"
-- description = "Every entry of every account, with the balance after it."
-- author      = "Marlen Supply, accounts"
-- params.period = { type = "daterange", default = "2026-Q3" }
--
-- [columns.amount]
-- format = "hidden"
-- [columns.running_amount]
-- title = "Balance"
-- warn  = "< 175000"
-- ///

-- @kpi
select sum(amount) filter (where text = 'Opening balance') as opening_balance,
  sum(amount) filter (where amount > 0 and text <> 'Opening balance') as received,
  -sum(amount) filter (where amount < 0) as paid, sum(amount) as closing_balance
from gallery.bank_entries
where booked_on <@ :period;

-- @table entries "Entries, EUR" group=account subtotal=received,paid running=amount
select account, booked_on as date, voucher_no, text, case when amount > 0 and text <> 'Opening balance' then amount end as received,
  case when amount < 0 then -amount end as paid, amount
from gallery.bank_entries
where booked_on <@ :period
order by account, booked_on, id;
