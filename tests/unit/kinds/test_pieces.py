"""A spool cut by key: every row in exactly one piece, and no byte used that is not as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd import spool
from reportd.kinds import pieces
from reportd.kinds.pieces import Damaged, Uncuttable
from reportd.spool import MANIFEST, Dataset, read
from tests.spooled import Given, spooled

COLUMNS = {"customer": "text", "note": "text"}


def dataset(directory: Path, *blocks: Given) -> Dataset:
    _, made = spooled(directory, *blocks)
    (directory / MANIFEST).write_text(made.manifest(), encoding="utf-8")
    return made


@given(
    groups=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5),
        st.lists(
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=9),
            min_size=1,
            max_size=4,
        ),
        max_size=5,
    )
)
def test_every_row_is_in_the_piece_of_its_key_and_in_no_other(
    tmp_path_factory: pytest.TempPathFactory, groups: dict[str, list[str | None]]
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    rows = [[key, note] for key, notes in groups.items() for note in notes]
    made = dataset(directory, Given("table", COLUMNS, rows, name="orders"))
    found = pieces.cut(made, ["customer"])
    assert found == pieces.load(made)
    assert found.keys == [(key,) for key in groups]
    for key, notes in groups.items():
        own = directory / "own"
        piece = pieces.copy(made, found, (key,), names=["orders"], without=["customer"], to=own)
        assert piece == spool.load(own)
        assert list(read(piece.path("orders"))) == [[note] for note in notes]
        block = piece.blocks["orders"]
        assert (block.rows, [column.name for column in block.columns]) == (len(notes), ["note"])
        assert piece.as_of == made.as_of


def test_a_key_without_rows_in_a_block_has_an_empty_piece_there(tmp_path: Path) -> None:
    orders = Given("table", COLUMNS, [["a", "x"], ["b", "y"]], name="orders")
    made = dataset(tmp_path / "all", orders, Given("table", COLUMNS, [["b", "z"]], name="returns"))
    pieces.copy(
        made, pieces.cut(made, ["customer"]), ("a",), names=["orders", "returns"], without=[], to=tmp_path / "a"
    )
    assert spool.load(tmp_path / "a").blocks["returns"].rows == 0
    assert list(read(tmp_path / "a" / "orders.csv")) == [["a", "x"]]
    nobody = pieces.copy(made, pieces.load(made), None, names=["orders"], without=[], to=tmp_path / "nobody")
    assert nobody.blocks["orders"].rows == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["a", "x"], ["b", "y"], ["a", "z"]], "row 3 goes back to customer = a: sort by customer first"),
        ([["a", "x"], [None, "y"]], "row 2 has no customer: it is NULL"),
    ],
)
def test_what_cant_be_cut_is_told(tmp_path: Path, rows: list[list[str | None]], said: str) -> None:
    with pytest.raises(Uncuttable, match=said) as caught:
        pieces.cut(dataset(tmp_path, Given("table", COLUMNS, rows, name="orders")), ["customer"])
    assert caught.value.block == "orders"
    assert not (tmp_path / pieces.INDEX).exists()


def test_a_block_without_the_key_column_is_refused(tmp_path: Path) -> None:
    """Else everybody would get everybody's rows."""
    with pytest.raises(Uncuttable, match="it has no column client"):
        pieces.cut(dataset(tmp_path, Given("table", COLUMNS, [["a", "x"]], name="orders")), ["client"])


@pytest.mark.parametrize("damage", ["changed", "short", "no index", "other data"])
def test_nothing_of_a_damaged_spool_is_used(tmp_path: Path, damage: str) -> None:
    made = dataset(tmp_path / "all", Given("table", COLUMNS, [["a", "x"], ["b", "y,z"]], name="orders"))
    pieces.cut(made, ["customer"])
    file = made.path("orders")
    match damage:
        case "changed":
            file.write_bytes(file.read_bytes().replace(b"z", b"w"))
        case "short":
            file.write_bytes(file.read_bytes()[:-3])
        case "no index":
            (tmp_path / "all" / pieces.INDEX).unlink()
        case "other data":
            made = dataset(tmp_path / "all", Given("table", COLUMNS, [["a", "q"]], name="orders"))
    with pytest.raises(Damaged):
        pieces.copy(made, pieces.load(made), ("b",), names=["orders"], without=["customer"], to=tmp_path / "own")
    assert {path.name for path in tmp_path.iterdir()} == {"all"}
