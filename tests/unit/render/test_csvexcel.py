"""The format `csv-excel`: what a double click makes a table of, and no formula."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportd.errors import StoreFull
from reportd.render import csvexcel
from reportd.render.csvexcel import ExcelCSV
from reportd.render.task import RenderedFile, RenderSettings
from tests.spooled import Given, document

COLUMNS = {"who": "text", "amount": "numeric", "note": "text"}


def rendered(directory: Path, columns: Mapping[str, str], rows: Sequence[Sequence[object]], locale: str = "en") -> str:
    """The text of the file of one table."""
    made = document(directory / "spool", Given("table", columns, rows, name="orders"), locale=locale)
    [file] = ExcelCSV().render(made, out=directory, settings=RenderSettings())
    return Path(file.path).read_bytes().decode("utf-8")


def test_it_is_the_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    text = rendered(tmp_path, COLUMNS, [("Łódź, Ltd.", "-1234.50", None), ("", "0.1", 'say "x"')])

    assert text == '\ufeffwho,amount,note\n"Łódź, Ltd.",-1234.50,\n"",0.1,"say ""x"""\n'


def test_where_decimals_have_a_comma_cells_are_parted_by_semicolons(tmp_path: Path) -> None:
    text = rendered(tmp_path, COLUMNS, [("a;b", "-1234.50", "1.5"), (None, "NaN", "c,d")], locale="de-AT")

    assert text == '\ufeffwho;amount;note\n"a;b";-1234,50;1.5\n;NaN;c,d\n'


def test_a_point_in_a_locale_of_points_stays(tmp_path: Path) -> None:
    assert rendered(tmp_path, COLUMNS, [("a", "1.5", "b")], locale="de-CH").endswith("\na,1.5,b\n")


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+43 1 234",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "-a",
    ],
)
def test_a_text_that_would_be_computed_gets_an_apostrophe(tmp_path: Path, text: str, locale: str) -> None:
    # Each in the first column, in a later one, and alone with a sign that makes Postgres quote it.
    lines = rendered(tmp_path, COLUMNS, [(text, "1", "x"), ("x", "1", text), ("x", "1", f"{text},")], locale=locale)

    records = list(csv.reader(lines.removeprefix("\ufeff").splitlines(keepends=True), delimiter=";,"[locale == "en"]))
    assert [records[1][0], records[2][2], records[3][2]] == [f"'{text}", f"'{text}", f"'{text},"]


def test_numbers_dates_and_times_are_no_texts(tmp_path: Path) -> None:
    columns = {"n": "integer", "x": "double precision", "took": "interval", "paid": "money", "who": "text"}

    text = rendered(
        tmp_path, columns, [(-1, "-1.5e-07", "-1 days", "-$1.00", "=1"), (-2, "-Infinity", None, None, "b")]
    )

    assert text.splitlines()[1:] == ["-1,-1.5e-07,-1 days,-$1.00,'=1", "-2,-Infinity,,,b"]


def test_a_heading_is_guarded_too(tmp_path: Path) -> None:
    assert rendered(tmp_path, {"=1+1": "text"}, [("a",)]) == "\ufeff'=1+1\na\n"


def test_what_needs_no_guard_is_copied_and_all_else_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csvexcel, "_records", lambda *_, **__: [b"looked at\n"])

    def looked_at(columns: Mapping[str, str], row: Sequence[object]) -> bool:
        return rendered(tmp_path, columns, [("x",) * len(row), row]).endswith("looked at\n")

    assert not looked_at({"n": "integer", "x": "interval"}, ("-1", "-1 days"))
    assert not looked_at({"a": "text", "n": "numeric"}, ("a-b+c=d", "-1.50"))
    assert not looked_at({"a": "text", "n": "text"}, ("-1.50", 'a"=b, -c'))
    assert looked_at({"a": "text", "n": "numeric"}, ("a", "-Infinity"))
    assert looked_at({"a": "text", "n": "text"}, ("-1x", "b"))
    assert looked_at({"a": "text", "n": "text"}, ("a", '-"'))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.none() | st.text(st.sampled_from('=+-@\t\r\n,;"\x1f.0a＝é'), max_size=5)] * 2), max_size=5
    ),
    locale=st.sampled_from(["en", "de"]),
)
def test_every_text_comes_back_and_none_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None]], locale: str
) -> None:
    text = rendered(tmp_path_factory.mktemp("x"), {"a": "text", "b": "text"}, rows, locale)

    read = list(csv.reader(text.splitlines(keepends=True), delimiter=";,"[locale == "en"]))[1:]
    assert len(read) == len(rows)
    for found, row in zip(read, rows, strict=True):
        for cell, value in zip(found, row, strict=True):
            assert cell in ((value or ""), f"'{value}")
            plain = (value or "").removeprefix("-")
            assert not cell.startswith(csvexcel._LEADS) or (cell[0] == "-" and set(plain) <= set("0123456789."))


def test_files_are_told_apart_from_those_of_csv(tmp_path: Path) -> None:
    tables = [Given("table", {"a": "text"}, [("x",)], name=name) for name in ("one", "two")]

    files = ExcelCSV().render(document(tmp_path / "s", *tables), out=tmp_path, settings=RenderSettings())

    assert [file.name for file in files] == ["sales-one.excel.csv", "sales-two.excel.csv"]
    expected = RenderedFile(
        "csv-excel", "sales-one.excel.csv", str(tmp_path / files[0].name), "text/csv; charset=utf-8; header=present", 1
    )
    assert files[0] == expected


def test_no_room_is_store_full(tmp_path: Path) -> None:
    (tmp_path / "sales.excel.csv").symlink_to("/dev/full")

    with pytest.raises(StoreFull, match=r"writing sales\.excel\.csv"):
        rendered(tmp_path, {"a": "text"}, [("x",)])
