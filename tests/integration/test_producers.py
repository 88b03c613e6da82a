"""Jobs ordered by other people's clients, as the README shows it, in one transaction with the application's own row."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg.conninfo
import pytest

from reportd.db.queries import Connection

README = Path(__file__).parent.parent.parent / "README.md"
SCHEMA = {"properties": {"region": {"type": "string"}, "day": {"type": "string"}}, "additionalProperties": False}
FULL = "insert into reportd.jobs (kind, params, formats, run_at, unique_key) values "


@dataclass(frozen=True)
class Producer:
    """A client: `heading` is the README's line above its snippet, `language` the snippet's; `setup` what comes before.

    `spoil` replaces the part of the snippet that commits, so that it rolls back. `full` orders with every column.
    """

    heading: str
    language: str
    setup: str
    spoil: tuple[str, str]
    full: str

    def snippet(self) -> str:
        text = README.read_text(encoding="utf-8").partition("### From your language")[2]
        found = re.search(
            rf"^{re.escape(self.heading)}.*?^```{self.language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE
        )
        assert found, self.heading
        return found.group(1)


# Python's blocks end with the transaction: one line more, and what happened before it is rolled back.
FAIL = ('["pdf", "csv"]]', '["pdf", "csv"]] + stop()')
PYTHON = """\
import datetime, json
def stop(): raise SystemExit(9)
later = datetime.datetime.fromisoformat("2099-01-01T12:00:00+02:00")
"""
VALUES = '["sales", {params}, ["csv"], later, "key-1"]'

PRODUCERS = {
    "psql": Producer(
        heading="psql:",
        language="pgsql",
        setup="\\set ON_ERROR_STOP 1\n",
        spoil=("commit;", "rollback;"),
        full=FULL + "('sales', '{\"region\": \"Süd''s\"}', '{csv}', '2099-01-01 12:00+02', 'key-1');",
    ),
    "node-pg": Producer(
        heading="Node.js",
        language="js",
        setup='const { Client } = require("pg");\n',
        spoil=('client.query("commit")', 'client.query("rollback")'),
        full=f'await client.query("{FULL} ($1, $2, $3, $4, $5)",'
        ' ["sales", { region: "Süd\'s" }, ["csv"], new Date("2099-01-01T12:00:00+02:00"), "key-1"]);',
    ),
    "psycopg": Producer(
        heading="Python, with psycopg 3:",
        language="python",
        setup=PYTHON
        + "import psycopg\nfrom psycopg.types.json import Jsonb\nconnection = psycopg.connect(autocommit=True)\n",
        spoil=FAIL,
        full=f'connection.execute("{FULL} (%s, %s, %s, %s, %s)", '
        + VALUES.format(params="""Jsonb({"region": "Süd's"})""")
        + ")",
    ),
    "sqlalchemy": Producer(
        heading="SQLAlchemy:",
        language="python",
        setup=PYTHON
        + "from sqlalchemy import JSON, bindparam, create_engine, text\nfrom sqlalchemy.orm import Session\n"
        'engine = create_engine("postgresql+psycopg://")\n',
        spoil=('"formats": ["pdf", "csv"]}', '"formats": stop()}'),
        full="with Session(engine) as session, session.begin():\n"
        f'    session.execute(text("{FULL} (:kind, :params, :formats, :run_at, :key)")'
        '.bindparams(bindparam("params", type_=JSON)), {"kind": "sales", "params": {"region": "Süd\'s"},'
        ' "formats": ["csv"], "run_at": later, "key": "key-1"})',
    ),
    "django": Producer(
        heading="Django:",
        language="python",
        setup=PYTHON + "import os, django\nfrom django.conf import settings\n"
        'settings.configure(USE_TZ=True, DATABASES={"default": {"ENGINE": "django.db.backends.postgresql",'
        ' "NAME": os.environ["PGDATABASE"]}})\n'
        "django.setup()\nfrom django.db import connection, transaction\n",
        spoil=FAIL,
        full="with connection.cursor() as cursor:\n"
        f'    cursor.execute("{FULL} (%s, %s, %s, %s, %s)", '
        + VALUES.format(params="""json.dumps({"region": "Süd's"})""")
        + ")",
    ),
}


@pytest.fixture
async def shop(connection: Connection) -> Connection:
    """A database with an application's table and the kind that it orders."""
    await connection.execute("create table public.purchases (customer text not null)")
    await connection.execute(
        "insert into reportd.kinds (name, type, title, params_schema, formats, content_hash)"
        " values ('sales', 'report', 'Sales', $1, '{pdf,csv}', '1')",
        json.dumps(SCHEMA),
    )
    return connection


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory with the `pg` package; a test without node, npm or the registry is skipped."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: apt-get install nodejs npm")
    directory = tmp_path_factory.mktemp("node")
    # A registry that is there answers at once; npm's own patience with one that is not is two minutes.
    once = ["--fetch-retries=0", "--fetch-timeout=10000"]
    quiet = [*once, "--silent", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", str(directory)]
    try:
        done = subprocess.run([npm, "install", *quiet, "pg@8"], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not install pg within 60 s")
    if done.returncode != 0:
        pytest.skip(f"npm could not install pg: {done.stderr.strip()[-200:]}")
    return str(directory / "node_modules")


async def produce(name: str, code: str, dsn: str, directory: Path, modules: str = "") -> int:
    """Run `code` as a client of the database at `dsn`; its exit status."""
    producer = PRODUCERS[name]
    match producer.language:
        case "pgsql":
            program, file = ["psql", "-X", "-q", "-f"], directory / "order.sql"
            script = producer.setup + code
        case "js":
            program, file = ["node"], directory / "order.js"
            body = f"const client = new Client();\nawait client.connect();\n{code}\nawait client.end();"
            script = f"{producer.setup}(async () => {{\n{body}\n}})();\n"
        case _:
            program, file = [sys.executable], directory / "order.py"
            script = producer.setup + code
    file.write_text(script, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *program,
        str(file),
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NODE_PATH": modules, **libpq(dsn)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode in (0, 9), said.decode()
    return process.returncode


def libpq(dsn: str) -> Mapping[str, str]:
    """`dsn` as the environment variables that every one of these clients reads."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    return {names[key]: str(value) for key, value in given.items() if key in names}


def modules_for(name: str, request: pytest.FixtureRequest) -> str:
    if PRODUCERS[name].language == "pgsql" and shutil.which("psql") is None:
        pytest.skip("psql is not installed: apt-get install postgresql-client")
    return str(request.getfixturevalue("node_modules")) if PRODUCERS[name].language == "js" else ""


@pytest.mark.parametrize("name", PRODUCERS)
async def test_the_order_that_the_readme_shows_comes_with_the_application_s_row_or_not_at_all(
    name: str, shop: Connection, dsn: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    modules = modules_for(name, request)
    snippet, (commit, rollback) = PRODUCERS[name].snippet(), PRODUCERS[name].spoil
    assert commit in snippet
    await produce(name, snippet.replace(commit, rollback), dsn, tmp_path, modules)
    assert await shop.fetchval("select count(*) from public.purchases") == 0
    assert await shop.fetchval("select count(*) from reportd.jobs") == 0
    assert await produce(name, snippet, dsn, tmp_path, modules) == 0
    assert await shop.fetchval("select array_agg(customer) from public.purchases") == ["Novák"]
    job = await shop.fetchrow("select kind, params, formats, status from reportd.jobs")
    assert job is not None
    assert (job["kind"], json.loads(job["params"]), job["formats"], job["status"]) == (
        "sales",
        {"region": "north"},
        ["pdf", "csv"],
        "pending",
    )


@pytest.mark.parametrize("name", PRODUCERS)
async def test_every_type_of_a_job_s_columns_arrives_as_it_was_meant(
    name: str, shop: Connection, dsn: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    modules = modules_for(name, request)
    assert await produce(name, PRODUCERS[name].full, dsn, tmp_path, modules) == 0
    job = await shop.fetchrow("select params, formats, run_at, unique_key, active_key, status from reportd.jobs")
    assert job is not None
    assert json.loads(job["params"]) == {"region": "Süd's"}
    assert job["formats"] == ["csv"]
    assert job["run_at"] == datetime(2099, 1, 1, 10, tzinfo=UTC)
    assert (job["unique_key"], job["active_key"], job["status"]) == ("key-1", "key-1", "pending")
