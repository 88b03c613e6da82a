"""Parameters from JSON to what Postgres reads, and back to JSON that means the same for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reportd.errors import ParamsError
from reportd.report.definition import Param, ParamType
from reportd.report.params import MASK, Params, Value, resolve, schema_of, sql_types
from tests.cases.params import CASES, UNDERSTOOD, Case, param

NOW = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)  # 4 November in Vienna
LATER = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def resolved(declared: Param | tuple[Param, ...], given: Any = None, *, timezone: str = "Europe/Vienna") -> Params:
    params = declared if isinstance(declared, tuple) else (declared,)
    raw = given if isinstance(declared, tuple) else {declared.name: given}
    return resolve(params, raw or {}, now=NOW, timezone=timezone)


def text(declared: Param, given: Any, *, timezone: str = "Europe/Vienna") -> str | None:
    return resolved(declared, given, timezone=timezone).values["p"].text


def refusal(declared: Param, given: Any) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        resolved(declared, given)
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_table_of_cases_holds(case: Case) -> None:
    if case.verdict == "fits":
        resolve(case.params, case.given, now=NOW, timezone="UTC")
        return
    with pytest.raises(ParamsError) as caught:
        resolve(case.params, case.given, now=NOW, timezone="UTC")
    assert f'"{case.names}"' in caught.value.message
    assert caught.value.detail["param"] == case.names


@pytest.mark.parametrize("case", [case for case in CASES if case.verdict == "fits"], ids=lambda case: case.id)
def test_resolving_what_was_resolved_changes_nothing(case: Case) -> None:
    first = resolve(case.params, case.given, now=NOW, timezone="Europe/Vienna")
    stored = json.loads(json.dumps(first.as_json()))
    again = resolve(case.params, stored, now=LATER, timezone="Europe/Vienna")
    assert again == first
    assert again.as_json() == first.as_json()


@pytest.mark.parametrize(
    ("type", "given", "expected", "sql"),
    [
        ("text", 'O\'Brien \\ "x"', 'O\'Brien \\ "x"', "text"),
        ("int", 9007199254740993, "9007199254740993", "bigint"),
        ("int", -(2**63), "-9223372036854775808", "bigint"),
        ("int", 5.0, "5", "bigint"),
        ("int", Decimal("12"), "12", "bigint"),
        ("numeric", "0.10", "0.10", "numeric"),
        ("numeric", 0.1, "0.1", "numeric"),
        ("numeric", Decimal("1.50"), "1.50", "numeric"),
        ("numeric", 12345678901234567890123, "12345678901234567890123", "numeric"),
        ("numeric", "+.5e3", "500", "numeric"),
        ("numeric", 1e21, "1000000000000000000000", "numeric"),
        ("bool", True, "true", "boolean"),
        ("bool", False, "false", "boolean"),
        ("date", "2026-10-31", "2026-10-31", "date"),
        ("date", "today", "2026-11-04", "date"),
        ("timestamp", "2026-10-31", "2026-10-31 00:00:00+01:00", "timestamp with time zone"),
        ("timestamp", "2026-10-31 14:30", "2026-10-31 14:30:00+01:00", "timestamp with time zone"),
        ("timestamp", "2026-10-31T14:30:00.25Z", "2026-10-31 15:30:00.250000+01:00", "timestamp with time zone"),
        ("timestamp", "now", "2026-11-04 00:30:00+01:00", "timestamp with time zone"),
        ("timestamp", "today", "2026-11-04 00:00:00+01:00", "timestamp with time zone"),
        ("daterange", "last month", "[2026-10-01,2026-11-01)", "daterange"),
        ("daterange", "2026-01-01..", "[2026-01-01,)", "daterange"),
        ("uuid", "0A1B2C3D-0000-4000-8000-00000000000F", "0a1b2c3d-0000-4000-8000-00000000000f", "uuid"),
        ("any", "x", "x", None),
        ("any", 1.5, "1.5", None),
        ("any", True, "true", None),
        ("any", 10**30, str(10**30), None),
    ],
)
def test_a_value_becomes_postgres_text_and_type(type: ParamType, given: Any, expected: str, sql: str | None) -> None:
    assert resolved(param(type), given).values["p"] == Value(expected, sql)


@pytest.mark.parametrize(("kind", "given"), [(kind, given) for kind, texts in UNDERSTOOD.items() for given in texts])
def test_what_is_understood_is_taken(kind: ParamType, given: str) -> None:
    assert text(param(kind), given)


def test_a_list_becomes_an_array_literal() -> None:
    values = resolved(param("text", many=True), ["a", 'b"', "c\\", "", "NULL", "{,}"]).values
    assert values["p"] == Value(r'{"a","b\"","c\\","","NULL","{,}"}', "text[]")
    assert resolved(param("int", many=True), []).values["p"] == Value("{}", "bigint[]")
    assert text(param("daterange", many=True), ["2026-10"]) == '{"[2026-10-01,2026-11-01)"}'


def test_a_daterange_gives_its_instants_in_the_reports_zone() -> None:
    values = resolved(param("daterange"), "2026-10").values
    assert values["p_start"] == Value("2026-10-01 00:00:00+02:00", "timestamp with time zone")
    assert values["p_end"] == Value("2026-11-01 00:00:00+01:00", "timestamp with time zone")


def test_an_open_daterange_ends_at_infinity() -> None:
    values = resolved(param("daterange"), "..2026-10-01").values
    assert (values["p"].text, values["p_start"].text) == ("(,2026-10-01)", "-infinity")
    assert resolved(param("daterange"), "2026-10-01..").values["p_end"].text == "infinity"


def test_a_missing_daterange_is_null_in_all_its_names() -> None:
    values = resolved(param("daterange"), None).values
    assert [value.text for value in values.values()] == [None, None, None]
    assert values["p_start"].type == "timestamp with time zone"


def test_sql_types_name_every_placeholder() -> None:
    declared = (param("daterange"), param("int", "n", many=True), param("any", "x"))
    assert sql_types(declared) == {
        "p": "daterange",
        "p_start": "timestamp with time zone",
        "p_end": "timestamp with time zone",
        "n": "bigint[]",
        "x": None,
    }


def test_words_count_from_the_jobs_own_day_in_the_reports_zone() -> None:
    assert text(param("date"), "today", timezone="Europe/Vienna") == "2026-11-04"
    assert text(param("date"), "today", timezone="America/New_York") == "2026-11-03"


def test_a_fiscal_year_begins_where_it_is_told_to() -> None:
    found = resolve((param("daterange"),), {"p": "this fiscal year"}, now=NOW, timezone="UTC", fiscal_start=4)
    assert found.values["p"].text == "[2026-04-01,2027-04-01)"


@pytest.mark.parametrize(
    ("declared", "given", "words"),
    [
        (param("int"), "x", 'parameter "p": "x" is no whole number (write it as a JSON number, without quotes)'),
        (param("int", minimum=1), 0, "0 is below the minimum 1"),
        (param("int"), 2**63, "is out of range (allowed: -9223372036854775808 to 9223372036854775807)"),
        (param("int"), float("inf"), "is out of range"),
        (param("int"), float("nan"), "is no whole number"),
        (param("numeric"), float("nan"), "is no number"),
        (param("numeric"), "1e9999", "is out of range (at most 1000 digits)"),
        (param("numeric"), "٣", "is no number"),
        (param("bool"), "yes", '"yes" is not true or false'),
        (param("enum", choices=("a", "b")), "c", '"c" is not one of: a, b'),
        (param("date"), "yesterdya", 'did you mean "yesterday"? (understood: 2026-10-31, today, yesterday, tomorrow)'),
        (param("date"), "2026-02-30", "is not on the calendar"),
        (param("date", maximum="2026-01-01"), "2026-01-02", "is above the maximum 2026-01-01"),
        (param("timestamp"), "2026-10-31 25:00", "is no time"),
        (
            param("timestamp", minimum="2026-01-01"),
            "2025-12-31 23:59",
            "is below the minimum 2026-01-01 00:00:00+01:00",
        ),
        (param("timestamp"), "0001-01-01", "is past the calendar"),
        (param("daterange"), "last moth", 'did you mean "last month"?'),
        (param("daterange", minimum="2026-01-01"), "2025", "begins before 2026-01-01"),
        (param("daterange", minimum="2026-01-01"), "..2026-10-01", "begins before 2026-01-01"),
        (param("daterange", maximum="2026-12-31"), "2027", "ends after 2026-12-31"),
        (param("daterange"), "0001", "is past the calendar"),
        (param("uuid"), "g" * 32, "is no UUID such as"),
        (param("text", pattern="[a-z]+"), "A", "does not match the pattern [a-z]+"),
        (param("text"), "a\0b", "holds a NUL character"),
        (param("text"), "\ud800", "half of a surrogate pair"),
        (param("int", many=True), 1, "1 is no list"),
        (param("int", many=True), [None], "null is no whole number"),
        (param("any", required=True), [1], "for more, declare params.p.type"),
        (param("int", required=True), None, 'parameter "p" is missing (type int)'),
        (param("enum", required=True, many=True, choices=("a", "b")), None, "(a list, each one of: a, b)"),
        (param("any", required=True), None, 'parameter "p" is missing (a value)'),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_is_allowed(declared: Param, given: Any, words: str) -> None:
    error = refusal(declared, given)
    assert words in error.message
    assert error.detail["param"] == "p"
    json.dumps(error.detail)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match=r'unknown parameter "perod"; did you mean "period"\? \(known: period\)'):
        resolve((param("daterange", "period"),), {"perod": "today"}, now=NOW, timezone="UTC")


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(refusal(param("int"), "x" * 10_000).message) < 250


def test_a_number_with_a_huge_exponent_costs_nothing() -> None:
    refusal(param("int"), Decimal("1e1000000"))
    refusal(param("numeric"), Decimal("1e1000000"))


def test_an_unknown_zone_is_told() -> None:
    with pytest.raises(ParamsError, match='there is no time zone "Mars"'):
        resolve((), {}, now=NOW, timezone="Mars")


def test_secrets_are_stored_but_never_shown() -> None:
    secret = param("text", secret=True)
    found = resolved(secret, "hunter2")
    assert found.as_json() == {"p": "hunter2"}
    assert found.masked() == {"p": MASK}
    assert found.described() == (("P", MASK),)
    assert "hunter2" not in refusal(param("int", secret=True), "hunter2").message
    assert resolved(secret, None).masked() == {"p": None}


def test_a_secret_default_stays_out_of_the_schema() -> None:
    schema = schema_of((param("text", secret=True, default="hunter2"),))["properties"]["p"]
    assert "default" not in schema
    assert schema["writeOnly"] is True


def test_the_header_gives_values_in_words() -> None:
    declared = (
        param("daterange", "period"),
        param("bool", "paid"),
        param("date", "since"),
        param("timestamp", "until"),
        param("int", "ids", many=True),
        param("text", "note"),
        param("numeric", "rate"),
    )
    given = {
        "period": "last month",
        "paid": True,
        "since": "2026-01-05",
        "until": "2026-10-31 14:30",
        "ids": [1, 2, 3, 4, 5, 6, 7],
        "rate": "1e3",
    }
    assert resolved(declared, given).described("en") == (
        ("Period", "October 2026"),
        ("Paid", "yes"),
        ("Since", "5 Jan 2026"),
        ("Until", "31 Oct 2026 14:30"),
        ("Ids", "1, 2, 3, 4, 5 + 2"),
        ("Rate", "1000"),
    )
    assert resolved(declared, given).described("de-AT")[:4] == (
        ("Period", "Oktober 2026"),
        ("Paid", "ja"),
        ("Since", "05.01.2026"),
        ("Until", "31.10.2026 14:30"),
    )


def test_the_schema_says_what_the_insert_may_check() -> None:
    declared = (
        param("int", "n", required=True, minimum=1, maximum=10, description="How many"),
        param("numeric", "rate", minimum=0.5, default=1.5),
        param("enum", "state", choices=("a", "b")),
        param("text", "code", pattern="[A-Z]+", required=True, many=True),
        param("any", "x", required=True),
    )
    assert schema_of(declared) == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 10, "title": "N", "description": "How many"},
            "rate": {
                "type": ["number", "string", "null"],
                "minimum": 0.5,
                "shape": {
                    "noun": "number",
                    "pattern": r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$",
                    "examples": ["12.50"],
                },
                "title": "Rate",
                "default": 1.5,
            },
            "state": {"type": ["string", "null"], "enum": ["a", "b", None], "title": "State"},
            "code": {"type": "array", "items": {"type": "string", "pattern": "^(?:[A-Z]+)$"}, "title": "Code"},
            "x": {"type": ["string", "number", "boolean"], "title": "X"},
        },
        "required": ["n", "code", "x"],
        "additionalProperties": False,
    }
