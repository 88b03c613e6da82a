"""Counting rows while they stream: exact, wherever the network cuts the chunks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd import spool
from reportd.fetch.copy import RecordCount

CELL = st.none() | st.text(st.sampled_from('a",\n\ré'), max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=10)


def as_copy_writes(rows: list[list[str | None]]) -> bytes:
    quoted = [["" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    return "".join(",".join(row) + "\n" for row in quoted).encode()


@given(rows=ROWS, cuts=st.lists(st.integers(0, 80), max_size=6))
def test_the_count_does_not_depend_on_where_chunks_are_cut(rows: list[list[str | None]], cuts: list[int]) -> None:
    content = as_copy_writes(rows)
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    count = RecordCount()

    for start, end in pairwise(edges):
        count.add(content[start:end])

    assert count.count == len(rows)


@given(rows=ROWS)
def test_the_count_is_what_a_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str | None]]
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes(as_copy_writes(rows))

    assert RecordCount.of(path).count == len(list(spool.read(path)))
