"""Where parameters are used, which are not declared, which not used."""

from __future__ import annotations

from reportd.report.usage import Use, undeclared, unused, uses
from tests.unit.report.sources import report

TEXT = """
    -- /// report
    -- params.period = { type = "daterange" }
    -- params.span = { type = "daterange" }
    -- params.idle = { type = "int" }
    -- ///
    -- @kpi numbers
      select :region, :span_start,
        :period;
    -- @table
    select :region
"""


def test_every_use_has_its_place_in_the_file() -> None:
    assert uses(report(TEXT)) == (
        Use("region", "numbers", 7, 10),
        Use("span_start", "numbers", 7, 19),
        Use("period", "numbers", 8, 5),
        Use("region", "table1", 10, 8),
    )


def test_what_the_front_matter_lacks_is_listed_with_its_first_use() -> None:
    assert [(param.name, param.line) for param in undeclared(report(TEXT))] == [("region", 7)]


def test_what_no_statement_uses_is_listed_with_its_declaration() -> None:
    assert [(param.name, param.line) for param in unused(report(TEXT))] == [("idle", 4)]
