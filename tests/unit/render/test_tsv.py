"""The format `tsv`: the escapes of COPY's text form."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd.errors import StoreFull
from reportd.render.task import RenderSettings
from reportd.render.tsv import TSV
from tests.spooled import Given, document


def test_nothing_is_quoted_and_what_parts_fields_and_records_is_escaped(tmp_path: Path) -> None:
    columns = {"id": "integer", "a\tb": "text", "note": "text"}
    rows = [(1, 'plain, "quoted"', None), (2, "", "tab\tline\nreturn\r\\N"), (3, "x", "\x1f\u2028")]

    [file] = TSV().render(document(tmp_path / "s", Given("table", columns, rows)), out=tmp_path, settings=SETTINGS)

    assert Path(file.path).read_bytes().decode() == (
        'id\ta\\tb\tnote\n1\tplain, "quoted"\t\\N\n2\t\ttab\\tline\\nreturn\\r\\\\N\n3\tx\t\x1f\u2028\n'
    )
    assert (file.format, file.name, file.rows) == ("tsv", "sales.tsv", 3)
    assert file.content_type.startswith("text/tab-separated-values")


def test_each_table_and_data_block_has_its_own_file(tmp_path: Path) -> None:
    blocks = [Given(kind, {"a": "text"}, [("x",)], name=name) for kind, name in (("table", "one"), ("data", "two"))]  # type: ignore[arg-type]

    files = TSV().render(document(tmp_path / "s", *blocks), out=tmp_path, settings=SETTINGS)

    assert [file.name for file in files] == ["sales-one.tsv", "sales-two.tsv"]


def test_an_empty_table_is_a_header(tmp_path: Path) -> None:
    [file] = TSV().render(document(tmp_path / "s", Given("table", {"a": "text"}, [])), out=tmp_path, settings=SETTINGS)

    assert (Path(file.path).read_text(), file.rows) == ("a\n", 0)


def test_no_room_is_store_full(tmp_path: Path) -> None:
    (tmp_path / "sales.tsv").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.tsv"):
        TSV().render(document(tmp_path / "s", Given("table", {"a": "text"}, [("x",)])), out=tmp_path, settings=SETTINGS)


SETTINGS = RenderSettings()
