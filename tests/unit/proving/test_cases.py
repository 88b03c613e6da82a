"""Files of tests as authors write them, and what they are told about a wrong one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reportd.errors import ReportError
from reportd.proving import cases
from reportd.proving.expect import lines_apart, same
from reportd.report import sqlfile
from reportd.report.definition import ReportSource

REPORT = sqlfile.parse(
    ReportSource("sales", {"sales.sql": "-- @table orders\nselect 1 as n;\n-- @kpi total\nselect 2 as n"}, "sales.sql")
)


def read(tmp_path: Path, text: str) -> list[cases.Case]:
    path = tmp_path / "sales.test.toml"
    path.write_text(text, encoding="utf-8")
    return cases.read(path, REPORT)


def test_what_tests_share_stands_above_them_and_their_own_is_added(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (n int);")
    first, second = read(
        tmp_path,
        """
now = 2026-10-05T09:00:00Z
fixture = { files = ["schema.sql"], rows.t = [{ n = 1 }] }
[test.first]
params = { share = 0.50, since = 2026-01-01 }
expect.rows = { orders = 2 }
[test.second]
now = 2027-01-01T00:00:00+01:00
fixture.rows.t = [{ n = 2 }]
fixture.sql = "select 1"
""",
    )
    assert (first.id, first.now) == ("sales/first", datetime(2026, 10, 5, 9, tzinfo=UTC))
    assert first.params == {"share": "0.50", "since": "2026-01-01"}, "a decimal keeps its decimals"
    assert [row["n"] for row in first.fixture.rows["t"]] == [1]
    assert second.now.isoformat() == "2027-01-01T00:00:00+01:00"
    assert [row["n"] for row in second.fixture.rows["t"]] == [1, 2]
    assert [script for _, script in second.fixture.scripts] == ["create table t (n int);", "select 1"]
    assert first.directory == tmp_path / "sales.golden" / "first"


def test_each_expectation_knows_its_line(tmp_path: Path) -> None:
    (case,) = read(
        tmp_path,
        """now = 2026-10-05T09:00:00Z
[test.one.expect]
rows = { orders = 2 }
kpis.total.n = 2
totals.orders = { n = 1 }
cells.orders = [
  { row = 1, n = 1 },
  { row = 2, n = 2 },
]
""",
    )
    assert [(each.what, each.line) for each in case.expected] == [
        ("rows.orders", 3),
        ("kpis.total.n", 4),
        ("totals.orders.n", 5),
        ("cells.orders, row 1, n", 7),
        ("cells.orders, row 2, n", 8),
    ]


HEAD = "now = 2026-10-05T09:00:00Z\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "sales.test.toml:1: has no test: begin one with [test.NAME]"),
        ("[test.one]\n", "sales.test.toml:1: now is missing"),
        ("now = 2026-10-05\n[test.one]\n", "sales.test.toml:1: now: '2026-10-05' is not a time such as"),
        (
            HEAD + "[test.one]\nparms = {}\n",
            'sales.test.toml:3: unknown key "parms" in test.one; did you mean "params"?',
        ),
        (HEAD + "[test.One]\n", '"One" can\'t name a test'),
        (HEAD + "[test.one]\nexpect = { row = 3 }\n", 'sales.test.toml:3: unknown key "row"'),
        (
            HEAD + '[test.one]\nexpect.rows = { orders = "3" }\n',
            "sales.test.toml:3: rows.orders must be a number of rows",
        ),
        (HEAD + '[test.one]\nfixture.files = ["gone.sql"]\n', "gone.sql can't be read"),
        (HEAD + "[test.one]\nfixture.blocks.order = {}\n", 'the report has no block "order"; did you mean "orders"?'),
        (HEAD + "[test.one]\nfixture.blocks.orders = { rows = [] }\n", "must be names and Postgres types"),
        (HEAD + "[test.one]\ntolerance = 2\n", "a share of a page's pixels"),
        (HEAD + "[test.one]\nexpect.cells.orders = [{ n = 1 }]\n", "must be rows such as [{ row = 1"),
        ("now = \n", "sales.test.toml:1:7: it is not TOML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ReportError) as raised:
        read(tmp_path, text)
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("expected", "got", "is_same"),
    [
        (12, "12.00", True),
        (Decimal("12.50"), "12.5", True),
        (Decimal("12.50"), "12.51", False),
        ("12.5", "12.50", True),
        ("north", "north", True),
        ("null", None, True),
        ("", None, False),
        (0, None, False),
        (True, "t", True),
        (True, "f", False),
        (date(2026, 10, 5), "2026-10-05", True),
        (datetime(2026, 10, 5, 9, tzinfo=UTC), "2026-10-05 11:00:00+02", True),
        (datetime(2026, 10, 5, 9, tzinfo=UTC), "2026-10-05 09:00:00+02", False),
    ],
)
def test_values_are_compared_as_what_they_are(expected: Any, got: str | None, is_same: bool) -> None:
    assert same(expected, got) is is_same


def test_texts_that_differ_are_shown_where_they_do() -> None:
    assert lines_apart(["a", "b", "c"], ["a", "x", "c"]) == (2, ("- b", "+ x"))
    assert lines_apart(["a"], ["a", "b"]) == (2, ("+ b",))
    long = "x" * 500
    line, (ours, theirs) = lines_apart([f"{long}1{long}"], [f"{long}2{long}"])
    assert line == 1
    assert len(ours) < 120
    assert ("1" in ours, "2" in theirs) == (True, True)
