"""Placeholders replaced for the server, and the server's positions brought back to the file."""

from __future__ import annotations

import pytest

from reportd.report.binding import Bound, inlined, prepared

TYPES = {"period": "daterange", "ids": "bigint[]", "x": None}


def test_prepare_gets_numbered_parameters_with_their_types() -> None:
    bound = prepared("select :x where d <@ :period and id = any(:ids) and e <@ :'period'", TYPES)
    assert bound.text == "select $1 where d <@ ($2::daterange) and id = any(($3::bigint[])) and e <@ ($2::daterange)"
    assert bound.names == ("x", "period", "ids")


def test_a_parameter_of_an_unknown_type_stays_bare() -> None:
    assert prepared("select :other", {}).text == "select $1"


def test_what_only_looks_like_a_placeholder_stays() -> None:
    sql = "select ':x $1', $$:x$$, \":x\", a::int, b[1:2] -- :x\n/* :x */"
    assert prepared(sql, TYPES) == Bound(sql, (), sql, ((0, len(sql), 0),))


def test_copy_gets_literals_and_a_last_line_break() -> None:
    bound = inlined("select :x -- to the end", {"x": "'it''s'::text"})
    assert bound.text == "select ('it''s'::text) -- to the end\n"
    assert bound.names == ()


def test_a_literal_is_never_read_again() -> None:
    bound = inlined("select :x, :y", {"x": "':y'::text", "y": "E'\\\\'::text"})
    assert bound.text == "select (':y'::text), (E'\\\\'::text)\n"


def test_a_placeholder_without_a_literal_is_an_error() -> None:
    with pytest.raises(KeyError):
        inlined("select :x", {})


def located(bound: Bound, piece: str, **at: int) -> tuple[int, int]:
    return bound.locate(bound.text.index(piece) + 1, **at)


@pytest.mark.parametrize("bound", [prepared("select :x,\n  :period, oops\n;", TYPES)])
def test_a_position_is_brought_back_to_the_file(bound: Bound) -> None:
    assert located(bound, "select") == (1, 1)
    assert located(bound, "$1") == (1, 8)
    assert located(bound, ",") == (1, 10)
    assert located(bound, "$2") == (2, 3)
    assert located(bound, "daterange") == (2, 3)
    assert located(bound, "oops") == (2, 12)


def test_a_position_counts_from_the_blocks_own_place() -> None:
    bound = prepared("select :period, oops,\nagain", TYPES)
    assert located(bound, "oops", line=10, column=5) == (10, 21)
    assert located(bound, "again", line=10, column=5) == (11, 1)


def test_a_position_outside_the_text_is_its_nearest_end() -> None:
    bound = inlined("select :x", {"x": "1"})
    assert bound.locate(0) == (1, 1)
    assert bound.locate(10_000) == (1, 10)


def test_a_literal_of_many_lines_moves_nothing() -> None:
    bound = inlined("select :x,\noops", {"x": "'a\nb\nc'::text"})
    assert located(bound, "oops") == (2, 1)


def test_characters_past_ascii_count_as_one() -> None:
    bound = prepared("select 'äöü€😀', :period, oops", TYPES)
    assert located(bound, "oops") == (1, 26)
