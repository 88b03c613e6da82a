"""The zip file: pieces joined as if they had been deflated in one go."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd.errors import LimitExceeded
from reportd.render.xlsx import package
from reportd.render.xlsx.package import PackageWriter, Piece, PieceWriter


def packed(path: Path, head: bytes, rows: list[str], tail: bytes) -> Path:
    piece = PieceWriter(path / "piece")
    for row in rows:
        piece.write(row)
    with (path / "file.zip").open("wb") as file:
        made = PackageWriter(file)
        made.add("first.xml", b"<first/>")
        made.splice("sheet-ä.xml", head, piece.close(), tail)
        made.close()
    return path / "file.zip"


@given(st.binary(max_size=50), st.lists(st.text(max_size=500), max_size=20), st.binary(max_size=50))
def test_a_spliced_part_is_its_head_its_piece_and_its_tail(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rows: list[str], tail: bytes
) -> None:
    path = packed(tmp_path_factory.mktemp("zip"), head, [row.encode(errors="replace").decode() for row in rows], tail)
    with ZipFile(path) as read:
        assert read.testzip() is None
        assert read.read("first.xml") == b"<first/>"
        content = "".join(row.encode(errors="replace").decode() for row in rows).encode()
        assert read.read("sheet-ä.xml") == head + content + tail


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    assert packed(first, b"a", ["b" * 9999], b"c").read_bytes() == packed(second, b"a", ["b" * 9999], b"c").read_bytes()


def test_a_part_past_4_gib_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with (tmp_path / "file.zip").open("wb") as file, pytest.raises(LimitExceeded, match="4 GiB"):
        PackageWriter(file).splice("sheet.xml", b"", Piece(tmp_path / "none", 10, 1 << 32, 0), b"")


def test_a_file_past_4_gib_is_refused_before_the_part_that_would_make_it_so(tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    with path.open("wb") as file:
        made = PackageWriter(file)
        made._position = (1 << 32) - (1 << 20) - 50
        with pytest.raises(LimitExceeded, match="4 GiB"):
            made.add("sheet.xml", bytes(100_000))
    assert not path.stat().st_size


def test_rows_past_4_gib_are_refused_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_PART_MAX", 10_000)
    piece = PieceWriter(tmp_path / "piece")
    piece.write("x" * 9_999)
    with pytest.raises(LimitExceeded, match=r"The workbook would pass 4 GiB, .*: ask for CSV, or for fewer rows"):
        piece.write("ab")
    piece.close()
