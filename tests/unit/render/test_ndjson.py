"""The format `ndjson`: one object per line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportd.errors import StoreFull
from reportd.render.ndjson import NDJSON
from reportd.render.task import RenderSettings
from tests.spooled import Given, document

SETTINGS = RenderSettings()


def test_each_row_is_an_object_on_a_line_of_its_own(tmp_path: Path) -> None:
    columns = {"id": "bigint", "amount": "numeric", "paid": "boolean", "body": "json", "who": "text"}
    rows = [(1, "1.50", True, '{"a":\n [1,\r\n 2]}', "two\nlines"), ("9007199254740993", None, None, None, "")]

    [file] = NDJSON().render(document(tmp_path / "s", Given("table", columns, rows)), out=tmp_path, settings=SETTINGS)

    lines = Path(file.path).read_bytes().decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == [
        {"id": 1, "amount": 1.5, "paid": True, "body": {"a": [1, 2]}, "who": "two\nlines"},
        {"id": "9007199254740993", "amount": None, "paid": None, "body": None, "who": ""},
    ]
    assert lines[-1] == ""
    assert (file.format, file.name, file.content_type, file.rows) == (
        "ndjson",
        "sales.ndjson",
        "application/x-ndjson",
        2,
    )


def test_more_rows_than_are_written_at_once_are_all_there(tmp_path: Path) -> None:
    rows = [(number,) for number in range(1201)]

    [file] = NDJSON().render(
        document(tmp_path / "s", Given("table", {"n": "integer"}, rows)), out=tmp_path, settings=SETTINGS
    )

    assert [json.loads(line)["n"] for line in Path(file.path).read_text().splitlines()] == list(range(1201))


def test_an_empty_table_is_an_empty_file(tmp_path: Path) -> None:
    [file] = NDJSON().render(
        document(tmp_path / "s", Given("table", {"a": "text"}, [])), out=tmp_path, settings=SETTINGS
    )

    assert (Path(file.path).read_bytes(), file.rows) == (b"", 0)


def test_no_room_is_store_full(tmp_path: Path) -> None:
    (tmp_path / "sales.ndjson").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.ndjson"):
        NDJSON().render(
            document(tmp_path / "s", Given("table", {"a": "text"}, [("x",)])), out=tmp_path, settings=SETTINGS
        )
