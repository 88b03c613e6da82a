"""The README says what the code does: its tables name every key, its examples run."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import click
import pytest

from reportd import errors, fetch
from reportd.cli import app
from reportd.cli.app import Exit
from reportd.config.tables import Config
from reportd.db.queries import Connection
from reportd.errors import ReportdError
from reportd.report import assembly, blocks, declarations, params, periods, sqlfile
from reportd.report.definition import ParamType, ReportSource

README = (Path(__file__).parents[2] / "README.md").read_text()
CODE = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
REPORTS = [text for language, text in CODE if language == "sql" and ("-- @kpi" in text or "reports/large" in text)]


def section(heading: str) -> str:
    """The text from `heading` to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    _, _, rest = README.partition(f"\n{heading}\n")
    assert rest, heading
    return re.split(rf"\n#{{1,{level}}} ", rest)[0]


def first_cells(text: str) -> set[str]:
    """Every word in backquotes of the first cells of a section's tables."""
    cells = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_kind_of_block_is_told_with_its_options() -> None:
    told = section("### Blocks")
    assert {word.partition(" ")[0].removeprefix("@") for word in first_cells(told)} == set(blocks.BLOCKS)
    options = [option for rule in blocks.BLOCKS.values() for option in rule.options.items()]
    words = {"column": "COLUMN", "columns": "COLUMN", "block": "BLOCK"}
    assert all(f"`{name}={takes[0] if isinstance(takes, tuple) else words[takes]}" in told for name, takes in options)


def test_every_key_of_the_front_matter_is_told() -> None:
    told = {word.partition(".")[0] for word in first_cells(section("### Front matter"))}
    assert told == set(assembly.KEYS)


def test_every_key_and_type_of_a_parameter_is_told() -> None:
    told = {word.partition(" ")[0] for word in first_cells(section("### Parameters"))}
    assert set(declarations._PARAM_KEYS) <= told
    assert set(get_args(ParamType)) - {"any"} <= told


def test_every_period_that_is_told_is_understood() -> None:
    _, _, table = section("### Parameters").partition("| period | means |")
    words = first_cells(table)
    assert len(words) > 15
    for word in words:
        periods.period(word, today=date(2026, 11, 22))


def test_every_exit_status_is_told() -> None:
    told = re.findall(r"^\| (\d+) \| (.+?) \|$", section("## Operate"), re.MULTILINE)
    assert [int(number) for number, _ in told] == [int(status) for status in Exit]
    epilog = " ".join(str(app.reportd.epilog).split())
    for number, meaning in told:
        assert f"{number} {meaning.replace('`', '')}" in epilog


def test_error_codes_are_told_as_they_are() -> None:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ReportdError)]
    codes = {kind.code: kind.retryable for kind in classes}
    rows = re.findall(r"^\| (`[^|]+) \| (yes|no|yes, no|goes back) \|", section("## Operate"), re.MULTILINE)
    assert len(rows) >= 6
    for cell, retried in rows:
        names = re.findall(r"`([^`]+)`", cell)
        said = retried.split(", ") * (len(names) if ", " not in retried else 1)
        for name, answer in zip(names, said, strict=True):
            assert name in codes
            if answer != "goes back":
                assert codes[name] == (answer == "yes"), name


def test_every_setting_that_is_told_exists_with_its_default() -> None:
    fields = {
        f"{table}.{key}": field.default
        for table, model in Config.model_fields.items()
        for key, field in getattr(model.annotation, "model_fields", {}).items()
    }
    for cell, default in re.findall(r"^\| (`\w+\.[^|]+?) \| ([^|]+) \|", section("## Configuration"), re.MULTILINE):
        names = re.findall(r"`(\w+\.\w+)`", cell)
        assert names
        for name in names:
            assert name in fields
        numbers = [float(word) for word in re.findall(r"\d+", default)]
        if len(numbers) == len(names):
            assert [fields[name] for name in names] == numbers, cell


def test_every_command_that_is_shown_exists() -> None:
    shown = set(
        re.findall(r"\breportd (run|[a-z]+)(?= |\n|`|\)|,)", "\n".join(re.findall(r"`(reportd [^`]+)`", README)))
    )
    shown |= {
        line.split()[1]
        for language, text in CODE
        if language == "sh"
        for line in text.splitlines()
        if line[:8] == "reportd "
    }
    assert shown <= set(app.reportd.list_commands(click.Context(app.reportd)))
    assert len(shown) >= 6


@pytest.fixture
async def shop(connection: Connection) -> Connection:
    """A database with the table that the README's reports read."""
    [table] = [text for language, text in CODE if language == "sql" and "create table orders" in text]
    await connection.execute(table)
    return connection


@pytest.mark.parametrize("text", REPORTS, ids=lambda text: text.splitlines()[0])
async def test_every_report_that_is_shown_is_proved_on_its_table(text: str, shop: Connection) -> None:
    report = sqlfile.parse(ReportSource("shown", {"shown.sql": text}, "README.md"))
    assert await fetch.check(shop, report) == []


async def test_every_order_and_schedule_that_is_shown_is_taken(shop: Connection) -> None:
    [text] = [text for text in REPORTS if "-- @kpi" in text]
    report = sqlfile.parse(ReportSource("sales", {"sales.sql": text}, "README.md"))
    await shop.execute(
        "insert into reportd.kinds (name, type, title, params_schema, formats, content_hash)"
        " values ('sales', 'report', 'Sales', $1, '{pdf,xlsx,csv,json}', 'x')",
        json.dumps(params.schema_of(report.params)),
    )
    shown = [text for language, text in CODE if language == "sql" and "insert into reportd" in text]
    assert len(shown) == 4
    for text in shown:
        await shop.execute(text)
    orders = await shop.fetch("select params from reportd.jobs order by id")
    assert len(orders) == 3
    for order in orders:
        params.resolve(report.params, json.loads(order["params"]), now=datetime.now(UTC), timezone="UTC")
    assert await shop.fetchval("select is_paused from reportd.schedules where name = 'north-weekly'")
