"""The gallery: its data is the same everywhere, and every file of its six reports says what plain SQL says."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest

from reportd.cli import packs
from reportd.db.client import client
from reportd.db.queries import Connection
from tests.daemons import daemon, until
from tests.postgres import Databases

ROOT = Path(__file__).parents[2]
DIGESTS: Mapping[str, str] = {
    "customers": "cb94875242d18eb2d7536f3f3cfbee64",
    "products": "46f77d62a7d27de9324b6e7fc9b42c45",
    "invoices": "0f33dfa645e45a560f10ccf365528e3f",
    "invoice_lines": "9ed96dd6535187e5ee6fe74a4f99bda6",
    "bank_entries": "5e8394452add1cf3935b3d5d35708825",
    "stock_movements": "e02f918b2344d099c55ef74c6681318f",
}
SEPTEMBER = "issued_on >= '2026-09-01' and issued_on < '2026-10-01'"
UNPAID = "(paid_on is null or paid_on > '2026-10-31')"
LATE = f"{SEPTEMBER} and due_on < '2026-10-31' and {UNPAID}"
LINES = "gallery.invoice_lines l join gallery.invoices i on i.id = l.invoice_id"
# By the table's sheet: how many rows it has and what its columns come to, in other words than the report's own.
ANSWERS = {
    "quarter-in-figures": {
        "The leading customers": f"""
            select count(*) as rows, sum(total) as revenue from (
              select sum(quantity * l.unit_price) as total from {LINES}
              where issued_on >= '2026-07-01' and issued_on <= '2026-09-30' group by customer_id order by 1 desc limit 8
            ) as best"""
    },
    "invoice-list": {
        "Invoices, EUR": f"select count(distinct i.id) as rows, sum(l.amount) as amount from {LINES} where {SEPTEMBER}",
        "What the late invoices are for,": f"""
            select count(*) as rows, sum(l.amount) as amount, sum(quantity) as quantity from {LINES} where {LATE}""",
        "Late invoices, EUR": f"""
            select count(*) as rows, sum(date '2026-10-31' - due_on) as days_late from gallery.invoices where {LATE}""",
    },
    "revenue-matrix": {
        "Products by month, EUR": f"""
            select 18 as rows, sum(l.amount) as total, sum(l.amount) filter (where {SEPTEMBER}) as "Sep" from {LINES}
            where issued_on >= '2026-01-01'""",
        "Countries by category, EUR": f"""
            select (select count(distinct (region, country)) from gallery.customers) as rows, sum(l.amount) as total
            from {LINES} where issued_on >= '2026-01-01'""",
    },
    "bank-ledger": {
        "Entries, EUR": """
            select count(*) as rows, -sum(least(amount, 0)) as paid,
              sum(greatest(amount, 0)) - sum(amount) filter (where text = 'Opening balance') as received
            from gallery.bank_entries"""
    },
}
PAGES = {"quarter-in-figures": 1, "invoice-list": 6, "revenue-matrix": 2, "bank-ledger": 9}
# A day with few letters, early in the data.
DAY = "2025-02-20"
OPEN = f"issued_on <= '{DAY}' and (paid_on is null or paid_on > '{DAY}')"
LETTERS = f"""
    select customer_no from gallery.customers
    where id in (select customer_id from gallery.invoices where due_on < '{DAY}' and {OPEN}) order by 1"""


async def load(connection: Connection) -> packs.Pack:
    pack = packs.find("gallery")
    await connection.execute("set timezone = 'UTC'")
    await connection.execute(pack.schema_sql)
    await connection.execute(pack.data_sql)
    return pack


async def digests(connection: Connection) -> dict[str, str]:
    statement = 'select md5(string_agg(t::text, chr(10) order by t::text collate "C")) from gallery.{} t'
    return {table: str(await connection.fetchval(statement.format(table))) for table in DIGESTS}


async def test_the_data_is_the_same_on_every_server(connection: Connection) -> None:
    await load(connection)
    assert await digests(connection) == DIGESTS
    late = (
        "select count(*) from gallery.bank_entries where extract(isodow from booked_on) > 5 and text like 'Invoice %'"
    )
    assert await connection.fetchval(late) == 0, "banks book on working days"


async def test_the_distribution_s_postgres_makes_the_same_data(distribution_postgres: Databases) -> None:
    async with distribution_postgres.migrated() as dsn, client(dsn) as connection:
        await load(connection)
        assert await digests(connection) == DIGESTS


def test_the_pictures_are_there_and_small() -> None:
    shown = set(re.findall(r"\]\((examples/gallery/pictures/[\w-]+\.png)\)", (ROOT / "README.md").read_text()))
    pictures = {str(path.relative_to(ROOT)) for path in (ROOT / "examples/gallery/pictures").iterdir()}
    assert shown == pictures
    reports = {path.stem for path in packs.find("gallery").reports.iterdir()}
    assert reports <= {Path(picture).stem for picture in shown}
    assert sum((ROOT / path).stat().st_size for path in shown) < 600_000


@pytest.mark.timeout(360)
async def test_every_file_of_every_report_says_what_plain_sql_says(
    dsn: str, connection: Connection, tmp_path: Path
) -> None:
    pack = await load(connection)
    kinds = re.findall(r"\('([\w-]+)'", pack.orders_sql)
    assert sorted(kinds) == sorted(path.stem for path in pack.reports.iterdir())
    async with daemon(dsn, tmp_path / "state", pack.reports) as running:
        order = "insert into reportd.jobs (kind, formats, params) values ($1, $2, $3) returning id"
        formats = {"account-letter": ["pdf"], "stock-movements": ["xlsx", "csv"]}
        params = {"account-letter": f'{{"day": "{DAY}"}}'}
        jobs = {
            kind: await connection.fetchval(
                order, kind, formats.get(kind, ["pdf", "xlsx", "csv"]), params.get(kind, "{}")
            )
            for kind in kinds
        }
        # Pages of one month: for those of the whole year qpdf alone would take a minute.
        october = await connection.fetchval(order, "stock-movements", ["pdf"], '{"period": "2026-10"}')

        async def ended() -> bool:
            return not await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")

        await until(ended, running, limit_s=240)
    errors = await connection.fetch("select kind, error from reportd.jobs where outcome <> 'completed'")
    assert not errors
    for kind, tables in ANSWERS.items():
        files = await connection.fetch("select format, uri, pages from reportd.artifacts where job_id = $1", jobs[kind])
        [pdf] = [Path(file["uri"].removeprefix("file://")) for file in files if file["format"] == "pdf"]
        check_pdf(pdf, pages=PAGES[kind], title=kind)
        assert [file["pages"] for file in files if file["format"] == "pdf"] == [PAGES[kind]]
        [xlsx] = [Path(file["uri"].removeprefix("file://")) for file in files if file["format"] == "xlsx"]
        book = openpyxl.load_workbook(xlsx, data_only=True, read_only=True)
        csvs = [csv_rows(Path(file["uri"].removeprefix("file://"))) for file in files if file["format"] == "csv"]
        assert len(csvs) == len(tables)
        for sheet, sql in tables.items():
            answer = dict(await connection.fetchrow(sql) or {})
            count = answer.pop("rows")
            assert answer
            header, *cells = book[sheet].iter_rows(values_only=True)
            rows: list[dict[str, Any]] = [dict(zip(map(str, header), row, strict=False)) for row in cells]
            if len(rows) > count:
                assert rows.pop()[str(header[0])] == "Total"
            assert len(rows) == count, sheet
            [same] = [made for made in csvs if len(made) == count and set(answer) <= set(made[0])]
            for column, total in answer.items():
                assert sum_of(same, column) == total, (sheet, column)
                assert sum_of(rows, column) == total, (sheet, column)
    await check_movements(connection, jobs["stock-movements"])
    pages = await connection.fetchrow("select uri, rows, pages from reportd.artifacts where job_id = $1", october)
    assert pages is not None
    month = "moved_at >= '2026-10-01 00:00 Europe/Vienna' and moved_at < '2026-11-01 00:00 Europe/Vienna'"
    assert pages["rows"] == await connection.fetchval(f"select count(*) from gallery.stock_movements where {month}")
    check_pdf(Path(pages["uri"].removeprefix("file://")), pages=pages["pages"], title="stock-movements")
    wanted = [row[0] for row in await connection.fetch(LETTERS)]
    letters = tmp_path / f"state/delivered/letters/{DAY}"
    assert sorted(path.name for path in letters.iterdir()) == wanted
    for customer in (wanted[0], wanted[-1]):
        letter = letters / customer / "account-letter.pdf"
        text = check_pdf(letter, pages=1, title="account-letter")
        assert customer in text
        mine = f"""
            select to_char(sum(l.amount), 'FM999,999,990.00') from {LINES}
            where {OPEN} and customer_id = (select id from gallery.customers where customer_no = $1)"""
        total = await connection.fetchval(mine, customer)
        assert f"EUR {total} in all" in text
        assert total in text.replace(f"EUR {total}", ""), "in its table, too"
    snapshots = (
        "select count(distinct result->>'as_of') from reportd.jobs where parent_id = $1 and kind = 'account-letter'"
    )
    assert await connection.fetchval(snapshots, jobs["account-letter"]) == 1


async def check_movements(connection: Connection, job: int) -> None:
    """Files of 100,000 rows, looked at without a library that would hold them all."""
    files = await connection.fetch("select format, uri, rows from reportd.artifacts where job_id = $1", job)
    assert {file["rows"] for file in files} == {100_000}
    paths = {file["format"]: Path(file["uri"].removeprefix("file://")) for file in files}
    answer = "select sum(quantity) as quantity, sum(unit_cost * quantity) as value from gallery.stock_movements"
    sums = await connection.fetchrow(answer)
    assert sums is not None
    rows = csv_rows(paths["csv"])
    assert [int(row["movement_no"]) for row in rows] == list(range(1, 100_001))
    assert (sum_of(rows, "quantity"), sum_of(rows, "value")) == tuple(sums)
    with zipfile.ZipFile(paths["xlsx"]) as package:
        sheet = package.read("xl/worksheets/sheet2.xml").decode()
    assert sheet.count("<row ") == 100_002, "a header and totals too"
    totals = sheet[sheet.rindex("<row ") :]
    assert f"<v>{sums['quantity']}</v>" in totals
    assert f"<v>{sums['value']}</v>" in totals


def check_pdf(path: Path, *, pages: int, title: str) -> str:
    """The text of the first page of a PDF that has so many `pages` and no fault; its blanks are single."""
    document = pypdfium2.PdfDocument(path)
    assert len(document) == pages, path
    if qpdf := shutil.which("qpdf"):
        subprocess.run([qpdf, "--check", str(path)], check=True, capture_output=True)
    text = " ".join(document[0].get_textpage().get_text_range().split())
    assert f"Page 1 of {pages}" in text
    assert title in document.get_metadata_value("Keywords")
    document.close()
    return text


def csv_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def sum_of(rows: list[dict[str, Any]], column: str) -> Decimal:
    """The sum of a column that is called by its name, or, in a sheet, by its title, which may end in its unit."""
    title = column.replace("_", " ").capitalize()
    key = next(name for name in (column, title, f"{title}, EUR") if name in rows[0])
    return sum((Decimal(str(row[key] or 0)) for row in rows), Decimal(0))
