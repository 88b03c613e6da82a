"""`reportd test` as an author runs it: fixtures, the clock, goldens, and what a failing test says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportd.db import embedded
from reportd.db.client import client
from tests.conftest import Eventually
from tests.integration.cli.commands import Said, reportd

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"

REPORT = """\
-- /// report
-- title = "Sales by region"
-- params.period = { type = "daterange", default = "last month" }
-- params.region = { type = "enum", choices = ["north", "south"] }
-- ///

-- @kpi summary
select sum(amount) as revenue, count(*) as orders, current_date as made_on, now() as made_at
from orders where ordered_on <@ :period and (:region is null or region = :region);

-- @table orders "Orders" group=region subtotal=amount
select region, ordered_on, amount
from orders where ordered_on <@ :period and (:region is null or region = :region)
order by region, ordered_on;
"""

TEST = """\
now = 2026-10-05T09:00:00Z

[fixture]
sql = "create table orders (region text, ordered_on date, amount numeric default 7.25)"
rows.orders = [
  { region = "north", ordered_on = 2026-09-03, amount = 12.50 },
  { region = "south", ordered_on = 2026-09-30 },
  { region = "south", ordered_on = 2026-10-01 },
]
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "sales.sql").write_text(REPORT)
    return folder


async def run(server_dsn: str, home: Path, *arguments: str) -> Said:
    return await reportd("test", *arguments, home=home, environment={"REPORTD_TEST_DSN": server_dsn})


async def test_a_report_that_says_what_is_expected_passes_at_the_tests_own_time(
    server_dsn: str, reports: Path, tmp_path: Path, eventually: Eventually
) -> None:
    expected = """
[test.last-month.expect]
rows         = { orders = 2 }
kpis.summary = { revenue = 19.75, orders = 2, made_on = 2026-10-05, made_at = 2026-10-05T09:00:00Z }
totals       = { orders = { amount = 19.75 } }
cells.orders = [{ row = 2, region = "south", amount = 7.25 }]
pages        = 1
[test.unknown-region]
params = { region = "east" }
expect.error = { code = "params", says = "north" }
[test.given-rows]
[test.given-rows.fixture.blocks.orders]
columns = { region = "text", ordered_on = "date", amount = "numeric" }
rows    = [["it's: here", 2026-01-01, 1.50], ["b", 2026-01-02, 2]]
[test.given-rows.expect]
totals.orders.amount = 3.5
cells.orders = [{ row = 1, region = "it's: here" }]
"""
    (reports / "sales.test.toml").write_text(TEST + expected)
    said = await run(server_dsn, tmp_path)
    assert said.status == 0, said.out
    assert [line.split()[1] for line in said.out.splitlines()] == [
        "sales/last-month",
        "sales/unknown-region",
        "sales/given-rows",
    ]
    assert "3 passed" in said.err

    async def all_gone() -> bool:
        async with client(server_dsn) as connection:
            return not await connection.fetch("select from pg_database where datname like 'reportd\\_trial\\_%'")

    await eventually(all_gone)


async def test_what_differs_is_told_with_line_and_both_values(server_dsn: str, reports: Path, tmp_path: Path) -> None:
    expected = """
[test.wrong.expect]
rows = { orders = 3 }
kpis.summary.revenue = 20
kpis.summary.revenu = 20
cells.order = [{ row = 1, region = "south" }]
[test.made]
expect.error = "params"
[test.failed]
params = { region = "east" }
"""
    (reports / "sales.test.toml").write_text(TEST + expected)
    said = await run(server_dsn, tmp_path)
    assert said.status == 1
    assert "3 failed" in said.err
    first = TEST.count("\n") + 3
    for told in (
        f"reports/sales.test.toml:{first}: rows.orders\n      expected  3\n      got       2\n",
        f"reports/sales.test.toml:{first + 1}: kpis.summary.revenue\n      expected  20\n      got       19.75\n",
        'no column of this name; did you mean "revenue"?',
        'no block of this name; did you mean "orders"?',
        "expected  params\n      got       none: the report was made",
        f"sales.test.toml:{first + 6}: it failed (params)",
    ):
        assert told in said.out, said.out
    as_json = await run(server_dsn, tmp_path, "sales/wrong", "--json")
    (verdict,) = as_json.json
    assert (verdict["test"], verdict["passed"], len(verdict["differences"])) == ("sales/wrong", False, 4)


async def test_goldens_are_written_on_request_and_every_change_but_a_comment_is_seen(
    server_dsn: str, reports: Path, tmp_path: Path
) -> None:
    (reports / "sales.test.toml").write_text(TEST + '[test.all]\ngolden = ["values", "csv", "json", "pdf"]\n')
    without = await run(server_dsn, tmp_path)
    assert without.status == 1
    assert without.out.count("yet: write it with --update") == 4
    golden = reports / "sales.golden" / "all"
    updated = await run(server_dsn, tmp_path, "--update")
    assert updated.status == 0, updated.out
    assert sorted(path.name for path in golden.iterdir()) == ["page-1.png", "sales.csv", "sales.json", "values.json"]
    (reports / "sales.sql").write_text(REPORT.replace("-- @kpi", "-- new\n-- @kpi"))
    same = await run(server_dsn, tmp_path)
    assert same.status == 0, same.out

    changed = TEST.replace("12.50", "12.60")
    (reports / "sales.test.toml").write_text(changed + '[test.all]\ngolden = ["values", "csv", "json", "pdf"]\n')
    said = await run(server_dsn, tmp_path)
    assert said.status == 1
    assert "sales.csv:2: csv differs (- expected, + got)\n      - north,2026-09-03,12.50\n" in said.out
    assert "      + north,2026-09-03,12.60\n" in said.out
    assert "values.json:" in said.out
    assert "sales.json:" in said.out
    assert "page 1 of the PDF differs in" in said.out, "a changed digit is more than the tolerance"
    assert {"page-1.got.png", "page-1.diff.png"} < {path.name for path in golden.iterdir()}
    lax = changed + '[test.all]\ntolerance = 0.01\ngolden = ["pdf"]\n'
    (reports / "sales.test.toml").write_text(lax)
    assert (await run(server_dsn, tmp_path)).status == 0
    assert not (golden / "page-1.got.png").exists(), "what an earlier run showed is gone"


async def test_tests_are_chosen_by_name_and_by_part(server_dsn: str, reports: Path, tmp_path: Path) -> None:
    (reports / "sales.test.toml").write_text(TEST + "[test.one]\n[test.two]\n")
    said = await run(server_dsn, tmp_path, "sales", "-k", "tw")
    assert "sales/two" in said.out
    assert "sales/one" not in said.out
    unknown = await run(server_dsn, tmp_path, "sales/on")
    assert unknown.status == 4
    assert 'did you mean "sales/one"?' in unknown.err
    assert (await run(server_dsn, tmp_path, "-k", "three")).status == 2
    (reports / "sales.test.toml").unlink()
    none = await run(server_dsn, tmp_path)
    assert none.status == 2
    assert "no test in" in none.err


async def test_a_fixture_that_the_server_refuses_is_told_with_its_line(
    server_dsn: str, reports: Path, tmp_path: Path
) -> None:
    (tmp_path / "schema.sql").write_text("create table orders (region text);\n\ncreate tabel nothing ();\n")
    test = 'now = 2026-10-05T09:00:00Z\nfixture.files = ["../schema.sql"]\n[test.one]\n'
    (reports / "sales.test.toml").write_text(test)
    said = await run(server_dsn, tmp_path)
    assert said.status == 1
    assert 'schema.sql:3: syntax error at or near "tabel"' in said.out


async def test_the_test_in_the_readme_passes_on_the_report_in_the_readme(server_dsn: str, tmp_path: Path) -> None:
    shown = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    [report] = [text for language, text in shown if language == "sql" and "-- @kpi" in text]
    [test] = [text for language, text in shown if language == "toml" and "[test." in text]
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "sales.sql").write_text(report)
    (folder / "sales.test.toml").write_text(test)
    columns = "order_no int, ordered_on date, region text, customer text, quantity int, amount numeric"
    (tmp_path / "schema.sql").write_text(f"create table orders ({columns});")
    said = await run(server_dsn, tmp_path, "--update")
    assert said.status == 0, said.out


async def test_of_a_burst_that_splits_the_first_document_is_tested(server_dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "letters.sql").write_text(
        """-- /// report
-- burst = { split = ["customer"] }
-- ///
-- @text greeting
select customer, 'Dear ' || customer as paragraph from customers order by customer;
"""
    )
    test = 'now = 2026-10-05T09:00:00Z\n[test.first]\nfixture.sql = "create table customers (customer text)"\n'
    test += 'fixture.rows.customers = [{ customer = "Ben" }, { customer = "Ada" }]\n'
    test += 'expect = { rows = { greeting = 1 }, cells.greeting = [{ row = 1, paragraph = "Dear Ada" }] }\n'
    (folder / "letters.test.toml").write_text(test)
    said = await run(server_dsn, tmp_path)
    assert said.status == 0, said.out


async def test_a_directory_has_its_tests_in_a_folder_and_the_embedded_server_does(
    server_dsn: str, tmp_path: Path
) -> None:
    report = tmp_path / "reports" / "numbers"
    (report / "tests").mkdir(parents=True)
    (report / "report.toml").write_text('title = "Numbers"\n')
    (report / "numbers.sql").write_text("select n from generate_series(1, 3) as n;\n")
    test = 'now = 2026-10-05T09:00:00Z\n[test.three]\nexpect.rows.numbers = 3\ngolden = ["csv"]\n'
    (report / "tests" / "count.toml").write_text(test)
    brought = embedded.available() is None
    said = await reportd("test", "--update", home=tmp_path) if brought else await run(server_dsn, tmp_path, "--update")
    assert said.status == 0, said.out + said.err
    assert (report / "tests" / "count.golden" / "three" / "numbers.csv").read_text() == "n\n1\n2\n3\n"


async def test_the_tests_of_the_examples_pass(server_dsn: str, tmp_path: Path) -> None:
    said = await run(server_dsn, tmp_path, "--reports", str(EXAMPLES / "learning" / "reports"))
    assert said.status == 0, said.out
    assert {"at-risk-learners/three-rules", "department-summary/last-month"} <= set(said.out.split())
