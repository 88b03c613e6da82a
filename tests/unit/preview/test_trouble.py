"""An error with the lines of the file that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportd.errors import ParamsError, QueryError, RenderError
from reportd.preview.trouble import trouble
from reportd.report.fault import fault


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "reports" / "sales.sql"
    path.parent.mkdir()
    path.write_text("".join(f"line {number}\n" for number in range(1, 21)))
    return path


def test_it_shows_the_lines_around_the_place(report: Path) -> None:
    error = QueryError("sales.sql:8:6: no such column", file="sales.sql", line=8, column=6, hint="perhaps amount")
    found = trouble(error, report)
    assert (found.message, found.file, found.line, found.column) == ("no such column", "sales.sql", 8, 6)
    assert [(line.number, line.text) for line in found.lines] == [(n, f"line {n}") for n in range(5, 11)]
    assert found.hint == "perhaps amount"
    assert str(found) == "sales.sql:8:6: no such column"


@pytest.mark.parametrize(("line", "numbers"), [(1, range(1, 4)), (21, range(18, 22))])
def test_at_an_end_of_the_file_there_are_fewer(report: Path, line: int, numbers: range) -> None:
    assert [each.number for each in trouble(fault(str(report), "wrong", line=line), report).lines] == list(numbers)


def test_a_file_of_a_directory_report_is_found_by_either_name(tmp_path: Path) -> None:
    report = tmp_path / "sales"
    report.mkdir()
    (report / "report.toml").write_text('titel = "x"\n')
    (report / "1-rows.sql").write_text("select nothing\n")
    front = trouble(fault(f"{report}/report.toml", "unknown key", line=1), report)
    query = trouble(QueryError("sales/1-rows.sql:1: no", file="sales/1-rows.sql", line=1), report)
    assert (front.file, front.message, front.lines[0].text) == ("sales/report.toml", "unknown key", 'titel = "x"')
    assert (query.file, query.message, query.lines[0].text) == ("sales/1-rows.sql", "no", "select nothing")


def test_other_files_are_not_shown(report: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    assert trouble(QueryError("x", file="../secret", line=1), report).lines == ()
    assert trouble(QueryError("x", file=str(tmp_path / "secret"), line=1), report).lines == ()


def test_what_has_no_place_has_no_lines(report: Path) -> None:
    assert trouble(RenderError("no font"), report).file is None
    assert trouble(ParamsError('parameter "x": is no date', param="x"), report).param == "x"
