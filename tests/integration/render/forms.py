"""What a value of each type looks like in each format: the one table that the tests, and the README, go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

ZONE = "Europe/Vienna"

SETUP = """
create type mood as enum ('calm', 'wild; or not');
create domain small as integer check (value < 100);
create type pair as (a integer, b text);
"""


@dataclass(frozen=True)
class Form:
    """One value: the SQL that gives it, and what is found in a file of each format.

    `csv` is Postgres' own text, `shown` what a page says; `json` holds for `ndjson`, too. `parquet` is the column's
    type and the value. `excel`, `tsv` and `pdf` are told where they differ from `csv` and `shown`.
    """

    name: str
    sql: str
    csv: str
    shown: str
    xlsx: Any
    json: Any
    parquet: tuple[str, Any]
    excel: str | None = None
    tsv: str | None = None
    pdf: str | None = None

    def expected(self, format: str) -> Any:
        """What stands in the cell."""
        match format:
            case "csv":
                return self.csv
            case "csv-excel":
                return self.csv if self.excel is None else self.excel
            case "tsv":
                return self.csv if self.tsv is None else self.tsv
            case "json" | "ndjson":
                return self.json
            case "parquet":
                return self.parquet[1]
            case "xlsx":
                return self.xlsx
            case "html":
                return self.shown
            case "pdf":
                return self.shown if self.pdf is None else self.pdf
        raise KeyError(format)


def text(name: str, sql: str, value: str, *, json: Any = None, **others: Any) -> Form:
    """A value that is text in every format; `json` where it is something else there."""
    rest: dict[str, Any] = {"shown": value, "xlsx": value, "parquet": ("string", value), **others}
    return Form(name, sql, value, json=value if json is None else json, **rest)


LOREM = "lorem ipsum " * 8400
LETTERS = "x" * 100_000
_CUT = " … [cut: {count} characters]"


def _cut(value: str) -> str:
    mark = _CUT.format(count=f"{len(value):,}")
    return value[: 32_767 - len(mark)] + mark


NUMBERS = [
    Form("int2", "'-32768'::int2", "-32768", "−32,768", -32768, -32768, ("int16", -32768)),
    Form("int4", "2147483647", "2147483647", "2,147,483,647", 2147483647, 2147483647, ("int32", 2147483647)),
    Form(
        "int8",
        "9223372036854775807",
        csv="9223372036854775807",
        shown="9,223,372,036,854,775,807",
        xlsx="9223372036854775807",
        json="9223372036854775807",
        parquet=("int64", 9223372036854775807),
    ),
    Form(
        "int8_53_bits",
        "9007199254740991",
        csv="9007199254740991",
        shown="9,007,199,254,740,991",
        xlsx="9007199254740991",
        json=9007199254740991,
        parquet=("int64", 9007199254740991),
    ),
    Form("oid", "4294967295::oid", "4294967295", "4,294,967,295", 4294967295, 4294967295, ("uint32", 4294967295)),
    Form(
        "numeric",
        "1234.50",
        csv="1234.50",
        shown="1,234.50",
        xlsx=1234.5,
        json=Decimal("1234.50"),
        parquet=("decimal128(18, 2)", Decimal("1234.50")),
    ),
    Form(
        "numeric_below",
        "-0.005",
        csv="-0.005",
        shown="−0.005",
        xlsx=-0.005,
        json=Decimal("-0.005"),
        parquet=("decimal128(18, 3)", Decimal("-0.005")),
    ),
    Form(
        "numeric_zero",
        "0.00",
        csv="0.00",
        shown="0.00",
        xlsx=0.0,
        json=Decimal("0.00"),
        parquet=("decimal128(18, 2)", Decimal("0.00")),
    ),
    Form(
        "numeric_29",
        "12345678901234567890.123456789",
        csv="12345678901234567890.123456789",
        shown="12,345,678,901,234,567,890.12",
        xlsx="12345678901234567890.123456789",
        json="12345678901234567890.123456789",
        parquet=("decimal128(38, 9)", Decimal("12345678901234567890.123456789")),
    ),
    Form(
        "numeric_50",
        "('12' || repeat('0', 48))::numeric",
        csv="12" + "0" * 48,
        shown="1.200E+49",
        xlsx=12 * 10**48,
        json="12" + "0" * 48,
        parquet=("string", "12" + "0" * 48),
    ),
    text("numeric_nan", "'NaN'::numeric", "NaN"),
    text("numeric_infinite", "'Infinity'::numeric", "Infinity", shown="∞"),
    Form("float4", "1.5::float4", "1.5", "1.5", 1.5, Decimal("1.5"), ("float", 1.5)),
    Form(
        "float8",
        "0.1::float8 + 0.2::float8",
        csv="0.30000000000000004",
        shown="0.30",
        xlsx=0.30000000000000004,
        json=Decimal("0.30000000000000004"),
        parquet=("double", 0.30000000000000004),
    ),
    text("float8_nan", "'NaN'::float8", "NaN", parquet=("double", float("nan"))),
    text("float8_infinite", "'-Infinity'::float8", "-Infinity", shown="−∞", parquet=("double", float("-inf"))),
    text("money", "'1234.5'::numeric::money", "$1,234.50"),
    Form("bool_true", "true", "t", "yes", True, True, ("bool", True)),
    Form("bool_false", "false", "f", "no", False, False, ("bool", False)),
]

TIMES = [
    Form(
        "date",
        "date '2026-10-31'",
        csv="2026-10-31",
        shown="31 Oct 2026",
        xlsx=datetime(2026, 10, 31),
        json="2026-10-31",
        parquet=("date32[day]", date(2026, 10, 31)),
    ),
    Form(
        "date_before_1900",
        "date '1899-12-31'",
        csv="1899-12-31",
        shown="31 Dec 1899",
        xlsx="1899-12-31",
        json="1899-12-31",
        parquet=("date32[day]", date(1899, 12, 31)),
    ),
    text("date_infinite", "date 'infinity'", "infinity", shown="∞"),
    text("date_bc", "date '0044-03-15 BC'", "0044-03-15 BC"),
    text("date_far", "date '12026-01-02'", "12026-01-02"),
    Form(
        "time",
        "time '08:15:30.5'",
        csv="08:15:30.5",
        shown="08:15",
        xlsx=time(8, 15, 30, 500_000),
        json="08:15:30.5",
        parquet=("time64[us]", time(8, 15, 30, 500_000)),
    ),
    text("time_24", "time '24:00'", "24:00:00"),
    text("timetz", "timetz '08:15:30+02'", "08:15:30+02", shown="08:15"),
    Form(
        "timestamp",
        "timestamp '2026-10-31 12:34:56.789'",
        csv="2026-10-31 12:34:56.789",
        shown="31 Oct 2026 12:34",
        xlsx=datetime(2026, 10, 31, 12, 34, 56, 789_000),
        json="2026-10-31T12:34:56.789",
        parquet=("timestamp[us]", datetime(2026, 10, 31, 12, 34, 56, 789_000)),
    ),
    text("timestamp_far", "timestamp '12026-01-02 03:04:05'", "12026-01-02 03:04:05"),
    text("timestamp_infinite", "timestamp 'infinity'", "infinity", shown="∞"),
    Form(
        "timestamptz",
        "timestamptz '2026-10-31 12:34:56+00'",
        csv="2026-10-31 13:34:56+01",
        shown="31 Oct 2026 13:34",
        xlsx=datetime(2026, 10, 31, 13, 34, 56),
        json="2026-10-31T13:34:56+01:00",
        parquet=(f"timestamp[us, tz={ZONE}]", datetime(2026, 10, 31, 13, 34, 56, tzinfo=ZoneInfo(ZONE))),
    ),
    text("timestamptz_infinite", "timestamptz '-infinity'", "-infinity", shown="−∞"),
    text("timestamptz_bc", "timestamptz '0044-03-15 12:00+00 BC'", "0044-03-15 13:05:21+01:05:21 BC"),
    text("interval", "interval '1 year 2 mons -3 days 04:05:06.7'", "1 year 2 mons -3 days +04:05:06.7"),
    text("interval_below", "interval '-1 day'", "-1 days"),
]

OTHERS = [
    text("uuid", "'0A1B2C3D-0000-4000-8000-00000000000F'::uuid", "0a1b2c3d-0000-4000-8000-00000000000f"),
    text("inet", "inet '10.0.0.1/8'", "10.0.0.1/8"),
    text("cidr", "cidr '10.0.0.0/8'", "10.0.0.0/8"),
    text("macaddr", "macaddr '08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    text("macaddr8", "macaddr8 '08:00:2b:01:02:03:04:05'", "08:00:2b:01:02:03:04:05"),
    text("array_int", "array[1, null, 3]", "{1,NULL,3}", json=[1, None, 3]),
    text("array_int_2", "array[[1, 2], [3, 4]]", "{{1,2},{3,4}}", json=[[1, 2], [3, 4]]),
    text("array_big", "array[9007199254740993]", "{9007199254740993}", json=["9007199254740993"]),
    text("array_none", "'{}'::int[]", "{}", json=[]),
    text(
        "array_text",
        """array['a,b', 'say "x"', null, '', 'NULL']""",
        r'{"a,b","say \"x\"",NULL,"","NULL"}',
        tsv=r'{"a,b","say \\"x\\"",NULL,"","NULL"}',
        json=["a,b", 'say "x"', None, "", "NULL"],
    ),
    text(
        "array_at",
        "array[timestamptz '2026-10-31 12:00+00']",
        '{"2026-10-31 13:00:00+01"}',
        json=["2026-10-31T13:00:00+01:00"],
    ),
    text("array_box", "array[box(point(1, 1), point(0, 0))]", "{(1,1),(0,0)}"),
    text(
        "json",
        """E'{"a":\\n [1, 2.50]}'::json""",
        '{"a":\n [1, 2.50]}',
        shown='{"a": [1, 2.50]}',
        tsv=r'{"a":\n [1, 2.50]}',
        json={"a": [1, Decimal("2.50")]},
    ),
    text("jsonb", """'{"b": null, "a": "x"}'::jsonb""", '{"a": "x", "b": null}', json={"a": "x", "b": None}),
    text("jsonb_text", """'"x"'::jsonb""", '"x"', json="x"),
    text("bytea", r"'\x00ff'::bytea", r"\x00ff", tsv=r"\\x00ff", parquet=("binary", b"\x00\xff")),
    text("bit", "b'1010'", "1010"),
    text("varbit", "b'101'::varbit", "101"),
    text("mood", "'wild; or not'::mood", "wild; or not"),
    Form("domain", "7::small", "7", "7", 7, 7, ("int32", 7)),
    text("int4range", "int4range(1, 10)", "[1,10)"),
    text("numrange", "numrange(1.5, null)", "[1.5,)"),
    text("daterange", "daterange('2026-10-01', '2026-11-01')", "[2026-10-01,2026-11-01)"),
    text("tstzrange", "tstzrange('2026-10-01 00:00+00', null)", '["2026-10-01 02:00:00+02",)'),
    text("range_empty", "'empty'::int4range", "empty"),
    text("int4multirange", "'{[1,3),[5,7)}'::int4multirange", "{[1,3),[5,7)}"),
    text("composite", """row(1, 'x,"y')::pair""", '(1,"x,""y")'),
    text("tsvector", "'a fat cat'::tsvector", "'a' 'cat' 'fat'"),
    text("tsquery", "'fat & cat'::tsquery", "'fat' & 'cat'"),
    text("point", "point(1, 2.5)", "(1,2.5)"),
    text("box", "box(point(1, 1), point(0, 0))", "(1,1),(0,0)"),
    text("circle", "circle(point(0, 0), 2)", "<(0,0),2>"),
    # On a server that was built without XML the value is NULL.
    text("xml", """'<a b="1">x</a>'::xml""", '<a b="1">x</a>'),
    text("pg_lsn", "'16/B374D848'::pg_lsn", "16/B374D848"),
    text("jsonpath", "'$.a'::jsonpath", '$."a"'),
]

TEXTS = [
    text("text", "'plain'", "plain"),
    text("varchar", "'v'::varchar(9)", "v"),
    text("bpchar", "'ab'::char(5)", "ab   ", shown="ab"),
    text("char_1", """'x'::"char\"""", "x"),
    text("name", "'n'::name", "n"),
    text("text_empty", "''", "", shown="", parquet=("string", "")),
    text("text_blank", "' padded '", " padded ", shown="padded"),
    text(
        "text_lines",
        r"E'two\nlines\r\nthree'",
        "two\nlines\r\nthree",
        shown="two lines three",
        tsv=r"two\nlines\r\nthree",
        xlsx="two\nlines_x000D_\nthree",
    ),
    text("text_tab", r"E'a\tb'", "a\tb", shown="a b", tsv=r"a\tb"),
    text("text_quotes", r"""'say "x", or \N'""", r'say "x", or \N', tsv=r'say "x", or \\N'),
    text("text_null", "'NULL'", "NULL"),
    text("text_end", r"'\.'", r"\.", tsv=r"\\."),
    text("text_formula", "'=1+1'", "=1+1", excel="'=1+1"),
    text("text_at", "'@SUM(A1)'", "@SUM(A1)", excel="'@SUM(A1)"),
    text("text_digits", "'0043'", "0043"),
    text("text_markup", "'<b>&amp;</b>'", "<b>&amp;</b>"),
    text(
        "text_control",
        r"E'bell\x07 unit\x1f.'",
        "bell\x07 unit\x1f.",
        shown="bell unit .",
        xlsx="bell_x0007_ unit_x001F_.",
    ),
    text("text_escape", "'_x0041_'", "_x0041_", xlsx="_x005F_x0041_"),
    text("text_emoji", "'😀👍🏽'", "😀👍🏽"),
    text("text_combining", r"U&'e\0301'", "e\u0301"),
    # A page has the letters where they are seen: from right to left, the figures among them as ever.
    text("text_hebrew", "'שלום עולם 12'", "שלום עולם 12", pdf="12 " + "שלום עולם"[::-1]),
    text("text_arabic", "'مرحبا'", "مرحبا", pdf="مرحبا"[::-1]),
    text("text_cjk", "'東京'", "東京"),
    text("text_separator", r"U&'a\2028b'", "a\u2028b", shown="a b"),
    text("text_100_kb", f"repeat('lorem ipsum ', {len(LOREM) // 12})", LOREM, shown=LOREM.strip(), xlsx=_cut(LOREM)),
    text("text_one_word", f"repeat('x', {len(LETTERS)})", LETTERS, xlsx=_cut(LETTERS)),
]

FORMS: Sequence[Form] = [*NUMBERS, *TIMES, *OTHERS, *TEXTS]
# On paper a text has three lines and an ellipsis.
CUT_ON_PAPER = {"text_100_kb": "loremipsum", "text_one_word": "xxxxxxxxxx"}
