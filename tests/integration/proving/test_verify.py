"""Files against what they say of themselves, what the database noted of them, and what is made again."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import openpyxl
import pypdf
import pytest

from reportd import plugins, press
from reportd.config import Config
from reportd.config.tables import Render, Reports, Storage, Worker
from reportd.db.queries import Connection
from reportd.errors import ReportError
from reportd.job import Artifact
from reportd.press import Press
from reportd.proving import checks
from reportd.proving.origin import origin_of
from reportd.proving.rerun import rerun
from reportd.report.definition import Report
from tests.daemons import daemon, until
from tests.integration.cli.commands import reportd

REPORT = """\
-- /// report
-- title = "Sales"
-- params.region = { type = "text", default = "north" }
-- params.key    = { type = "text", secret = true }
-- ///
-- @kpi totals
select sum(amount) as revenue, max(at) as latest from sales where region = :region or :key = 'all';
-- @bar months "By month" x=month y=revenue
select date_trunc('month', at)::date as month, sum(amount) as revenue from sales group by 1 order by 1;
-- @table sales "Sales"
select id, at, amount, note, tags, extra, paid from sales where region = :region order by id;
-- @table regions "Regions"
select region, count(*) as sales from sales group by 1 order by 1;
"""
TABLE = """
create table sales as
select n as id, 'north' as region, timestamptz '2026-01-01 09:30:15.5+00' + n * interval '7 days' as at,
  round(n * 12.345, 2) as amount,
  case n % 3 when 0 then null when 1 then '' else 'a "quoted", line' || chr(10) || n end as note,
  array['a b', null, 'x,"y"', 'null'] as tags,
  jsonb_build_object('n', n, 'deep', jsonb_build_array(1.50, null)) as extra,
  n % 2 = 0 as paid
from generate_series(1, 30) as n
"""


@pytest.fixture
async def shop(connection: Connection) -> Connection:
    await connection.execute(TABLE)
    return connection


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "sales.sql").write_text(REPORT)
    return folder


def report_in(folder: Path) -> Report:
    return _report(folder, "sales")


def _report(folder: Path, name: str) -> Report:
    found = press.find(name, [folder])
    assert isinstance(found, Report)
    return found


@pytest.fixture
def config(reports: Path, tmp_path: Path) -> Config:
    """All of a press's files are below `tmp_path`."""
    return Config(
        storage=Storage(state_dir=tmp_path / "state"),
        reports=Reports(directories=(reports,), timezone="Europe/Vienna"),
        worker=Worker(concurrency=1),
        render=Render(concurrency=1),
    )


@pytest.fixture
async def warm(dsn: str, shop: Connection, config: Config) -> AsyncIterator[Press]:
    """A press that makes every format."""
    async with press.warm(config, dsn, name="test") as made:
        yield made


@pytest.fixture
async def of_json(dsn: str, shop: Connection, config: Config) -> AsyncIterator[Press]:
    """A press that makes JSON alone."""
    async with press.warm(config, dsn, name="test", formats={"json": plugins.formats()["json"]}) as made:
        yield made


def place(artifact: Artifact) -> Path:
    return Path(unquote(urlsplit(artifact.uri).path))


def counted(artifact: Artifact) -> int:
    """The data rows of a file, read with other means than reportd's."""
    path = place(artifact)
    match artifact.format:
        case "csv" | "tsv" | "csv-excel":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return len(list(csv.reader(file, delimiter="\t" if artifact.format == "tsv" else ","))) - 1
        case "ndjson":
            return len(path.read_text().splitlines())
        case "json":
            return sum(
                len(block["rows"]) for block in json.loads(path.read_text())["blocks"] if block["kind"] == "table"
            )
        case "xlsx":
            book = openpyxl.load_workbook(path)
            names = [name for name in book.sheetnames if name in ("Sales", "Regions")]
            tables = [next(iter(book[name].tables.values())).ref for name in names]
            return sum(int(re.findall(r"\d+", ref)[1]) - 1 for ref in tables) - _totals(book, names)
        case "html":
            bodies = re.findall(r"<tbody.*?</tbody>", path.read_text(), re.DOTALL)
            return sum(body.count("<tr>") for body in bodies)
        case "pdf":
            text = "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
            return len(re.findall(r"^\d+ \d\d \w+ 2026", text, re.MULTILINE)) + len(
                re.findall(r"^north", text, re.MULTILINE)
            )
        case "parquet":
            from pyarrow import parquet

            return int(parquet.read_metadata(path).num_rows)
        case _:
            raise AssertionError(f"no reader for {artifact.format}: write one")


def _totals(book: Any, names: list[str]) -> int:
    return sum(next(iter(book[name].tables.values())).totalsRowCount or 0 for name in names)


async def test_what_is_noted_of_a_file_is_true_and_the_same_bytes_come_again_in_every_format(
    warm: Press, reports: Path
) -> None:
    report = report_in(reports)
    made = await warm.make(report, {"key": "sesame"}, formats=list(plugins.formats()))
    assert {artifact.format for artifact in made.artifacts} == set(plugins.formats())
    by_format: dict[str, int] = {}
    for artifact in made.artifacts:
        content = place(artifact).read_bytes()
        assert (artifact.bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest()), artifact.name
        assert artifact.rows == counted(artifact), artifact.name
        by_format[artifact.format] = by_format.get(artifact.format, 0) + (artifact.rows or 0)
    assert set(by_format.values()) == {31}, "every format has every row"
    [pdf] = [artifact for artifact in made.artifacts if artifact.format == "pdf"]
    assert pdf.pages == len(pypdf.PdfReader(place(pdf)).pages)

    [envelope] = [artifact for artifact in made.artifacts if artifact.format == "json"]
    shared = origin_of(place(envelope), "json")
    for artifact in made.artifacts:
        origin = origin_of(place(artifact), artifact.format) or shared
        assert origin is not None
        assert origin == shared, "every format tells the same"
        assert "sesame" not in place(artifact).read_bytes().decode("latin-1")
        found = await rerun(warm, report, place(artifact), artifact.format, origin, given={"key": "sesame"})
        assert [(check.subject, check.state) for check in found] == [
            ("report", "holds"),
            ("data", "holds"),
            ("again", "holds"),
        ], (artifact.name, found)


async def test_values_of_every_type_come_back_as_postgres_sent_them(of_json: Press, reports: Path) -> None:
    """From JSON, so that their digest is the one that was noted."""
    (reports / "odd.sql").write_text(
        """
select 9223372036854775807 as big, 'NaN'::numeric as nan, 1e-30::numeric as small, '-Infinity'::float8 as float,
  12.3400 as zeros, 'infinity'::timestamptz as never, '0044-03-15 BC'::date as ides, 'epoch'::timestamp as plain,
  '2026-07-01 12:00+05:45'::timestamptz as summer, '12:30:00+02'::timetz as clock, '1 year 2 days'::interval as span,
  '{}'::int[] as none, array[[1, 2], [3, 4]] as nested, array[true, null] as flags,
  array['', 'NULL', 'a,b', '{', ' x', '\\'] as words, array['2026-01-01 00:00+00'::timestamptz] as times,
  '\\xdeadbeef'::bytea as bytes, '10.0.0.1/8'::inet as net, '[1,5)'::int4range as range, 12.5::money as cash,
  '{"a": [1.50, "x\\ny"]}'::json as doc, E'line\\nbreak, "quoted"' as text, '' as empty, null::text as nothing
union all
select -1, 0, 1.5, 'NaN', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, chr(1) || 'ü' || chr(128512), null, 'x'
"""
    )
    made = await of_json.make(_report(reports, "odd"), {}, formats=["json"])
    file = place(made.artifacts[0])
    found = checks.data(file, "json", origin_of(file, "json"))
    assert found is not None
    assert found.state == "holds", found


async def test_a_changed_cell_is_seen_in_the_file_itself(of_json: Press, reports: Path, tmp_path: Path) -> None:
    made = await of_json.make(report_in(reports), {}, formats=["json"])
    path = tmp_path / "sales.json"
    shutil.copy(place(made.artifacts[0]), path)
    origin = origin_of(path, "json")
    whole = checks.data(path, "json", origin)
    assert whole is not None
    assert (whole.state, whole.found) == ("holds", "39 rows in 4 blocks have the digests that were noted")
    text = path.read_text()
    path.write_text(text.replace('"amount": 12.35', '"amount": 12.45'))
    changed = checks.data(path, "json", origin)
    assert changed is not None
    assert (changed.state, changed.more) == ("differs", ('block "sales": a cell is not what the database said',))
    first = text.index('{"id": 1')
    path.write_text(text[:first] + text[text.index('{"id": 2') :])
    shorter = checks.data(path, "json", origin)
    assert shorter is not None
    assert shorter.more == ('block "sales" had 30 rows, and has 29',)


async def test_made_again_over_other_data_each_format_names_what_differs(
    warm: Press, shop: Connection, reports: Path
) -> None:
    report = report_in(reports)
    told = {
        "xlsx": "Sales!C3: 24.69, now 99.99",
        "csv": "row 2, amount: 24.69, now 99.99",
        "html": "99.99",
        "pdf": "99.99",
    }
    made = await warm.make(report, {}, formats=[*told, "json"])
    origin = origin_of(place(next(each for each in made.artifacts if each.format == "json")), "json")
    assert origin is not None
    files = {format: place(next(each for each in made.artifacts if each.format == format)) for format in told}
    await shop.execute("update sales set amount = 99.99 where id = 2")
    for format, file in files.items():
        found = {check.subject: check for check in await rerun(warm, report, file, format, origin, given={})}
        assert found["data"].more == (
            'block "totals": other values',
            'block "months": other values',
            'block "sales": other values',
        )
        assert found["again"].state == "differs"
        assert told[format] in "\n".join(found["again"].more), found["again"]
    await shop.execute("update sales set amount = 24.69 where id = 2; delete from sales where id = 30")
    fewer = {check.subject: check for check in await rerun(warm, report, files["csv"], "csv", origin, given={})}
    assert 'block "sales": 30 rows, now 29' in fewer["data"].more


async def test_another_version_of_the_report_is_named_with_what_has_changed(of_json: Press, reports: Path) -> None:
    made = await of_json.make(report_in(reports), {}, formats=["json"])
    file = place(made.artifacts[0])
    origin = origin_of(file, "json")
    assert origin is not None

    async def said(text: str) -> str:
        (reports / "sales.sql").write_text(text)
        found = await rerun(of_json, report_in(reports), file, "json", origin, given={})
        return next(check.found for check in found if check.subject == "report")

    assert (await said(REPORT.replace('"Sales"\n-- params', '"Our sales"\n-- params'))).endswith(
        "its queries are the same"
    )
    assert (await said(REPORT.replace("order by id", "order by id desc"))).endswith("its queries differ")
    older = replace(origin, version="0.0.1")
    (version,) = [
        c for c in await rerun(of_json, report_in(reports), file, "json", older, given={}) if c.subject == "version"
    ]
    assert version.found.startswith("reportd 0.0.1 made it, this is ")


SPLIT = """\
-- /// report
-- title = "Statement"
-- params.low = { type = "int", default = 2 }
-- burst = { split = "region", name = "Statement of {region}" }
-- ///
-- @table sales
select region, id, amount from sales where id > :low order by region, id;
-- @kpi total
select region, sum(amount) as total from sales where id > :low group by region order by region;
"""


async def _burst_is_over(connection: Connection, parent: int) -> bool:
    query = "select count(*) from reportd.jobs where (id = $1 or parent_id = $1) and outcome is null"
    return not await connection.fetchval(query, parent)


async def test_a_document_of_a_split_burst_is_made_again_of_its_own_rows(
    dsn: str, shop: Connection, reports: Path, tmp_path: Path
) -> None:
    (reports / "statement.sql").write_text(SPLIT)
    await shop.execute("update sales set region = case id % 3 when 0 then 'north' when 1 then 'south' else 'west' end")
    async with daemon(dsn, tmp_path / "state", reports) as running:
        order = "insert into reportd.jobs (kind, formats) values ('statement', '{csv}') returning id"
        parent = await shop.fetchval(order)
        await until(lambda: _burst_is_over(shop, parent), running)
        assert await running.terminate() == 0
    made = await shop.fetch(
        "select a.uri, j.metadata->'reportd'->'key'->>0 as key from reportd.artifacts a"
        " join reportd.jobs j on j.id = a.job_id where j.parent_id = $1 order by j.id",
        parent,
    )
    assert [row["key"] for row in made] == ["north", "south", "west"]
    [south] = [row["uri"] for row in made if row["key"] == "south"]
    await asyncio.to_thread(shutil.copy, unquote(urlsplit(south).path), tmp_path / "south.csv")
    again = await reportd("verify", "south.csv", "--rerun", home=tmp_path, dsn=dsn)
    assert again.status == 0, again.out
    assert "made again, every byte is the same" in again.out


async def test_a_document_of_a_split_burst_says_which_of_its_rows_have_changed(
    of_json: Press, shop: Connection, reports: Path
) -> None:
    (reports / "statement.sql").write_text(SPLIT)
    await shop.execute("update sales set region = case id % 2 when 0 then 'north' else 'south' end")
    report = _report(reports, "statement")
    made = await of_json.make(report, {}, formats=["json"])
    file = place(made.artifacts[0])
    origin = origin_of(file, "json")
    assert origin is not None
    same = await rerun(of_json, report, file, "json", origin, given={})
    assert [check.state for check in same] == ["holds"] * 3, "no job says whose rows it has: their digest does"
    await shop.execute("update sales set amount = 99.99 where id = 8")
    found = {c.subject: c for c in await rerun(of_json, report, file, "json", origin, given={}, key=("north",))}
    assert found["data"].more == ('block "sales": other values', 'block "total": other values')
    assert "99.99" in "\n".join(found["again"].more)
    with pytest.raises(ReportError, match="region = east has no rows any more"):
        await rerun(of_json, report, file, "json", origin, given={}, key=("east",))
    with pytest.raises(ReportError, match="no job says whose rows it has, and none of 2 keys has the same rows today"):
        await rerun(of_json, report, file, "json", origin, given={})


async def _completed(connection: Connection, job: int) -> Mapping[str, str] | None:
    rows = await connection.fetch("select name, uri from reportd.artifacts where job_id = $1", job)
    return {row["name"]: row["uri"] for row in rows}


async def test_on_the_command_line_the_database_vouches_for_every_byte(
    dsn: str, empty_dsn: str, shop: Connection, reports: Path, tmp_path: Path
) -> None:
    async with daemon(dsn, tmp_path / "state", reports) as running:
        job = await shop.fetchval(
            "insert into reportd.jobs (kind, formats) values ('sales', '{json,csv}') returning id"
        )
        files = await until(lambda: _completed(shop, job), running)
        assert await running.terminate() == 0
    for name, uri in files.items():
        await asyncio.to_thread(shutil.copy, unquote(urlsplit(uri).path), tmp_path / name)

    whole = await reportd("verify", "sales.json", "sales-sales.csv", "--json", home=tmp_path, dsn=dsn)
    assert whole.status == 0, whole.out
    assert [[check["subject"] for check in each["checks"]] for each in whole.json] == [["origin", "data", "file"]] * 2

    offline = await reportd("verify", "sales.json", home=tmp_path)
    assert offline.status == 0
    assert offline.out.startswith("sales.json: verified\n  ✓ origin  sales, data as of 20")
    elsewhere = await reportd("verify", "sales.json", home=tmp_path, dsn=empty_dsn)
    assert (elsewhere.status, "no jobs of reportd" in elsewhere.out) == (0, True)
    nothing = await reportd("verify", "sales-sales.csv", home=tmp_path)
    assert nothing.status == 1
    assert "give --dsn" in nothing.out

    changed = tmp_path / "sales-sales.csv"
    changed.write_bytes(changed.read_bytes().replace(b"24.69", b"24.70"))
    said = await reportd("verify", changed.name, "--job", str(job), "--rerun", home=tmp_path, dsn=dsn)
    assert said.status == 1
    for told in (
        "sales-sales.csv: not verified",
        f"✗ file    job {job} made sales-sales.csv with other bytes",
        "✓ data    the database says the same today",
        "row 2, amount: 24.70, now 24.69",
    ):
        assert told in said.out, said.out

    (tmp_path / "letter.txt").write_text("Dear Sir")
    assert "in no format that reportd makes" in (await reportd("verify", "letter.txt", home=tmp_path)).out
    (tmp_path / "other.json").write_text('{"meta": {}}')
    other = await reportd("verify", "other.json", home=tmp_path)
    assert (other.status, "does not say where it comes from" in other.out) == (1, True)
