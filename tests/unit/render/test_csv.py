"""The CSV renderer: the spool's bytes under the names that the SQL gave."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reportd.errors import ReportdError, StoreFull
from reportd.render.csv import CSV
from reportd.render.task import RenderSettings
from reportd.report.document import Column, Data, Document, Format, Kpis, Provenance, Rows, Section, Table

SETTINGS = RenderSettings()
SPOOL = b'1,"Smith, ""Bob""",\n2,"",x\n'


def column(name: str, index: int = 0, type: str = "text") -> Column:
    return Column(name, name.title(), index, type, Format("text"), "left", 10)


def table(path: Path, name: str = "orders", names: Sequence[str] = ("id", "who", "note")) -> Table:
    path.write_bytes(SPOOL)
    columns = tuple(column(name, index) for index, name in enumerate(names))
    return Table(name, "Orders", columns, Rows(str(path), 2, len(SPOOL), "00"))


def document(*sections: Section) -> Document:
    provenance = Provenance("sales", "aa", "bb", {}, "0")
    return Document("Sales", datetime(2026, 1, 1, tzinfo=UTC), "UTC", "en", sections, provenance)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    directory = tmp_path / "out"
    directory.mkdir()
    return directory


def test_a_file_is_the_header_and_the_spool_as_it_is(tmp_path: Path, out: Path) -> None:
    [file] = CSV().render(document(table(tmp_path / "rows.csv")), out=out, settings=SETTINGS)

    assert Path(file.path).read_bytes() == b"id,who,note\n" + SPOOL
    assert (file.format, file.name, file.rows, file.pages) == ("csv", "sales.csv", 2, None)
    assert Path(file.path) == out / "sales.csv"
    assert file.content_type.startswith("text/csv")


def test_each_table_and_data_block_has_its_own_file(tmp_path: Path, out: Path) -> None:
    orders = table(tmp_path / "a.csv")
    raw = Data("raw", "Raw", orders.columns, orders.rows)
    tile = Kpis("kpi", "Kpis", (), orders.columns, orders.rows)

    files = CSV().render(document(tile, raw, orders), out=out, settings=SETTINGS)

    assert [file.name for file in files] == ["sales-orders.csv", "sales-raw.csv"]
    assert sorted(path.name for path in out.iterdir()) == ["sales-orders.csv", "sales-raw.csv"]


def test_a_report_without_tables_gives_what_its_tiles_show(tmp_path: Path, out: Path) -> None:
    orders = table(tmp_path / "a.csv")

    [file] = CSV().render(document(Kpis("kpi", "", (), orders.columns, orders.rows)), out=out, settings=SETTINGS)

    assert Path(file.path).read_bytes() == b"id,who,note\n" + SPOOL


def test_names_are_quoted_where_they_must_be(tmp_path: Path, out: Path) -> None:
    names = ["a,b", 'say "x"', "two\nlines"]

    [file] = CSV().render(document(table(tmp_path / "a.csv", names=names)), out=out, settings=SETTINGS)

    with Path(file.path).open(encoding="utf-8", newline="") as lines:
        assert next(csv.reader(lines)) == names


def test_an_empty_table_is_a_header(tmp_path: Path, out: Path) -> None:
    empty = replace(table(tmp_path / "a.csv"), rows=Rows(str(tmp_path / "empty.csv"), 0, 0, "00"))
    (tmp_path / "empty.csv").touch()

    [file] = CSV().render(document(empty), out=out, settings=SETTINGS)

    assert Path(file.path).read_text() == "id,who,note\n"
    assert file.rows == 0


def test_a_missing_spool_says_what_was_being_written(tmp_path: Path, out: Path) -> None:
    lost = table(tmp_path / "a.csv")
    (tmp_path / "a.csv").unlink()

    with pytest.raises(ReportdError, match=r"writing sales\.csv"):
        CSV().render(document(lost), out=out, settings=SETTINGS)


def test_no_room_is_store_full(tmp_path: Path, out: Path) -> None:
    (out / "sales.csv").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.csv"):
        CSV().render(document(table(tmp_path / "a.csv")), out=out, settings=SETTINGS)
