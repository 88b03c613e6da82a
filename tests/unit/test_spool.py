"""The spool's reader against what COPY writes: cells exact, NULL told from the empty string, memory constant."""

from __future__ import annotations

import csv
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd import spool

# What COPY can write: any text but NUL; the characters that CSV gives a meaning come up far more often than by chance.
CELL = st.none() | st.text(st.sampled_from('a1",\n\r ;\t') | st.characters(codec="utf-8", exclude_characters="\0"))
ROWS = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8))


def as_copy_writes(rows: list[list[str | None]]) -> str:
    """COPY … (FORMAT csv)'s own rule: quoted where a comma, quote, line end or nothing at all would mislead."""

    def cell(value: str | None) -> str:
        if value is None:
            return ""
        bare = value and not any(sign in value for sign in ',"\n\r') and value != "\\."
        return value if bare else '"' + value.replace('"', '""') + '"'

    return "".join(",".join(cell(value) for value in row) + "\n" for row in rows)


def written(directory: Path, text: str) -> Path:
    path = directory / "rows.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@given(rows=ROWS)
def test_read_gives_back_what_copy_was_given(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | None]]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), as_copy_writes(rows))

    assert list(spool.read(path)) == rows


@given(rows=ROWS)
def test_read_agrees_with_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | None]]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), as_copy_writes(rows))
    with path.open(encoding="utf-8", newline="") as file:
        expected = [row or [""] for row in csv.reader(file)]

    assert [[cell or "" for cell in row] for row in spool.read(path)] == expected


@given(rows=ROWS)
def test_columns_are_the_rows_turned(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | None]]) -> None:
    path = written(tmp_path_factory.getbasetemp(), as_copy_writes(rows))

    batches = spool.read_columns(path)

    assert [list(row) for columns in batches for row in zip(*columns, strict=True)] == rows


def test_columns_come_in_batches_that_lose_nothing_at_their_seams(tmp_path: Path) -> None:
    rows = [[str(number), None if number % 3 else "two\nlines, quoted" * (number % 7)] for number in range(40_000)]
    path = written(tmp_path, as_copy_writes(rows))

    batches = list(spool.read_columns(path))

    assert len(batches) > 3
    assert [list(row) for columns in batches for row in zip(*columns, strict=True)] == rows


def test_columns_of_another_width_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 cells wide"):
        list(spool.read_columns(written(tmp_path, "a,b,c\na,b\n")))


def test_columns_of_a_file_with_nul_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NUL"):
        list(spool.read_columns(written(tmp_path, '"a",b\n\0,c\n')))


def test_null_is_told_from_the_empty_string(tmp_path: Path) -> None:
    path = written(tmp_path, ',a,\n"",a,""\n,"",\n')

    assert list(spool.read(path)) == [[None, "a", None], ["", "a", ""], [None, "", None]]


def test_one_column_of_nulls_keeps_its_rows(tmp_path: Path) -> None:
    path = written(tmp_path, '\n\n""\n')

    assert list(spool.read(path)) == [[None], [None], [""]]


def test_a_cell_keeps_unicode_line_separators(tmp_path: Path) -> None:
    path = written(tmp_path, "a\u2028b\x0bc\x85d,1\n")

    assert list(spool.read(path)) == [["a\u2028b\x0bc\x85d", "1"]]


@pytest.mark.parametrize("sign", ["x", '"', ",", "\n", '",\n'])
def test_a_huge_cell_is_read_exactly(tmp_path: Path, sign: str) -> None:
    huge = sign * 200_000
    path = written(tmp_path, as_copy_writes([["before", huge, None], ["after", "", "end"]]))

    assert list(spool.read(path)) == [["before", huge, None], ["after", "", "end"]]
    assert [list(row) for batch in spool.read_columns(path) for row in zip(*batch, strict=True)] == list(
        spool.read(path)
    )


def test_read_holds_one_row_in_memory(tmp_path: Path) -> None:
    path = written(tmp_path, as_copy_writes([["plain", 'quoted, "so"', None, "x" * 100]]) * 30_000)
    tracemalloc.start()
    try:
        count = sum(1 for _ in spool.read(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 30_000
    assert peak < 300_000


def test_head_reads_no_more_than_it_gives(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,1\nb,2\nc,"never closed\n')

    assert spool.head(path, 2) == [["a", "1"], ["b", "2"]]


def test_a_cut_file_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,1\nb,"cut here\n')

    for read in (spool.read, spool.read_columns):
        with pytest.raises(ValueError, match="ends inside a quoted cell"):
            list(read(path))


def test_a_manifest_gives_back_its_dataset(tmp_path: Path) -> None:
    dataset = spool.Dataset(
        directory=tmp_path,
        as_of=datetime(2026, 1, 31, 12, 30, 15, 123456, tzinfo=UTC),
        timezone="Europe/Vienna",
        report_sha256="ab" * 32,
        params={"period": ["2026-01-01", "2026-02-01"], "größe": None},
        blocks={
            "orders": spool.Spooled(
                name="orders",
                file="orders.csv",
                columns=(spool.SpoolColumn("day", "date"), spool.SpoolColumn("tags", "text[]")),
                rows=3,
                bytes=120,
                sha256="cd" * 32,
            )
        },
    )
    (tmp_path / spool.MANIFEST).write_text(dataset.manifest(), encoding="utf-8")

    assert spool.load(tmp_path) == dataset


def test_a_directory_without_a_manifest_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("1\n")

    with pytest.raises(FileNotFoundError):
        spool.load(tmp_path)
