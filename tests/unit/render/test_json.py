"""The JSON renderer: one envelope, every value exactly what Postgres had."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd.errors import StoreFull
from reportd.render.json import JSON, keys, writer
from reportd.render.task import RenderSettings
from reportd.report.document import Chart, Column, Data, Document, Format, Kpis, Provenance, Rows, Section, Table

SETTINGS = RenderSettings()
AS_OF = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)


def column(name: str, index: int, type: str) -> Column:
    return Column(name, name.title(), index, type, Format("text"), "left", 10)


def rows(path: Path, text: str) -> Rows:
    path.write_text(text, encoding="utf-8", newline="")
    return Rows(str(path), text.count("\n"), path.stat().st_size, "00")


def rendered(out: Path, *sections: Section) -> dict[str, Any]:
    provenance = Provenance("sales", "aa", "bb", {"period": ["2026-01-01", "2026-02-01"]}, "0.1", job=42)
    document = Document("Größe", AS_OF, "Europe/Vienna", "de-AT", sections, provenance)
    [file] = JSON().render(document, out=out, settings=SETTINGS)
    assert (file.name, file.format, file.content_type) == ("sales.json", "json", "application/json")
    assert file.rows == sum(section.rows.count for section in sections if isinstance(section, Table | Data))
    content: dict[str, Any] = json.loads(Path(file.path).read_text(encoding="utf-8"))
    return content


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def test_the_envelope_says_what_it_holds(tmp_path: Path, out: Path) -> None:
    columns = (column("day", 0, "date"), column("amount", 1, "numeric"))
    table = Table("orders", "Orders", columns, rows(tmp_path / "a.csv", "2026-01-01,12.50\n2026-01-02,\n"))

    content = rendered(out, table)

    assert content["params"] == {"period": ["2026-01-01", "2026-02-01"]}
    assert content["meta"] == {
        "report": "sales",
        "title": "Größe",
        "subtitle": None,
        "as_of": "2026-01-31T08:30:00+00:00",
        "timezone": "Europe/Vienna",
        "locale": "de-AT",
        "job": 42,
        "version": "0.1",
        "report_sha256": "aa",
        "sql_sha256": "",
        "data_sha256": "bb",
        "blocks": {"orders": {"rows": 2, "sha256": table.rows.sha256}},
    }
    assert content["blocks"] == [
        {
            "name": "orders",
            "kind": "table",
            "title": "Orders",
            "columns": [{"name": "day", "type": "date"}, {"name": "amount", "type": "numeric"}],
            "rows": [{"day": "2026-01-01", "amount": 12.5}, {"day": "2026-01-02", "amount": None}],
        }
    ]


def test_every_kind_of_block_comes_in_the_order_of_the_report(tmp_path: Path, out: Path) -> None:
    number = column("n", 0, "integer")
    one = rows(tmp_path / "a.csv", "7\n")
    sections = (
        Kpis("kpi", "", (), (number,), one),
        Chart("trend", "line", "Trend", number, (number,), one, (number,)),
        Chart("bars", "bar", "Bars", number, (number,), one, (number,)),
        Data("raw", "", (number,), rows(tmp_path / "empty.csv", "")),
        Table("list", "List", (number,), one),
    )

    blocks = rendered(out, *sections)["blocks"]

    assert [(block["name"], block["kind"]) for block in blocks] == [
        ("kpi", "kpi"),
        ("trend", "line"),
        ("bars", "bar"),
        ("raw", "data"),
        ("list", "table"),
    ]
    assert [block["rows"] for block in blocks] == [[{"n": 7}], [{"n": 7}], [{"n": 7}], [], [{"n": 7}]]


def test_a_report_without_blocks_is_still_json(out: Path) -> None:
    assert rendered(out)["blocks"] == []


@pytest.mark.parametrize("count", [499, 500, 501, 1000, 1501])
def test_rows_are_separated_wherever_the_writer_pauses(tmp_path: Path, out: Path, count: int) -> None:
    spool = rows(tmp_path / "a.csv", "".join(f"{n}\n" for n in range(count)))

    [block] = rendered(out, Table("t", "T", (column("n", 0, "integer"),), spool))["blocks"]

    assert [row["n"] for row in block["rows"]] == list(range(count))


@pytest.mark.parametrize(
    ("type_name", "cell", "expected"),
    [
        ("integer", "-2147483648", "-2147483648"),
        ("int8", "9007199254740991", "9007199254740991"),
        ("bigint", "-9007199254740991", "-9007199254740991"),
        ("bigint", "9007199254740992", '"9007199254740992"'),
        ("bigint", "-9223372036854775808", '"-9223372036854775808"'),
        ("numeric", "12.50", "12.50"),
        ("numeric", "-0.000000000000000000001", "-0.000000000000000000001"),
        ("numeric", "0.1428571428571428571428", '"0.1428571428571428571428"'),
        ("numeric", "99999999999999999.99", '"99999999999999999.99"'),
        ("numeric", "10000000000000000000000", '"10000000000000000000000"'),
        ("numeric", "1" + "0" * 400, '"1' + "0" * 400 + '"'),
        ("numeric", "NaN", '"NaN"'),
        ("numeric", "-Infinity", '"-Infinity"'),
        ("double precision", "1e+20", "1e+20"),
        ("float8", "0.1", "0.1"),
        ("real", "NaN", '"NaN"'),
        ("boolean", "t", "true"),
        ("bool", "f", "false"),
        ("text", 'a"b\\c\n\u2028é\x01', '"a\\"b\\\\c\\n\u2028é\\u0001"'),
        ("text", "", '""'),
        ("text", "12", '"12"'),
        ("jsonb", '{"a": [1, null]}', '{"a": [1, null]}'),
        ("date", "2026-01-31", '"2026-01-31"'),
        ("timestamp with time zone", "2026-01-31 09:30:00+01", '"2026-01-31T09:30:00+01:00"'),
        ("timestamptz", "2026-01-31 09:30:00.123456+05:30", '"2026-01-31T09:30:00.123456+05:30"'),
        ("timestamp without time zone", "2026-01-31 09:30:00", '"2026-01-31T09:30:00"'),
        ("timestamp with time zone", "infinity", '"infinity"'),
        ("timestamp with time zone", "0044-03-15 12:00:00+00 BC", '"0044-03-15 12:00:00+00 BC"'),
        ("timestamp with time zone", "10000-01-01 00:00:00+00", '"10000-01-01 00:00:00+00"'),
        ("bytea", "\\x00ff", '"\\\\x00ff"'),
        ("money", "$1,000.00", '"$1,000.00"'),
        ("integer[]", "{1,NULL,3}", "[1,null,3]"),
        ("int4[]", "{}", "[]"),
        ("integer[]", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        ("integer[]", "[-1:0]={5,6}", "[5,6]"),
        ("integer[]", "[1:1][0:1]={{5,6}}", "[[5,6]]"),
        ("bigint[]", "{9007199254740993}", '["9007199254740993"]'),
        ("boolean[]", "{t,f}", "[true,false]"),
        ("text[]", '{plain,"a,b","say \\"x\\"","back\\\\slash","NULL",NULL,"","{x}"}', None),
        ("jsonb[]", '{"{\\"a\\": 1}",NULL}', '[{"a": 1},null]'),
        ("timestamp with time zone[]", '{"2026-01-31 09:30:00+01"}', '["2026-01-31T09:30:00+01:00"]'),
        ("box[]", "{(1,1),(0,0);(3,3),(2,2)}", '"{(1,1),(0,0);(3,3),(2,2)}"'),
    ],
)
def test_a_cell_is_written_by_its_type(type_name: str, cell: str, expected: str | None) -> None:
    text = writer(type_name)(cell)

    if expected is None:
        assert json.loads(text) == ["plain", "a,b", 'say "x"', "back\\slash", "NULL", None, "", "{x}"]
    else:
        assert text == expected
        json.loads(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**18), max_value=10**18))
def test_a_decimal_comes_back_as_the_same_decimal(value: Decimal) -> None:
    read = json.loads(writer("numeric")(f"{value:f}"))

    # As a consumer would: a number becomes a double, and its shortest form must be the value.
    assert Decimal(read if isinstance(read, str) else repr(read)) == value


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4))
def test_a_list_of_texts_comes_back(values: list[str | None]) -> None:
    def element(value: str | None) -> str:
        return "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    literal = "{" + ",".join(element(value) for value in values) + "}"

    assert json.loads(writer("text[]")(literal)) == values


def test_names_that_come_again_are_numbered_past_those_there_are() -> None:
    names = ["a", "a", "a_2", "?column?", "?column?", "a"]

    assert keys([column(name, index, "text") for index, name in enumerate(names)]) == [
        "a",
        "a_3",
        "a_2",
        "?column?",
        "?column?_2",
        "a_4",
    ]


def test_no_room_is_store_full(tmp_path: Path, out: Path) -> None:
    (out / "sales.json").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.json"):
        rendered(out, Table("t", "T", (column("n", 0, "integer"),), rows(tmp_path / "a.csv", "1\n")))
