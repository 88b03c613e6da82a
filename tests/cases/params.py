"""Parameters that a job may and may not have: one table for the check at INSERT and for the one at the job's start.

A case is a declaration, what a job gives, and what becomes of it: `fits` (both take it), `refused` (the INSERT is), or
`late` (only the job's start can tell: patterns, the calendar, numbers written as text). `names` is the parameter that
the refusal must name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reportd.report.definition import Param, ParamType

Verdict = Literal["fits", "refused", "late"]


@dataclass(frozen=True, slots=True)
class Case:
    """One (declarations, given JSON) pair and what both checks must say."""

    id: str
    params: tuple[Param, ...]
    given: Mapping[str, Any]
    verdict: Verdict
    names: str = ""


def param(type: ParamType, name: str = "p", **keys: Any) -> Param:
    """A declaration with the title that it would get."""
    return Param(name=name, type=type, title=name.capitalize(), **keys)


def _one(id: str, declared: Param, given: Any, verdict: Verdict) -> Case:
    return Case(id, (declared,), {declared.name: given}, verdict, "" if verdict == "fits" else declared.name)


_ENUM: dict[str, Any] = {"choices": ("open", "paid")}

CASES: tuple[Case, ...] = (
    Case("nothing asked, nothing given", (), {}, "fits"),
    Case("nothing asked, something given", (), {"p": 1}, "refused", "p"),
    Case("unknown beside a known one", (param("int"),), {"p": 1, "q": 1}, "refused", "q"),
    Case("optional left out", (param("int"),), {}, "fits"),
    Case("required left out", (param("int", required=True),), {}, "refused", "p"),
    Case("default for what is left out", (param("int", default=3),), {}, "fits"),
    _one("optional null", param("int"), None, "fits"),
    _one("required null", param("int", required=True), None, "refused"),
    _one("null for a default", param("int", default=3), None, "fits"),
    _one("optional list null", param("int", many=True), None, "fits"),
    _one("required list null", param("int", many=True, required=True), None, "refused"),
    # text
    _one("text", param("text"), "a", "fits"),
    _one("empty text", param("text"), "", "fits"),
    _one("text that looks like a number", param("text"), "007", "fits"),
    _one("number for text", param("text"), 7, "refused"),
    _one("object for text", param("text"), {"a": 1}, "refused"),
    _one("list for one text", param("text"), ["a"], "refused"),
    _one("text like its pattern", param("text", pattern="[A-Z]{2}"), "AT", "fits"),
    _one("text unlike its pattern", param("text", pattern="[A-Z]{2}"), "ATX", "late"),
    # int
    _one("int", param("int"), 5, "fits"),
    _one("int written 5.0", param("int"), 5.0, "fits"),
    _one("fraction for int", param("int"), 5.5, "refused"),
    _one("text for int", param("int"), "5", "refused"),
    _one("words for int", param("int"), "five", "refused"),
    _one("bool for int", param("int"), True, "refused"),
    _one("int past 2^53", param("int"), 9007199254740993, "fits"),
    _one("greatest int", param("int"), 9223372036854775807, "fits"),
    _one("int past 2^63", param("int"), 9223372036854775808, "late"),
    _one("int at its minimum", param("int", minimum=1), 1, "fits"),
    _one("int below its minimum", param("int", minimum=1), 0, "refused"),
    _one("int at its maximum", param("int", maximum=9), 9, "fits"),
    _one("int above its maximum", param("int", maximum=9), 10, "refused"),
    # numeric
    _one("numeric", param("numeric"), 0.1, "fits"),
    _one("whole numeric", param("numeric"), 3, "fits"),
    _one("numeric as text", param("numeric"), "0.10", "fits"),
    _one("numeric of 30 digits as text", param("numeric"), "123456789012345678901234567890.5", "fits"),
    _one("words for numeric", param("numeric"), "a lot", "refused"),
    _one("NaN for numeric", param("numeric"), "NaN", "refused"),
    _one("bool for numeric", param("numeric"), False, "refused"),
    _one("numeric below its minimum", param("numeric", minimum=0.5), 0.4, "refused"),
    _one("numeric at its minimum", param("numeric", minimum=0.5), 0.5, "fits"),
    _one("numeric as text below its minimum", param("numeric", minimum=0.5), "0.4", "late"),
    # bool
    _one("true", param("bool"), True, "fits"),
    _one("false", param("bool"), False, "fits"),
    _one("text for bool", param("bool"), "true", "refused"),
    _one("number for bool", param("bool"), 1, "refused"),
    # times
    _one("date", param("date"), "2026-10-31", "fits"),
    _one("word for a date", param("date"), "yesterday", "fits"),
    _one("no such day", param("date"), "2026-02-30", "late"),
    _one("number for a date", param("date"), 20261031, "refused"),
    _one("date before its minimum", param("date", minimum="2026-01-01"), "2025-12-31", "late"),
    _one("time with offset", param("timestamp"), "2026-10-31T12:00:00+02:00", "fits"),
    _one("time of nonsense", param("timestamp"), "noonish", "refused"),
    _one("no such hour", param("timestamp"), "2026-10-31 25:00", "late"),
    _one("period word", param("daterange"), "last month", "fits"),
    _one("period literal", param("daterange"), "[2026-01-01,2026-02-01)", "fits"),
    _one("period misspelt", param("daterange"), "lst month", "refused"),
    _one("date misspelt", param("date"), "yesterdya", "refused"),
    _one("period that ends before it begins", param("daterange"), "2026-02..2026-01", "late"),
    _one("misspelt period in a list", param("daterange", many=True), ["2026-10", "lst month"], "refused"),
    _one("secret of the wrong shape", param("uuid", secret=True), "hunter2", "refused"),
    _one("object for a period", param("daterange"), {"from": "2026-01-01"}, "refused"),
    # uuid, enum
    _one("uuid", param("uuid"), "0a1b2c3d-0000-4000-8000-00000000000F", "fits"),
    _one("no uuid", param("uuid"), "0a1b", "refused"),
    _one("number for a uuid", param("uuid"), 1, "refused"),
    _one("choice", param("enum", **_ENUM), "paid", "fits"),
    _one("no choice", param("enum", **_ENUM), "Paid", "refused"),
    _one("null for an optional choice", param("enum", **_ENUM), None, "fits"),
    _one("null for a required choice", param("enum", required=True, **_ENUM), None, "refused"),
    # lists
    _one("list", param("int", many=True), [1, 2], "fits"),
    _one("empty list", param("int", many=True), [], "fits"),
    _one("scalar for a list", param("int", many=True), 1, "refused"),
    _one("wrong item in a list", param("int", many=True), [1, "x"], "refused"),
    _one("null in a list", param("int", many=True), [1, None], "refused"),
    _one("item past its maximum", param("int", many=True, maximum=9), [1, 10], "refused"),
    _one("list of choices", param("enum", many=True, **_ENUM), ["open"], "fits"),
    _one("list with no choice", param("enum", many=True, **_ENUM), ["open", "lost"], "refused"),
    # undeclared
    _one("text for an undeclared one", param("any", required=True), "x", "fits"),
    _one("number for an undeclared one", param("any", required=True), 1.5, "fits"),
    _one("bool for an undeclared one", param("any", required=True), True, "fits"),
    _one("list for an undeclared one", param("any", required=True), [1], "refused"),
    Case("undeclared left out", (param("any", required=True),), {}, "refused", "p"),
)

# Texts that are understood, for the types whose texts have a shape.
UNDERSTOOD: Mapping[ParamType, tuple[str, ...]] = {
    "numeric": ("0", "-1.5", "+.5", "5.", "1e3", "1.5E-10", "123456789012345678901234567890.123"),
    "uuid": ("0a1b2c3d-0000-4000-8000-00000000000f", "0A1B2C3D00004000800000000000000F"),
    "date": ("2026-10-31", "today", " Yesterday ", "TOMORROW"),
    "timestamp": (
        *("2026-10-31", "2026-10-31 14:30", "2026-10-31T14:30:15", "2026-10-31t14:30:15.123456z", "now", "Today"),
        *("2026-10-31 14:30+01", "2026-10-31 14:30:00-0530", "2026-10-31 14:30:00+05:45", "2026-10-31  14:30"),
    ),
    "daterange": (
        *("today", "yesterday", "tomorrow", " Last  MONTH ", "last_month", "last-month", "this week", "next quarter"),
        *("current year", "previous day", "last 7 days", "last-12-months", "next 1 year", "last 3 quarters"),
        *("WTD", "mtd", "QTD", "YTD", "this fiscal year", "last fiscal quarter", "fiscal YTD", "fiscal_qtd"),
        *(
            "2026",
            "2026-Q3",
            "2026-q3",
            "2026-10",
            "2026-W40",
            "2026-10-05",
            "2026-01..2026-Q3",
            "2026-01-01..",
            "..2026",
        ),
        *("2026-01-01 .. 2026-02-01", "[2026-01-01,2026-02-01)", "(2026-01-01,2026-01-31]", "[2026-01-01,)", "(,)"),
        *("( -infinity , 2026-01-01 )", '["2026-01-01","2026-02-01")'),
    ),
}
