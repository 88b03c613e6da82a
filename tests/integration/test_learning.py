"""The pack of examples/learning: its data is the same everywhere, and its reports say what plain SQL says."""

from __future__ import annotations

import csv
import json
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from reportd.cli import packs
from reportd.db.client import client
from reportd.db.queries import Connection
from tests.daemons import daemon, until
from tests.postgres import Databases

TABLES = ("departments", "learners", "courses", "enrolments", "assessments", "study_sessions")
DAY = "2026-11-22"
# Of the rows in UTC and ISO form; the same on every version of Postgres.
DIGESTS = {
    "departments": "3609c26ad6385149d79b7770bebe63f6",
    "learners": "53f631afd6c6dd9fe091ff7cde2b71c0",
    "courses": "cf1f78e160e100ccad3cf530ccf17f65",
    "enrolments": "1ae80b248a120652416a0186dca82b6f",
    "assessments": "cd629ada78a8668fb558ac0812359cc3",
    "study_sessions": "fa6e7a91d5c7af55654ae25a9deeb1b1",
}


async def load(connection: Connection, *, day: str) -> None:
    pack = packs.find("learning")
    await connection.execute(f"set timezone = 'UTC'; set learning.today = '{day}'")
    await connection.execute(pack.schema_sql)
    await connection.execute(pack.data_sql)


async def digest(connection: Connection, table: str) -> str:
    statement = f'select md5(string_agg(t::text, chr(10) order by t::text collate "C")) from learning.{table} t'
    return str(await connection.fetchval(statement))


async def test_the_data_is_the_same_on_every_server(connection: Connection) -> None:
    await load(connection, day=DAY)
    assert {table: await digest(connection, table) for table in TABLES} == DIGESTS
    assert await connection.fetchval("select count(*) >= 5000 from learning.learners")
    assert await connection.fetchval("select count(*) >= 60000 from learning.enrolments")
    odd = "select count(*) from learning.enrolments e where {}"
    for never in (
        f"greatest(enrolled_on, completed_on, withdrawn_on) > date '{DAY}'",
        "least(completed_on, withdrawn_on) < enrolled_on",
        "status = 'completed'"
        " and exists (select from learning.courses c where c.id = course_id and pass_score is not null)"
        " and not exists (select from learning.assessments a where a.enrolment_id = e.id and a.passed)",
    ):
        assert await connection.fetchval(odd.format(never)) == 0, never


async def test_the_data_fills_every_period_also_on_the_first_day_of_a_year(connection: Connection) -> None:
    await load(connection, day="2028-01-01")
    months = (
        "select count(distinct date_trunc('month', enrolled_on)) from learning.enrolments"
        " where enrolled_on >= '2025-01-01' and enrolled_on < '2028-01-01'"
    )
    assert await connection.fetchval(months) == 36


ANSWERS = {
    # Each in other words than the report's own: what the table's columns must add up to.
    "learner-progress": """
        select count(distinct l.id) as rows, count(*) as enrolled, count(completed_on) as completed,
          (select sum(minutes) / 60.0 from learning.study_sessions where enrolment_id in (
             select e.id from learning.enrolments e join learning.learners l on l.id = e.learner_id
             where l.department_id = 7 and e.enrolled_on >= '2026-07-01' and e.enrolled_on <= '2026-09-30')
          ) as study_hours
        from learning.enrolments e join learning.learners l on l.id = e.learner_id
        where l.department_id = 7 and e.enrolled_on >= '2026-07-01' and e.enrolled_on <= '2026-09-30'""",
    "course-completion": """
        select count(distinct course_id) as rows, count(*) as enrolled, count(completed_on) as completed,
          count(withdrawn_on) as withdrawn
        from learning.enrolments where extract(year from enrolled_on) = 2025""",
    "department-summary": """
        select 14 as rows, count(*) filter (where to_char(enrolled_on, 'YYYY-MM') = '2026-10') as enrolments,
          count(*) filter (where to_char(completed_on, 'YYYY-MM') = '2026-10') as completions,
          (select round(sum(minutes) / 60.0, 1) from learning.study_sessions
           where to_char(started_at at time zone 'UTC', 'YYYY-MM') = '2026-10') as study_hours
        from learning.enrolments""",
    "at-risk-learners": """
        with open as (
          select learner_id, due_on < current_date as late, greatest(enrolled_on,
              (select max(started_at)::date from learning.study_sessions s where s.enrolment_id = e.id)) as seen,
            (select max(score) from learning.assessments a where a.enrolment_id = e.id) as score
          from learning.enrolments e join learning.learners l on l.id = learner_id
          where completed_on is null and withdrawn_on is null and left_on is null and department_id = 7
        ), by_learner as (
          select count(*) as open_courses, count(*) filter (where late) as overdue,
            (count(*) filter (where late) > 0)::int + (max(seen) <= current_date - 45)::int
              + (count(*) filter (where score < 70) > 0)::int as rules
          from open group by learner_id
        )
        select count(*) as rows, sum(open_courses) as open_courses, sum(overdue) as overdue, sum(rules) as rules
        from by_learner where rules >= 2""",
    "monthly-overview": """
        select count(distinct course_id) as rows,
          count(*) filter (where to_char(enrolled_on, 'YYYY-MM') = '2026-10') as enrolments,
          count(*) filter (where to_char(completed_on, 'YYYY-MM') = '2026-10') as completions,
          (select count(distinct (learner_id, course_id)) from learning.study_sessions s
             join learning.enrolments e on e.id = s.enrolment_id
           where to_char(s.started_at at time zone 'UTC', 'YYYY-MM') = '2026-10') as learners
        from learning.enrolments e
        where '2026-10' in (to_char(enrolled_on, 'YYYY-MM'), to_char(completed_on, 'YYYY-MM'))
          or exists (select from learning.study_sessions s where s.enrolment_id = e.id
             and to_char(s.started_at at time zone 'UTC', 'YYYY-MM') = '2026-10')""",
}
PARAMS = {
    "learner-progress": {"period": "[2026-07-01,2026-10-01)", "department": "Finance"},
    "course-completion": {"period": "[2025-01-01,2026-01-01)"},
    "department-summary": {"period": "[2026-10-01,2026-11-01)"},
    "at-risk-learners": {"department": "Finance", "inactive_days": 45, "low_score": 70, "min_rules": 2},
    "monthly-overview": {"period": "[2026-10-01,2026-11-01)"},
}


async def test_every_format_of_every_report_says_what_plain_sql_says(
    dsn: str, connection: Connection, tmp_path: Path
) -> None:
    await load(connection, day=DAY)
    pack = packs.find("learning")
    async with daemon(dsn, tmp_path / "state", pack.reports) as running:
        ids = {
            report: await connection.fetchval(
                "insert into reportd.jobs (kind, params, formats) values ($1, $2, '{csv,json,xlsx}') returning id",
                report,
                json.dumps(params),
            )
            for report, params in PARAMS.items()
        }

        async def ended() -> bool:
            left = "select count(*) from reportd.jobs where finished_at is null"
            return bool(await connection.fetchval(left) == 0)

        await until(ended, running, limit_s=90)
        schedules = await connection.fetch("select name, cron, timezone from reportd.schedules")
    assert sorted(map(tuple, schedules)) == [
        ("department-summary", "0 7 1 * *", "Europe/Vienna"),
        ("monthly-overview", "30 6 1 * *", "Europe/Vienna"),
    ]
    for report, job in ids.items():
        answer = dict(await connection.fetchrow(ANSWERS[report]) or {})
        files = await connection.fetch("select format, uri from reportd.artifacts where job_id = $1", job)
        paths = {file["format"]: Path(file["uri"].removeprefix("file://")) for file in files}
        assert set(paths) == {"csv", "json", "xlsx"}, await connection.fetchval(
            "select error from reportd.jobs where id = $1", job
        )
        tables = [csv_rows(paths["csv"]), json_rows(paths["json"]), xlsx_rows(paths["xlsx"])]
        assert all(len(rows) == answer["rows"] for rows in tables), report
        for column, total in answer.items():
            if column != "rows":
                for rows in tables:
                    assert sum_of(rows, column) == total, (report, column)


def csv_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def json_rows(path: Path) -> list[dict[str, Any]]:
    blocks = json.loads(path.read_text(), parse_float=Decimal)["blocks"]
    [table] = [block for block in blocks if block["kind"] == "table"]
    rows: list[dict[str, Any]] = table["rows"]
    return rows


def xlsx_rows(path: Path) -> list[dict[str, Any]]:
    """The table of the sheet after the summary, without its totals; cells by the header's words."""
    book = openpyxl.load_workbook(path, data_only=True)
    sheet = book.worksheets[1]
    [table] = sheet.tables.values()
    header, *rows = [[cell.value for cell in row] for row in sheet[table.ref]]
    if table.totalsRowCount:
        total = rows.pop()
        assert total[0] == "Total"
    return [dict(zip(header, row, strict=True)) for row in rows]


def sum_of(rows: list[dict[str, Any]], column: str) -> Decimal:
    """The sum of a column that is called by its name, or, in a sheet, by its title."""
    titles = (column, column.replace("_", " ").capitalize())
    key = next(title for title in titles if title in rows[0])
    return sum((Decimal(str(row[key] or 0)) for row in rows), Decimal(0))


async def test_the_distribution_s_postgres_makes_the_same_data(distribution_postgres: Databases) -> None:
    async with distribution_postgres.migrated() as dsn, client(dsn) as connection:
        await load(connection, day=DAY)
        assert {table: await digest(connection, table) for table in TABLES} == DIGESTS


async def test_learners_names_are_in_the_scripts_of_their_offices(connection: Connection) -> None:
    await load(connection, day=DAY)
    names = await connection.fetch("select office, full_name from learning.learners order by id")
    scripts = {unicodedata.name(row["full_name"][0]).split()[0] for row in names}
    assert scripts == {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "DEVANAGARI", "CJK"}
    assert {unicodedata.name(row["full_name"][0]).split()[0] for row in names if row["office"] == "Osaka"} == {"CJK"}
