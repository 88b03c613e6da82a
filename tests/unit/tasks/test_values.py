"""Results and checkpoints as JSON that Postgres holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from reportd.tasks.values import BYTES_MAX, plain


class Point(BaseModel):
    x: int


@dataclass
class Line:
    points: list[Point]


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (None, None),
        ({"a": (1, 2.5, True)}, {"a": [1, 2.5, True]}),
        (Line([Point(x=1)]), {"points": [{"x": 1}]}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Decimal("1.50"), "1.50"),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_what_json_can_hold(value: Any, made: Any) -> None:
    assert plain(value, what="the result") == made


def circle() -> list[Any]:
    round: list[Any] = []
    round.append(round)
    return round


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "the result is an object"),
        ({"a": [1, float("nan")]}, r"the result.a\[1\] is nan"),
        ("x\0y", "NUL"),
        ({"\0": 1}, "a key of the result has a NUL"),
        ("\ud800", "surrogate|Unicode"),
        (circle(), "circular|Circular|recursion"),
        (deep(), "nested deeper than 64"),
        ("x" * BYTES_MAX, "1,048,578 bytes"),
        (lambda: 1, "is a function"),
    ],
)
def test_what_it_can_not_hold_is_named(value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        plain(value, what="the result")
