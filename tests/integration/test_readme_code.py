"""The Python that the README shows, run as it stands there."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from reportd.job import Completed, Job
from reportd.plugins import reports
from reportd.progress import Progress
from reportd.render.task import RenderSettings
from reportd.report.definition import Report
from tests.integration.test_report_code import made, parts, stages
from tests.spooled import Given, document

__all__ = ["parts"]  # a fixture

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shown(language: str, holding: str) -> str:
    """The only block of `language` that has `holding` in it."""
    [text] = [text for kind, text in BLOCKS if kind == language and holding in text]
    return str(text)


async def test_the_report_in_python_makes_its_document(
    parts: Any, tmp_path: Path, connection: asyncpg.Connection[Any]
) -> None:
    await connection.execute(shown("sql", "create table orders"))
    folder = tmp_path / "reports" / "leaders"
    folder.mkdir(parents=True)
    for language, file in (("toml", "report.toml"), ("python", "report.py")):
        (folder / file).write_text(shown(language, f"# reports/leaders/{file}"))
    [report] = reports([folder.parent])
    assert isinstance(report, Report), report
    done = await made(report, parts, period="2026-Q3", places=2)
    [artifact] = done.artifacts
    made_of = json.loads(Path(artifact.uri.removeprefix("file://")).read_text(encoding="utf-8"))
    figures, regions, orders = made_of["blocks"]
    assert [block["kind"] for block in (figures, regions, orders)] == ["kpi", "pie", "table"]
    expected = await connection.fetchrow(
        "with regions as (select sum(amount) as revenue from orders"
        " where ordered_on <@ daterange '[2026-07-01,2026-10-01)' group by region order by 1 desc)"
        " select sum(revenue) as total, (select sum(revenue) from (select * from regions limit 2) as two) as led"
        " from regions"
    )
    assert expected is not None
    assert figures["rows"][0]["revenue"] == float(expected["total"])
    assert Decimal(figures["rows"][0]["leaders_share"]) == expected["led"] / expected["total"]
    assert len({row["region"] for row in orders["rows"]}) == 2
    assert made_of["meta"]["subtitle"] == "2 of 3"


async def test_the_plugin_makes_files_and_greets(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(shown("python", "class Markdown"), names)
    table = document(tmp_path / "spool", Given("table", {"amount": "numeric"}, [["1234.5"], [None]], name="orders"))
    [file] = names["Markdown"]().render(table, out=tmp_path, settings=RenderSettings())
    assert Path(file.path).read_text(encoding="utf-8") == "Amount\n---\n1,234.5\n–\n"
    now = datetime(2026, 1, 1, tzinfo=UTC)
    job = Job(1, "greet", "default", 0, now, now, 1, 0, 0, 1, 10.0, {"whom": "Ada"})
    assert await names["Greet"]().run(job, Progress()) == Completed(result={"said": "Hello, Ada!"})


async def test_the_letter_is_written_in_both_languages_and_formats(
    connection: asyncpg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    await connection.execute(shown("sql", "create table orders"))
    folder = tmp_path / "reports" / "letter"
    (folder / "i18n").mkdir(parents=True)
    files = {"report.toml": "toml", "orders.sql": "sql", "theme.css": "css", "template.html": "jinja"}
    for file, language in {**files, "i18n/en.toml": "toml", "i18n/de.toml": "toml"}.items():
        (folder / file).write_text(shown(language, f"reports/letter/{file}"), encoding="utf-8")
    [report] = reports([folder.parent])
    assert isinstance(report, Report), report
    formats = {"pdf": "reportd.render.pdf:PDF", "html": "reportd.render.webpage:HTML"}
    async with stages(dsn, tmp_path, formats) as parts:
        for locale, words in {
            "en": ["Your orders", "Dear Customer 7, this is what you ordered:", "Amount", "Page 1 of"],
            "de-AT": ["Ihre Bestellungen", "Guten Tag Customer 7", "Betrag", "Blatt 1 von"],
        }.items():
            done = await made(report, parts, formats=("pdf", "html"), locale=locale)
            pdf, page = (Path(artifact.uri.removeprefix("file://")) for artifact in done.artifacts)
            printed = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True)
            assert all(word in printed.stdout for word in words)
            assert all(word in page.read_text(encoding="utf-8") for word in words[:-1])
            assert "#0b6a4a" in page.read_text(encoding="utf-8")
            orders = await connection.fetchval("select count(*) from orders where customer = 'Customer 7'")
            assert f"{orders} · " in printed.stdout


async def test_the_chart_in_vega_lite_is_drawn_of_its_blocks(
    connection: asyncpg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    await connection.execute(shown("sql", "create table orders"))
    folder = tmp_path / "reports" / "progress"
    folder.mkdir(parents=True)
    (folder / "report.toml").write_text('title = "Progress"')
    (folder / "rows.sql").write_text(shown("sql", "-- reports/progress/rows.sql"))
    (folder / "revenue.vl.json").write_text(shown("json", '"mark": "area"'))
    [report] = reports([folder.parent])
    assert isinstance(report, Report), report
    async with stages(dsn, tmp_path, {"html": "reportd.render.webpage:HTML"}) as parts:
        done = await made(report, parts, formats=("html",))
    page = Path(done.artifacts[0].uri.removeprefix("file://")).read_text(encoding="utf-8")
    [drawn] = re.findall(r"<svg .*</svg>", page, re.DOTALL)
    regions = await connection.fetch("select distinct region from orders")
    assert all(f">{row['region']}<" in drawn for row in regions)
    assert ">Region<" in drawn
    assert ">EUR<" in drawn
    assert 'stroke-dasharray="4,2"' in drawn
