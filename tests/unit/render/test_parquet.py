"""The format `parquet`: real types, exact values, and a clear word where pyarrow is not installed."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from reportd.errors import ExtraMissing, StoreFull
from reportd.render import arrow, leaves
from reportd.render.parquet import Parquet
from reportd.render.task import RenderSettings
from tests.spooled import Given, document

SETTINGS = RenderSettings()
VIENNA = ZoneInfo("Europe/Vienna")
LOCAL, ZONED = "timestamp without time zone", "timestamp with time zone"
INSTANT = "timestamp[us, tz=Europe/Vienna]"


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=VIENNA)  # type: ignore[arg-type, misc]


def rendered(directory: Path, columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> Any:
    """The table that pyarrow reads from the file of one table."""
    made = document(directory / "spool", Given("table", columns, rows, name="orders"))
    [file] = Parquet().render(made, out=directory, settings=SETTINGS)
    assert (file.format, file.name, file.rows) == ("parquet", "sales.parquet", len(rows))
    return parquet.read_table(file.path)


# Type in Postgres, its texts, type in the file, values.
CASES: list[tuple[str, list[str | None], str, list[Any]]] = [
    ("smallint", ["-32768", None], "int16", [-32768, None]),
    ("integer", ["2147483647"], "int32", [2147483647]),
    ("bigint", ["9223372036854775807"], "int64", [9223372036854775807]),
    ("oid", ["4294967295"], "uint32", [4294967295]),
    ("real", ["1.5", "NaN"], "float", [1.5, pytest.approx(float("nan"), nan_ok=True)]),
    ("double precision", ["0.1", "-Infinity", "1.5e-07"], "double", [0.1, float("-inf"), 1.5e-07]),
    ("numeric", ["1.5", "-10.255", None], "decimal128(18, 3)", [Decimal("1.500"), Decimal("-10.255"), None]),
    ("numeric", ["-" + "9" * 38], "decimal128(38, 0)", [Decimal("-" + "9" * 38)]),
    ("numeric", ["0." + "1" * 38], "string", ["0." + "1" * 38]),
    ("numeric", ["1", "NaN"], "string", ["1", "NaN"]),
    ("numeric", ["Infinity"], "string", ["Infinity"]),
    ("boolean", ["t", "f", None], "bool", [True, False, None]),
    ("date", ["2026-10-31", "0001-01-01"], "date32[day]", [dt.date(2026, 10, 31), dt.date(1, 1, 1)]),
    ("date", ["2026-10-31", "infinity"], "string", ["2026-10-31", "infinity"]),
    ("date", ["0044-03-15 BC"], "string", ["0044-03-15 BC"]),
    ("time without time zone", ["08:15:00", "23:59:59.5"], "time64[us]", [dt.time(8, 15), dt.time(23, 59, 59, 500000)]),
    ("time without time zone", ["24:00:00"], "string", ["24:00:00"]),
    ("time with time zone", ["08:15:00+02"], "string", ["08:15:00+02"]),
    (LOCAL, ["2026-10-31 12:34:56.000001"], "timestamp[us]", [dt.datetime(2026, 10, 31, 12, 34, 56, 1)]),
    (LOCAL, ["12026-10-31 12:34:56"], "string", ["12026-10-31 12:34:56"]),
    (ZONED, ["2026-10-31 12:34:56+01"], INSTANT, [at(2026, 10, 31, 12, 34, 56)]),
    (ZONED, ["1890-01-01 00:00:00+01:05:21", None], INSTANT, [at(1890, 1, 1), None]),
    (ZONED, ["-infinity"], "string", ["-infinity"]),
    ("bytea", [r"\x00ff", r"\x"], "binary", [b"\x00\xff", b""]),
    ("text", ["", None, "é😀\n"], "string", ["", None, "é😀\n"]),
    ("uuid", ["0a1b2c3d-0000-4000-8000-000000000000"], "string", ["0a1b2c3d-0000-4000-8000-000000000000"]),
    ("integer[]", ["{1,NULL}"], "string", ["{1,NULL}"]),
]  # fmt: skip


@pytest.mark.parametrize(("type", "texts", "stored", "values"), CASES, ids=lambda value: str(value)[:30])
def test_a_column_has_the_type_that_holds_all_its_values(
    tmp_path: Path, type: str, texts: list[str | None], stored: str, values: list[Any]
) -> None:
    made = rendered(tmp_path, {"it": type, "n": "integer"}, [(text, 1) for text in texts])

    assert str(made.schema.field("it").type) == stored
    assert made.column("it").to_pylist() == values
    assert made.schema.field("it").metadata[b"postgres"] == type.encode()


def test_rows_are_written_in_groups_and_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "_GROUP_BYTES", 200_000)

    made = rendered(tmp_path, {"n": "integer", "text": "text"}, [(n, f"text {n}") for n in range(50_000)])

    assert made.column("n").to_pylist() == list(range(50_000))
    assert parquet.read_metadata(tmp_path / "sales.parquet").num_row_groups > 2


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    made = rendered(tmp_path, {"n": "numeric", "day": "date"}, [])

    assert (made.num_rows, made.schema.names) == (0, ["n", "day"])
    assert [str(field.type) for field in made.schema] == ["decimal128(18, 0)", "date32[day]"]


def test_the_file_says_where_its_rows_come_from(tmp_path: Path) -> None:
    said = {
        key.decode(): value.decode()
        for key, value in rendered(tmp_path, {"n": "integer"}, [(1,)]).schema.metadata.items()
    }

    assert (said["reportd.report"], said["reportd.title"]) == ("sales", "Sales by region")
    assert len(said["reportd.data_sha256"]) == 64
    assert json.loads(said["reportd.params"]) == {}


def test_each_table_and_data_block_has_its_own_file(tmp_path: Path) -> None:
    blocks = [Given("table", {"a": "text"}, [("x",)], name="one"), Given("data", {"b": "text"}, [("y",)], name="two")]

    files = Parquet().render(document(tmp_path / "s", *blocks), out=tmp_path, settings=SETTINGS)

    assert [file.name for file in files] == ["sales-one.parquet", "sales-two.parquet"]


def test_no_room_is_store_full(tmp_path: Path) -> None:
    (tmp_path / "sales.parquet").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.parquet"):
        rendered(tmp_path, {"a": "text"}, [("x",)])


def test_without_pyarrow_the_format_names_its_extra_and_the_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportd.render.parquet.find_spec", lambda _: None)

    found = leaves.load({"parquet": "reportd.render.parquet:Parquet", "csv": "reportd.render.csv:CSV"})

    assert list(found.renderers) == ["csv"]
    with pytest.raises(ExtraMissing, match=r"pip install 'reportd\[parquet\]'"):
        found.renderer("parquet")


def test_pyarrow_is_loaded_by_whoever_makes_a_file_alone() -> None:
    code = (
        "import sys; from reportd.render import leaves;"
        "leaves.load({'parquet': 'reportd.render.parquet:Parquet'}).renderer('parquet');"
        "print('pyarrow' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert said.stdout == "False\n"
