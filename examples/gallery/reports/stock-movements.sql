-- /// report
-- title       = "Stock movements"
-- description = "Every movement of every warehouse: a hundred thousand rows, streamed."
-- author      = "Marlen Supply, warehouse"
-- params.period    = { type = "daterange", default = "2026" }
-- params.warehouse = { type = "enum", choices = ["Lille", "Linz", "Poznań"] }
-- timezone = "Europe/Vienna"
-- columns.movement_no = { width = 10 }
-- columns.unit_cost   = { title = "Unit cost, EUR", total = "none" }
-- columns.value       = { title = "Value, EUR" }
-- columns.change_of_value = { title = "Change of value, EUR" }
-- ///

-- @kpi
select count(*) as movements, sum(quantity) filter (where quantity > 0) as units_in,
  -sum(quantity) filter (where quantity < 0) as units_out, sum(quantity * unit_cost) as change_of_value
from gallery.stock_movements
where moved_at >= :period_start and moved_at < :period_end and (:warehouse is null or warehouse = :warehouse);

-- @table movements
select m.id as movement_no, m.moved_at, m.warehouse, m.document, m.reason, p.sku, p.name as product, m.quantity, m.unit_cost,
  m.quantity * m.unit_cost as value
from gallery.stock_movements m
join gallery.products p on p.id = m.product_id
where m.moved_at >= :period_start and m.moved_at < :period_end and (:warehouse is null or m.warehouse = :warehouse)
order by m.moved_at, m.id;
