"""Conditions of delivery: what holds, and what is never understood."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reportd.report.conditions import Asked, Operand, parse

ANSWERS: dict[Asked, Operand] = {
    Asked("rows", "orders"): Decimal(3),
    Asked("rows", "by-day"): Decimal(0),
    Asked("value", "totals", "revenue"): Decimal("1200.50"),
    Asked("value", "totals", "region"): "North",
    Asked("value", "totals", "nothing"): None,
    Asked("changed"): True,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rows(orders) > 0 and changed()", True),
        ("rows(orders) > 3", False),
        ('rows("by-day") == 0', True),
        ("value(totals.revenue) >= 1200.5", True),
        ('value("totals", "revenue") < -1', False),
        ("0 < rows(orders) <= 3", True),
        ('value(totals.region) == "North"', True),
        ("value(totals.nothing) > 0 or not changed()", False),
        ("not (value(totals.nothing) > 0)", True),
    ],
)
def test_a_condition_holds_or_not(text: str, expected: bool) -> None:
    assert parse(text, blocks=["orders", "by-day", "totals"]).holds(ANSWERS.__getitem__) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows(order) > 0", 'no block "order"; did you mean "orders"?'),
        ("row(orders) > 0", 'unknown function "row"; did you mean "rows"?'),
        ("rows() > 0", "write rows(block)"),
        ("changed(1)", "write changed()"),
        ("rows(orders)", "compares something"),
        ("1 + 1 == 2", "“1 + 1” is not understood"),
        ("__import__('os').system('id')", "unknown function"),
        ("(lambda: 1)()", "unknown function"),
        ("[x for x in 'ab'] == 1", "is not understood"),
        ("rows(orders) in (1, 2)", "is not understood"),
        ("rows(orders) is 1", "compare with =="),
        ("orders.__class__ == 1", "is not understood"),
        ("rows(orders) >", "can't be read"),
        ("(" * 300 + "1", "can't be read"),
        ("changed() " + " " * 1000, "is longer than"),
    ],
)
def test_nothing_else_is_understood(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text, blocks=["orders"])
    assert said in str(caught.value)


def test_a_text_is_not_compared_with_a_number() -> None:
    condition = parse("value(totals.region) > 5", blocks=["totals"])
    with pytest.raises(ValueError, match="compares a text with a number"):
        condition.holds(ANSWERS.__getitem__)
