"""Charts of the author's own as files: what is refused, where, and with which nearest name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reportd.errors import ReportError
from reportd.report import vega
from tests.folders import DAYS, ORDERS, TOTALS, report

BARS: dict[str, Any] = {
    "mark": "bar",
    "encoding": {"x": {"field": "region", "type": "nominal"}, "y": {"field": "amount", "type": "quantitative"}},
}
COLUMNS = {"orders": ["region", "customer", "amount"], "days": ["region", "amount"]}


def fault(text: str, *, file: str = "orders.vl.json") -> str:
    with pytest.raises(ReportError) as caught:
        report({file: text})
    return caught.value.message


def misfits(spec: dict[str, Any]) -> list[str]:
    text = json.dumps(spec, indent=1)
    read = report({"orders.vl.json": text}).charts["orders"]
    return [error.message for error in vega.misfits(read, COLUMNS)]


def test_a_file_is_the_chart_of_the_block_that_it_is_named_for() -> None:
    read = report({"orders.vl.json": json.dumps(BARS)})
    assert list(read.charts) == ["orders"]
    assert read.charts["orders"].names == ("orders",)
    assert read.charts["orders"].spec == BARS


def test_other_blocks_are_named_in_data_and_a_files_own_rows_are_not() -> None:
    spec = {
        "layer": [
            {**BARS, "data": {"name": "days"}},
            {**BARS, "data": {"values": [1, 2], "name": "orders"}},
            {**BARS, "data": {"name": "own"}},
            {"mark": "rule", "transform": [{"lookup": "region", "from": {"data": {"name": "totals"}, "key": "x"}}]},
        ],
        "data": {"sequence": {"start": 0, "stop": 3}},
        "datasets": {"own": [{"a": 1}]},
    }
    assert report({"orders.vl.json": json.dumps(spec)}).charts["orders"].names == ("days", "totals")


def test_a_chart_makes_the_reports_version() -> None:
    assert report({}).source.sha256 != report({"orders.vl.json": json.dumps(BARS)}).source.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "mark": "bar",\n "encoding": {"x": }\n}', "orders.vl.json:3:20: is not JSON: expecting value"),
        ('{"mark": "bar", "width": NaN}', "is not JSON that a chart can be made of: NaN is no number of JSON"),
        ("[1]", "orders.vl.json:1: is no JSON object: a specification begins with {"),
        ("{}", "draws nothing: there is none of mark, layer, concat, hconcat, vconcat, spec"),
        (
            '{"$schema": "https://vega.github.io/schema/vega/v6.json", "marks": []}',
            ":1:2: is a specification for Vega;",
        ),
        ('{"mark": "bar",\n "data": {"url": "http://127.0.0.1/x"}}', ":2:11: a chart loads nothing: its data are"),
        ('{"mark": "bar",\n "data": {"url": "data:text/csv,a"}}', ":2:11: a chart loads nothing"),
        ('{"mark": {"type": "image",\n "url": "file:///etc/passwd"}}', ":2:2: a chart loads nothing: put the picture"),
        ('{"mark": "bar", "transform": [{"sample": 10}]}', "sample draws other rows each time"),
        (
            '{"mark": "bar", "transform": [{"filter": "random() < 0.5"}]}',
            ":1:43: random() gives another value each time, and the same rows make the same chart",
        ),
        ('{"mark": "bar",\n "data": {"name": "day"}}', ':2:19: there is no block "day"; did you mean "days"?'),
        ("[" * 3000 + "]" * 3000, "is not JSON that a chart can be made of"),
        ('{"mark": ' + '{"a": ' * 80 + "1" + "}" * 80 + "}", "nests more than 60 deep"),
    ],
)
def test_what_is_no_chart_is_told_by_file_line_and_column(text: str, message: str) -> None:
    assert message in fault(text)


def test_a_file_that_no_block_is_called_like_is_told_the_nearest() -> None:
    said = fault(json.dumps(BARS), file="order.vl.json")
    assert said.startswith("reports/sales/order.vl.json: is named for a block, and there is none called")
    assert 'did you mean "orders"? (there is: totals, days, orders)' in said


def test_tiles_have_no_chart() -> None:
    said = fault(json.dumps(BARS), file="totals.vl.json")
    assert '"totals" is a @kpi, and a chart stands with one of @bar, @line, @area, @pie, @table' in said


def test_a_report_with_code_may_draw_what_its_code_makes() -> None:
    code = "def build(params, data):\n    return data.document()\n"
    read = report({"report.py": code, "made.vl.json": json.dumps(BARS)}, TOTALS, DAYS, ORDERS)
    assert read.charts["made"].names == ("made",)


def test_fields_are_columns() -> None:
    assert misfits(BARS) == []
    wrong = {"mark": "bar", "encoding": {"x": {"field": "regoin"}, "y": {"field": "amount"}}}
    assert misfits(wrong) == [
        'sales/orders.vl.json:5:13: field "regoin": the query of "orders" has no such column; did you mean "region"?'
    ]
    assert misfits({"data": {"name": "days"}, "mark": "bar", "encoding": {"x": {"field": "customer"}}}) == [
        'sales/orders.vl.json:8:13: field "customer": the query of "days" has no such column (it has region, amount)'
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {**BARS, "transform": [{"calculate": "1", "as": "more"}], "encoding": {"x": {"field": "more"}}},
        {"mark": "bar", "transform": [{"fold": ["amount"]}], "encoding": {"x": {"field": "key"}}},
        {"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}},
        {"mark": "bar", "encoding": {"x": {"field": "region['a'].b"}, "y": {"aggregate": "count"}}},
        {"repeat": ["amount"], "spec": {"mark": "bar", "encoding": {"x": {"field": {"repeat": "repeat"}}}}},
        {
            "mark": "bar",
            "transform": [{"aggregate": [{"op": "sum", "field": "amount", "as": "all"}], "groupby": ["region"]}],
            "encoding": {"x": {"field": "all"}, "tooltip": [{"field": "region"}]},
        },
        {"mark": "bar", "encoding": "none"},
        {"layer": "none"},
        {"hconcat": [1, None, {"mark": "bar"}], "transform": 7},
    ],
)
def test_fields_that_the_chart_makes_itself_are_left_alone(spec: dict[str, Any]) -> None:
    assert misfits(spec) == []
