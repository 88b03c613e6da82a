"""Names that Excel takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportd.render.xlsx.names import Names, clip, structured, unique_headers, units

FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


@given(st.lists(st.text(), max_size=8))
def test_sheet_names_are_legal_and_differ_whatever_their_case(titles: list[str]) -> None:
    names = Names()
    made = [names.sheet(title) for title in titles]
    assert len({name.casefold() for name in made}) == len(made)
    for name in made:
        assert 1 <= units(name) <= 31
        assert not FORBIDDEN.search(name)
        assert name == name.strip("' ")
        assert name.casefold() != "history"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Orders", "Orders"),
        ("Orders: 1/2 [all]", "Orders 1 2 all"),
        ("'quoted'", "quoted"),
        ("History", "History 2"),
        ("", "Data"),
        ("x" * 40, "x" * 31),
        ("😀" * 20, "😀" * 15),
    ],
)
def test_a_sheet_is_called_after_its_title_as_far_as_excel_allows(title: str, name: str) -> None:
    assert Names().sheet(title) == name


def test_a_continuation_is_numbered_within_the_length_that_excel_allows() -> None:
    names = Names()
    assert names.sheet("Orders") == "Orders"
    assert names.sheet("Orders", part=2) == "Orders (2)"
    assert names.sheet("y" * 40, part=12) == "y" * 26 + " (12)"


@pytest.mark.parametrize("title", ["A1", "R1C1", "c", "2026", "Print_Area", "XFD1048576", "r2"])
def test_a_table_is_never_called_like_a_cell(title: str) -> None:
    assert Names().table(title) == f"T_{title}"


def test_tables_of_one_title_get_different_names() -> None:
    names = Names()
    assert [names.table("Orders 2026"), names.table("orders-2026")] == ["Orders_2026", "orders_2026_2"]


def test_headers_are_never_empty_nor_there_twice() -> None:
    assert unique_headers(["Amount", "amount", "", " two\nlines ", "x" * 300, "_x0041_"]) == [
        "Amount",
        "amount 2",
        "Column 3",
        "two lines",
        "x" * 255,
        "-x0041_",
    ]


def test_a_formula_escapes_what_its_grammar_uses() -> None:
    assert structured("Orders", "Net [EUR] #1 'x'") == "Orders[Net '[EUR'] '#1 ''x'']"


@given(st.text(), st.integers(0, 40))
def test_clip_keeps_the_longest_start_that_fits(text: str, room: int) -> None:
    start = clip(text, room)
    assert text.startswith(start)
    assert units(start) <= room
    assert start == text or units(text[: len(start) + 1]) > room
