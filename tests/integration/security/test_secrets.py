"""A secret param is where it was ordered and nowhere else: a real daemon, jobs that succeed and fail in every stage."""

from __future__ import annotations

import json
import traceback
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from textwrap import dedent
from typing import Any
from zipfile import ZipFile

import pikepdf
import pytest

from reportd import spool
from reportd.db.pool import Pool
from reportd.errors import QueryError, ReportCodeError, ReportdError
from reportd.fetch import inquire
from reportd.report.definition import Param
from reportd.report.params import Value, resolve
from reportd.report.secrecy import discreet, hidden
from tests.conftest import Eventually
from tests.daemons import daemon
from tests.integration.cli.commands import reportd
from tests.integration.security.asking import LIMITS, NOW, ZONE, fetched, report, rows
from tests.integration.security.conftest import Connection

SECRET = "hunter2-Ünsagbar"
PARAM = '-- params.key = { type = "text", secret = true, pattern = "[^!]+" }\n'
REPORTS = {
    # Runs long enough to be looked at.
    "good": (
        PARAM + '-- params.dark = { type = "text", many = true, secret = true }\n-- ///\n'
        "-- @kpi\nselect length(:key) as letters, cardinality(:dark) as keys, pg_sleep(0.7)::text as slept;\n"
        '-- @table "Rows"\nselect n, md5(:key || n) as digest from generate_series(1, 20) as n;\n'
    ),
    "cast": PARAM + "-- ///\nselect upper(:key)::int as n;\n",
    "raised": PARAM + "-- ///\nselect pg_catalog.set_config('search_path', :key || repeat('x', 1), true)::int as n;\n",
    "json": PARAM + "-- ///\nselect ('{' || :key)::json as j;\n",
    "missing": PARAM + "-- ///\nselect :key as k from nowhere;\n",
    "choice": (
        "-- params.key = { type = 'enum', secret = true, choices_sql = \"select 'other'\" }\n"
        "-- ///\nselect :key as k;\n"
    ),
}
CODE = """
from reportd import Document

def fetch(ctx):
    ctx.query("select :k::text as k", k=ctx.params["key"])
    raise ValueError("could not log in with " + ctx.params["key"])
"""


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, text in REPORTS.items():
        (folder / f"{name}.sql").write_text(f"-- /// report\n{text}")
    (folder / "coded").mkdir()
    (folder / "coded" / "report.toml").write_text('params.key = { type = "text", secret = true }\n')
    (folder / "coded" / "report.py").write_text(dedent(CODE))
    return folder


async def test_a_secret_is_in_no_log_row_file_or_process(
    dsn: str, connection: Connection, eventually: Eventually, reports: Path, tmp_path: Path
) -> None:
    order = "insert into reportd.jobs (kind, params, formats, max_attempts) values ($1, $2, $3, 1) returning id"
    plain = json.dumps({"key": SECRET})
    async with daemon(dsn, tmp_path / "state", reports, environment={"REPORTD_LOG__LEVEL": "debug"}) as running:
        both = json.dumps({"key": SECRET, "dark": [f"{SECRET}-1", f"{SECRET}-2"]})
        formats = await connection.fetchval("select formats from reportd.kinds where name = 'good'")
        good = await connection.fetchval(order, "good", both, formats)
        bad = [
            await connection.fetchval(order, name, plain, ["csv"])
            for name in (*(name for name in REPORTS if name != "good"), "coded")
        ]
        late = await connection.fetchval(order, "cast", json.dumps({"key": f"{SECRET}!"}), ["csv"])
        seen: list[str] = []
        processes: dict[int, str] = {}

        async def ended() -> bool:
            seen.append(await connection.fetchval("select json_agg(query)::text from pg_stat_activity"))
            seen.append(await connection.fetchval("select json_agg(j)::text from reportd.jobs, reportd.why(id) as j"))
            for pid in [running.pid, *running.descendants()]:
                with suppress(OSError):
                    said = [Path(f"/proc/{pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
                    processes[pid] = "\n".join(said)
            return bool(await connection.fetchval("select bool_and(finished_at is not null) from reportd.jobs"))

        await eventually(ended, 40)
        ends = await connection.fetch("select id, status from reportd.jobs")
        assert {row["id"]: row["status"] for row in ends} == {
            good: "completed",
            **dict.fromkeys([*bad, late], "failed"),
        }
        rendering = [text for text in seen if "pg_sleep" in text]
        shown = await reportd("jobs", "show", str(good), "--json", home=tmp_path, dsn=dsn)
        await running.terminate()

    assert rendering, "the query was never looked at while it ran"
    assert len(processes) > 2
    found = {
        "the log": json.dumps(running.events, ensure_ascii=False),
        "the server's list of statements, and why": "\n".join(seen),
        "the list of processes": "\n".join(processes.values()),
        "jobs show": shown.out,
        **{table: text async for table, text in _tables(connection)},
        **dict(_files(tmp_path / "state")),
    }
    assert sum(name.startswith("artifacts/") for name in found) >= len(formats)
    for name, text in found.items():
        for needle in (SECRET, SECRET.upper(), "hunter2", "HUNTER2", json.dumps(SECRET)[1:-1]):
            assert needle not in text, f"{name}: …{text[max(0, text.index(needle) - 200) :][:400]}…"


async def _tables(connection: Connection) -> Any:
    """Every table of ours as text, but for the two columns that say what was ordered."""
    names = await connection.fetch("select tablename from pg_tables where schemaname = 'reportd'")
    for name in (row["tablename"] for row in names):
        text = await connection.fetchval(
            f"select json_agg(to_jsonb(t) - array['params', 'params_resolved'])::text from reportd.{name} as t"
        )
        yield f"reportd.{name}", text or ""


def _files(state: Path) -> Iterator[tuple[str, str]]:
    """Every file that is left, with whatever is packed in it."""
    for path in state.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".xlsx":
            with ZipFile(BytesIO(content)) as package:
                content += b"\n".join(package.read(name) for name in package.namelist())
        elif path.suffix == ".pdf":
            with pikepdf.open(path) as pdf:
                for thing in pdf.objects:
                    if isinstance(thing, pikepdf.Stream):
                        with suppress(pikepdf.PdfError, zlib.error):
                            content += thing.read_bytes()
                content += str(pdf.trailer).encode() + str(pdf.docinfo).encode()
        yield str(path.relative_to(state)), content.decode("utf-8", "replace") + content.decode("utf-16-be", "replace")


async def test_a_secret_is_no_part_of_the_statement_that_uses_it(pool: Pool, tmp_path: Path) -> None:
    asked = report(
        "select current_query() as text, :key || '!' as loud, :n + 1 as n, :open as open",
        head="""
            params.key = { type = "text", secret = true }
            params.n = { type = "int", secret = true }
            params.open = { type = "text" }
        """,
    )

    [[text, *values]] = rows(await fetched(pool, tmp_path / "1", asked, {"key": SECRET, "n": 6, "open": "seen"}))

    assert values == [f"{SECRET}!", "7", "seen"]
    assert text is not None
    assert "'seen'" in text
    assert SECRET not in text
    # Nor does the next query or job find it.
    after = report("select current_setting('reportd.secret_1', true) as s")
    assert rows(await fetched(pool, tmp_path / "2", after)) in ([[""]], [[None]])


async def test_a_secret_that_code_asks_with_under_another_name_is_no_part_of_the_statement(
    pool: Pool, tmp_path: Path
) -> None:
    head = 'params.key = { type = "text", secret = true }\nparams.keys = { type = "text", many = true, secret = true }'
    asked = report("select 1 as n", head=head)
    params = resolve(asked.params, {"key": SECRET, "keys": [f"{SECRET}-1", f"{SECRET}-2"]}, now=NOW, timezone=ZONE)
    given = {"k": Value(SECRET, "text"), "one": Value(f"{SECRET}-2", "text"), "open": Value("seen", "text")}
    block = replace(asked.blocks[0], sql="select :k as k, :one as one, :open as open, current_query() as text")

    nothing = replace(asked, blocks=())
    async with inquire(pool, nothing, params, directory=tmp_path / "1", timezone=ZONE, limits=LIMITS) as inquiry:
        spooled = await inquiry.ask(block, given)

    [[*values, text]] = spool.read(tmp_path / "1" / spooled.file)
    assert values == [SECRET, f"{SECRET}-2", "seen"]
    assert text is not None
    assert "'seen'" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    "sql",
    [
        "select (:key)::int as n",
        "select upper(:key)::int as n",
        "select (array[:key, 'x'])::int[] as n",
        "select :key::date as d",
        "select ('{' || :key)::json as j",
        "select ('(' || :key)::point as p",
        "select regexp_replace('x', '(' || :key, '') as r",
        "select :key::regclass as c",
        "select has_table_privilege(:key, 'select') as h",
        "select :key::uuid as u",
        "select convert_from(convert_to(:key, 'UTF8') || '\\xff', 'UTF8') as c",
    ],
)
async def test_an_error_of_the_server_repeats_no_secret(pool: Pool, tmp_path: Path, sql: str) -> None:
    asked = report(sql, head='params.key = { type = "text", secret = true }')

    given = {"key": "hunter2 trap"}

    with pytest.raises(QueryError) as refused:
        await fetched(pool, tmp_path / "1", asked, given)

    printed = "".join(traceback.format_exception(refused.value))
    assert "hunter2" not in f"{refused.value.message} {refused.value.detail} {printed}".lower()
    assert refused.value.detail["sqlstate"]


def test_an_error_that_passes_repeats_no_secret() -> None:
    params = [
        Param("key", "text", "Key", secret=True),
        Param("pins", "int", "Pins", secret=True, many=True),
        Param("open", "text", "Open"),
    ]
    given = {"key": "hunter2", "pins": [1234, 5678], "open": "seen"}

    with pytest.raises(ReportdError) as caught, discreet(params, given):
        raise ReportCodeError("hunter2 and 1234 and seen", traceback=["x", {"at": "5678"}], line=7)

    assert caught.value.message == str(caught.value) == "••• and ••• and seen"
    assert caught.value.detail == {"traceback": ["x", {"at": "•••"}], "line": 7}


def test_a_jobs_params_are_shown_without_secrets() -> None:
    schema = {"properties": {"key": {"writeOnly": True}, "keys": {"writeOnly": True}, "n": {}}}
    assert hidden({"key": "hunter2", "keys": None, "n": 1}, schema) == {"key": "•••", "keys": None, "n": 1}
    assert hidden(None, schema) is None
