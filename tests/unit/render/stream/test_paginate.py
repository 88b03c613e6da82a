"""Which lines make a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from reportd.render.lines import Line, LineKind
from reportd.render.stream.paginate import paginate
from reportd.render.stream.setting import SetLine, Setting


class _Even:
    """Sets every line 10 px high."""

    def set(self, line: Line) -> SetLine:
        return SetLine(line, 10.0 * len(line.cells), len(line.cells), [])


def _line(kind: LineKind, text: str = "x", *, keep: bool = False, high: int = 1) -> Line:
    return Line(kind, (text, *[""] * (high - 1)), keep=keep)


def _pages(lines: Iterable[Line], *, skip: int = 0, room: float = 30.0) -> list[tuple[list[str], str | None]]:
    setting = cast(Setting, cast(Any, _Even()))
    sheets = paginate(iter(list(lines)), setting, skip=skip, top=5.0, bottom=5.0 + room)
    return [([line.line.cells[0] for _, line in sheet.lines], sheet.running) for sheet in sheets]


def test_a_page_takes_what_fits() -> None:
    rows = [_line("row", str(number)) for number in range(7)]
    assert [page for page, _ in _pages(rows)] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_lines_that_stand_on_the_first_page_are_not_written_again() -> None:
    rows = [_line("row", str(number)) for number in range(5)]
    assert [page for page, _ in _pages(rows, skip=3)] == [["3", "4"]]


def test_rows_of_several_lines_take_their_room() -> None:
    rows = [_line("row", "a", high=2), _line("row", "b", high=2), _line("row", "c")]
    assert [page for page, _ in _pages(rows)] == [["a"], ["b", "c"]]


def test_what_must_stand_with_the_next_line_goes_along() -> None:
    lines = [_line("row", "a"), _line("row", "b"), _line("row", "c", keep=True), _line("total", "sum")]
    assert [page for page, _ in _pages(lines)] == [["a", "b"], ["c", "sum"]]


def test_a_header_never_ends_a_page() -> None:
    lines = [_line("row", "a"), _line("row", "b"), _line("group", "G"), _line("row", "c")]
    assert [page for page, _ in _pages(lines)] == [["a", "b"], ["G", "c"]]


def test_a_page_that_begins_within_a_group_names_it() -> None:
    lines = [_line("group", "G"), *(_line("row", str(number)) for number in range(4)), _line("group", "H")]
    lines += [_line("row", str(number)) for number in range(4, 7)]
    assert [running for _, running in _pages(lines)] == [None, "G", None, "H"]


def test_lines_held_together_that_no_page_can_take_are_broken_all_the_same() -> None:
    lines = [_line("row", str(number), keep=True) for number in range(4)] + [_line("total", "sum")]
    assert [len(page) for page, _ in _pages(lines)] == [3, 2]
