"""Pies: when a pie is drawn, what it says, and what stands in its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from reportd.errors import ReportError
from reportd.render.svg import draw
from reportd.report.document import Chart, Text
from tests.spooled import Given, document

COLUMNS = {"region": "text", "amount": "numeric"}


def chart(directory: Path, rows: list[list[Any]], **fields: Any) -> Chart:
    made = document(directory, Given("pie", COLUMNS, rows, title="Shares", **fields)).sections[0]
    assert isinstance(made, Chart)
    return made


def svg(given: Chart) -> str:
    return draw(given, title="Shares", width=500, height=165, locale="en").svg


def test_a_pie_has_a_slice_for_each_part_and_says_name_value_and_share(tmp_path: Path) -> None:
    drawn = svg(chart(tmp_path, [["North", "3.50"], ["South & East", "1.50"], ["West", "0"]]))
    assert drawn.count('class="slice"') == 2, "nothing is no slice"
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert [texts.count(text) for text in ("North", "South &amp; East", "West", "3.50", "1.50", "0.00")] == [1] * 6
    assert (texts.count("70%"), texts.count("30%"), texts.count("0%")) == (2, 2, 1), "at the rim and in the key"
    assert "<title>Shares: North 3.50, South &amp; East 1.50, West 0.00</title>" in drawn


def test_the_only_part_is_a_whole_circle(tmp_path: Path) -> None:
    assert '<circle class="slice"' in svg(chart(tmp_path, [["All", "3"], ["None", None]]))


def test_parts_of_nothing_are_not_drawn(tmp_path: Path) -> None:
    assert "No values to draw" in svg(chart(tmp_path, [["North", "0"], ["South", None]]))


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([[f"R{n}", "1"] for n in range(7)], "7 parts are too many for a pie: they are drawn as bars."),
        ([["North", "3"], ["South", "-1"]], "A pie shows no values below zero: they are drawn as bars."),
    ],
)
def test_what_no_pie_can_show_is_drawn_as_bars_with_a_note(tmp_path: Path, rows: list[list[Any]], note: str) -> None:
    made = chart(tmp_path, rows)
    assert (made.kind, made.note) == ("bar", note)
    drawing = draw(made, title="Shares", width=500, height=165, locale="en")
    assert drawing.note == note
    assert drawing.svg.count('class="bar"') == len(rows)


def test_a_pie_of_two_measures_is_refused_naming_them(tmp_path: Path) -> None:
    two = Given("pie", {"region": "text", "amount": "numeric", "cost": "numeric"}, [["North", "1", "2"]])
    with pytest.raises(ReportError, match=r"one measure.*amount, cost"):
        document(tmp_path, two)


def test_a_text_is_one_column_of_paragraphs(tmp_path: Path) -> None:
    rows: list[list[object]] = [["First\nline.\n\n Second. "], [None], ["\n \n"], ["Third."]]
    [made] = document(tmp_path, Given("text", {"words": "text"}, rows, title="In short")).sections
    assert isinstance(made, Text)
    assert made.paragraphs == ("First\nline.", "Second.", "Third.")


@pytest.mark.parametrize(
    ("columns", "rows", "message"),
    [
        ({"a": "text", "b": "text"}, [["1", "2"]], "has one column"),
        ({"a": "text"}, [["1"]] * 501, "has 501 rows; a @text takes 500 at most"),
    ],
)
def test_a_text_that_is_a_table_is_refused(
    tmp_path: Path, columns: dict[str, str], rows: list[list[str]], message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        document(tmp_path, Given("text", columns, rows))
