"""Parameters: what was resolved comes back the same from its JSON; no input makes anything but a ParamsError."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reportd.errors import ParamsError
from reportd.report.definition import ParamType
from reportd.report.params import resolve
from tests.cases.params import param

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
TYPES: st.SearchStrategy[ParamType] = st.sampled_from(
    ["text", "int", "numeric", "bool", "date", "timestamp", "daterange", "uuid", "any"]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FITTING: st.SearchStrategy[tuple[ParamType, Any]] = st.one_of(
    st.tuples(st.just("text"), TEXT),
    st.tuples(st.just("int"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("numeric"), st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str)),
    st.tuples(st.just("numeric"), st.floats(-1e15, 1e15)),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("date"), st.dates().map(str)),
    st.tuples(st.just("timestamp"), st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)).map(str)),
    st.tuples(st.just("uuid"), st.uuids().map(str)),
    st.tuples(st.just("any"), TEXT | st.booleans() | st.integers() | st.floats(-1e15, 1e15)),
)


@given(FITTING, st.booleans(), st.sampled_from(["UTC", "Europe/Vienna", "America/St_Johns"]))
def test_what_was_resolved_comes_back_the_same(typed: tuple[ParamType, Any], many: bool, zone: str) -> None:
    kind, value = typed
    many = many and kind != "any"
    declared = (param(kind, many=many),)
    first = resolve(declared, {"p": [value, value] if many else value}, now=NOW, timezone=zone)
    stored = json.loads(json.dumps(first.as_json()))
    assert resolve(declared, stored, now=NOW, timezone=zone) == first


@given(TYPES, JSON, st.booleans())
def test_no_json_makes_anything_but_a_params_error(kind: ParamType, value: Any, many: bool) -> None:
    declared = (param(kind, many=many),)
    try:
        found = resolve(declared, {"p": value}, now=NOW, timezone="Europe/Vienna")
    except ParamsError as error:
        json.dumps(error.detail)
    else:
        json.dumps(found.as_json())
        found.described("de")


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_whole_number_keeps_every_digit(number: int) -> None:
    assert resolve((param("int"),), {"p": number}, now=NOW, timezone="UTC").values["p"].text == str(number)


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda n: abs(n.adjusted()) < 900))
def test_a_numeric_written_as_text_keeps_every_digit(number: Decimal) -> None:
    text = resolve((param("numeric"),), {"p": str(number)}, now=NOW, timezone="UTC").values["p"].text
    assert text is not None
    assert Decimal(text) == number
    assert "E" not in text
