"""Every type, text and name in every format: one report, fetched once from Postgres, made once in each format."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd import fetch, plugins
from reportd.db.pool import create_pool
from reportd.fetch import FetchLimits
from reportd.render import leaves
from reportd.render.build import build
from reportd.render.task import RenderSettings
from reportd.report.definition import ReportSource
from reportd.report.formats import canonical
from reportd.report.params import resolve
from reportd.report.sqlfile import parse
from reportd.spool import Dataset
from tests import postgres
from tests.integration.render.forms import CUT_ON_PAPER, FORMS, SETUP, ZONE, Form
from tests.integration.render.readers import READERS, Sheet, sheets

FORMATS = tuple(READERS)
README = Path(__file__).parents[3] / "README.md"
# The first column of each table: a page that is divided by columns repeats it.
KEY = "key"
# Two of one name are refused before they are fetched.
NAMES = ["a", "A", 'say "x", y', "=1+1", "naïve 名", "two\nlines", "_x0041_", "?column?", "x" * 63]
NULLS: Mapping[str, str | None] = dict.fromkeys(FORMATS) | {"html": "–", "pdf": "–"}


@dataclass(frozen=True)
class Made:
    """The report in every format, read back: by format, by block."""

    dataset: Dataset
    found: Mapping[str, Mapping[str, Sheet]]
    xml: bool


def sql(form: Form, *, xml: bool) -> str:
    value = form.sql if form.name != "xml" or xml else "null::xml"
    return f'case when n = 1 then {value} end as "{form.name}"'


def report(*, xml: bool) -> str:
    quoted = [name.replace('"', '""') for name in NAMES]
    return "\n".join(
        [
            "-- @table values",
            f"select n as {KEY}, {', '.join(sql(form, xml=xml) for form in FORMS)} from generate_series(1, 2) n;",
            "-- @table names",
            f"select 0 as {KEY}, " + ", ".join(f'{n} as "{name}"' for n, name in enumerate(quoted, start=1)) + ";",
            "-- @table wide",
            f"select 0 as {KEY}, " + ", ".join(f"{n} as c{n}" for n in range(1, 300)) + ";",
            "-- @table nothing",
            f"select 0 as {KEY}, 1.5 as amount, date '2026-10-31' as day where false;",
        ]
    )


async def fetched(dsn: str, directory: Path) -> tuple[Any, Dataset, bool]:
    """The report, its spool, and whether the server knows XML."""
    async with postgres.fresh(dsn) as fresh:
        connection = await asyncpg.connect(fresh)
        try:
            await connection.execute(SETUP)
            xml = await connection.fetchval("select '<a/>'::xml is not null")
        except asyncpg.FeatureNotSupportedError:
            xml = False
        finally:
            await connection.close()
        made = parse(ReportSource("forms", {"forms.sql": report(xml=xml)}, "forms.sql"))
        params = resolve(made.params, {}, now=datetime.now(UTC), timezone=ZONE)
        pool = await create_pool(fresh, min_size=0, max_size=1, application_name="forms")
        try:
            limits = FetchLimits()
            dataset = await fetch.fetch(pool, made, params, directory=directory, timezone=ZONE, limits=limits)
        finally:
            await pool.close()
    return made, dataset, xml


@pytest.fixture(scope="module")
def made(server_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    directory = tmp_path_factory.mktemp("forms")
    kept: list[tuple[Any, Dataset, bool]] = []

    async def keep() -> None:
        kept.append(await fetched(server_dsn, directory / "spool"))

    postgres.run(keep())
    [(parsed, dataset, xml)] = kept
    document = build(parsed, dataset, settings=RenderSettings())
    widths = {name: len(block.columns) for name, block in dataset.blocks.items()}
    renderers = leaves.load({name: plugins.formats()[name] for name in FORMATS})
    found = {}
    for name in FORMATS:
        out = directory / name
        out.mkdir()
        files = renderers.renderer(name).render(document, out=out, settings=RenderSettings())
        shown = {block: width for block, width in widths.items() if name not in ("html", "pdf") or block != "nothing"}
        found[name] = sheets(name, [Path(file.path) for file in files], shown)
    return Made(dataset, found, xml)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_value_has_its_stated_form(made: Made, form: Form, format: str) -> None:
    sheet = made.found[format]["values"]
    place = 1 + FORMS.index(form)
    value, null = (row[place] for row in sheet.rows[:2])
    expected = form.expected(format) if form.name != "xml" or made.xml else NULLS[format]

    assert null == NULLS[format]
    if format == "pdf" and form.name in CUT_ON_PAPER:
        assert _packed(value).startswith(CUT_ON_PAPER[form.name] * 3)
        assert value.endswith("…")
    elif format == "pdf":
        # A line that is broken where a blank was has none.
        assert _packed(value) == _packed(expected)
    else:
        assert repr(value) == repr(expected)
    if format == "parquet":
        assert sheet.types[place] == form.parquet[0]


def _packed(value: Any) -> str:
    return re.sub(r"\s+", "", str(value))


def test_names_are_kept_and_told_apart_where_a_format_needs_it(made: Made) -> None:
    names = {format: made.found[format]["names"].names[1:] for format in FORMATS}

    assert names["csv"] == names["json"] == names["ndjson"] == names["parquet"] == NAMES
    assert names["csv-excel"] == [*NAMES[:3], "'=1+1", *NAMES[4:]]
    assert names["tsv"] == [name.replace("\n", r"\n") for name in NAMES]
    # Headings: an Excel table has each name once whatever its case, and none that spans lines.
    assert names["xlsx"][:5] == ["A", "A 2", 'say "x", y', "=1+1", "naïve 名"]
    assert len({name.casefold() for name in names["xlsx"]}) == len(NAMES)
    assert [_packed(name) for name in names["html"][2:5]] == ['say"x",y', "=1+1", "naïve名"]
    assert [_packed(name) for name in names["pdf"]] == [_packed(name) for name in names["html"]]


@pytest.mark.parametrize("format", FORMATS)
def test_every_column_has_its_own_value_whatever_it_is_called(made: Made, format: str) -> None:
    [row] = made.found[format]["names"].rows
    assert [int(value) for value in row] == list(range(len(NAMES) + 1))


@pytest.mark.parametrize("format", FORMATS)
def test_three_hundred_columns_are_all_there(made: Made, format: str) -> None:
    sheet = made.found[format]["wide"]
    assert len(sheet.names) == 300
    assert [int(value) for value in sheet.rows[0]] == list(range(300))


@pytest.mark.parametrize("format", [name for name in FORMATS if name not in ("html", "pdf")])
def test_no_rows_are_a_table_all_the_same(made: Made, format: str) -> None:
    sheet = made.found[format]["nothing"]
    assert sheet.rows == []
    assert sheet.names == {"ndjson": [], "xlsx": ["Key", "Amount", "Day"]}.get(format, [KEY, "amount", "day"])


async def test_tsv_goes_back_into_postgres_as_it_came(made: Made, empty_dsn: str) -> None:
    sheet = made.found["tsv"]["values"]
    places = [1 + FORMS.index(form) for form in FORMS if form.name.startswith(("text", "array_text", "json"))]
    lines = ["\t".join(r"\N" if row[place] is None else row[place] for place in places) for row in sheet.rows]
    connection = await asyncpg.connect(empty_dsn)
    try:
        await connection.execute("create table t (" + ", ".join(f"c{place} text" for place in places) + ")")

        async def source() -> AsyncIterator[bytes]:
            yield "".join(f"{line}\n" for line in lines).encode()

        await connection.copy_to_table("t", source=source())
        rows = await connection.fetch("select * from t")
    finally:
        await connection.close()
    assert [list(row) for row in rows] == [
        [FORMS[place - 1].csv for place in places],
        [None] * len(places),
    ]


def test_the_readme_names_types_that_are_tried_here(made: Made) -> None:
    _, _, told = README.read_text(encoding="utf-8").partition("\n#### Values in each format\n")
    cells = re.findall(r"^\| ([^|]+?) \|", told.partition("\n#")[0], re.MULTILINE)
    named = {canonical(name) for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    tried = {canonical(column.type) for column in made.dataset.blocks["values"].columns}

    assert len(named) > 15
    assert named <= tried
