"""Reads tests: `NAME.test.toml` beside `NAME.sql`, any `.toml` in the folder `tests` of a report that is a directory.

```
now     = 2026-10-05T09:00:00+02:00               # the time that the tests run at
fixture = { files = ["../schema.sql"], sql = "…" } # what there is before; or rows.TABLE, or blocks.BLOCK

[test.north]
params      = { region = "north", period = "last month" }
expect.rows = { orders = 12 }
golden      = ["values", "pdf"]
```
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from reportd.errors import ReportError
from reportd.report import frontmatter
from reportd.report.definition import Report
from reportd.report.fault import fault, nearest
from reportd.report.frontmatter import FrontMatter, Table

SUFFIX = ".test.toml"
FOLDER = "tests"
TOLERANCE = 0.00001
"""The share of a page's pixels that may differ: fewer than a changed digit has."""

_SHARED = ("now", "timezone", "locale", "tolerance", "fixture")
_KEYS = ("now", "timezone", "locale", "tolerance", "fixture", "params", "title", "expect", "golden")
_EXPECT = ("rows", "kpis", "totals", "cells", "pages", "error")
_FIXTURE = ("settings", "files", "sql", "rows", "blocks")
_NAME = r"[a-z0-9_-]{1,63}"


@dataclass(frozen=True, slots=True)
class GivenBlock:
    """The rows of one block, in place of its query: `columns` are names and Postgres types, `rows` texts by column."""

    columns: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Fixture:
    """What a database holds: under `settings` the `scripts` (path, SQL) are run, then `rows` go into tables."""

    settings: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[tuple[str, str], ...] = ()
    rows: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that a test expects: `what` as the file writes it (`rows.orders`), `path` into the facts, the value."""

    what: str
    keys: tuple[str, ...]
    value: Any
    line: int


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """The report shall fail with `code`, and `says` (a part of it) in the message."""

    code: str | None
    says: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """One test. `golden` are formats whose files lie in `directory`, and `values` for what the report says."""

    name: str
    report: str
    path: Path
    line: int
    now: datetime
    params: Mapping[str, Any]
    fixture: Fixture
    blocks: Mapping[str, GivenBlock]
    expected: tuple[Expected, ...]
    error: ExpectedError | None
    pages: Expected | None
    golden: tuple[str, ...]
    tolerance: float
    timezone: str | None
    locale: str | None
    title: str | None

    @property
    def id(self) -> str:
        """What the test is called on the command line."""
        return f"{self.report}/{self.name}"

    @property
    def directory(self) -> Path:
        """Where its goldens lie."""
        stem = self.path.name.removesuffix(".toml").removesuffix(".test")
        return self.path.with_name(f"{stem}.golden") / self.name


def files_of(report_path: Path) -> list[Path]:
    """The files of tests that belong to the report at `report_path`, a `.sql` file or a directory."""
    if report_path.is_dir():
        return sorted((report_path / FOLDER).glob("*.toml"))
    beside = report_path.with_suffix(SUFFIX)
    return [beside] if beside.is_file() else []


def read(path: Path, report: Report) -> list[Case]:
    """The tests in the file at `path`, in its order. Errors: ReportError with the line."""
    front = _toml(path)
    table = Table(front, (), front.values, (*_SHARED, "test"))
    tests = table.any("test")
    if not isinstance(tests, dict) or not tests:
        raise fault(str(path), "has no test: begin one with [test.NAME]", line=1)
    return [_case(path, front, table, name, report) for name in tests]


def _toml(path: Path) -> FrontMatter:
    try:
        text = path.read_text(encoding="utf-8")
        front = frontmatter.read_file(str(path), text)
        # 12.50 is to reach Postgres with both its decimals.
        return replace(front, values=tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal))
    except (OSError, UnicodeDecodeError) as error:
        raise fault(str(path), f"can't be read: {error}") from error
    except ReportError as error:
        raise ReportError(error.message.replace("the front matter is", "it is"), **error.detail) from None


def _case(path: Path, front: FrontMatter, shared: Table, name: str, report: Report) -> Case:
    keys = ("test", name)
    if not re.fullmatch(_NAME, name):
        raise front.fault(keys, f'"{name}" can\'t name a test: lower-case letters, digits, _ and -, at most 63')
    own = Table(front, keys, front.values["test"][name], _KEYS)
    expect = Table(front, (*keys, "expect"), own.any("expect") or {}, _EXPECT)
    fixtures = [
        Table(front, (*at, "fixture"), t.any("fixture") or {}, _FIXTURE) for at, t in (((), shared), (keys, own))
    ]
    params = own.any("params") or {}
    if not isinstance(params, dict):
        raise own.wrong("params", 'a table, such as { region = "north" }')
    return Case(
        name=name,
        report=report.name,
        path=path,
        line=front.line(*keys),
        now=_now(own, shared),
        params=plain(params),
        fixture=_fixture(path, fixtures),
        blocks={k: v for each in fixtures for k, v in _blocks(each, report)},
        expected=tuple(_expected(expect)),
        error=_error(expect),
        pages=_pages(expect),
        golden=own.texts("golden", allowed='a list such as ["values", "pdf"]') or (),
        tolerance=_tolerance(own, shared),
        timezone=own.text("timezone") or shared.text("timezone"),
        locale=own.text("locale") or shared.text("locale"),
        title=own.text("title"),
    )


def _now(own: Table, shared: Table) -> datetime:
    table = own if "now" in own else shared
    value = table.any("now")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise table.wrong("now", "a time such as 2026-10-05T09:00:00+02:00") from None
    if value is None:
        raise own.front.fault(own.keys, "now is missing: the time that the test runs at, such as 2026-10-05T09:00:00Z")
    if not isinstance(value, datetime):
        raise table.wrong("now", "a time such as 2026-10-05T09:00:00+02:00")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _tolerance(own: Table, shared: Table) -> float:
    table = own if "tolerance" in own else shared
    value = table.any("tolerance")
    if value is None:
        return TOLERANCE
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
        raise table.wrong("tolerance", "a share of a page's pixels, 0 to 1")
    return float(value)


def _fixture(path: Path, tables: Sequence[Table]) -> Fixture:
    """The file's own fixture, then the test's."""
    settings: dict[str, str] = {}
    scripts: list[tuple[str, str]] = []
    rows: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for table in tables:
        settings |= {name: str(plain(value)) for name, value in _tables(table, "settings")}
        for name in table.texts("files") or ():
            file = path.parent / name
            try:
                scripts.append((str(file), file.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as error:
                raise table.fault("files", f"{file} can't be read: {error}") from None
        if sql := table.text("sql"):
            scripts.append((f"{path}, {table.at}.sql", sql))
        for name, given in _tables(table, "rows"):
            rows[name] = rows.get(name, ()) + _rows(table, "rows", given)
    return Fixture(settings, tuple(scripts), rows)


def _blocks(table: Table, report: Report) -> Iterator[tuple[str, GivenBlock]]:
    names = [block.name for block in report.blocks]
    for name, given in _tables(table, "blocks"):
        if name not in names:
            raise table.front.fault(
                (*table.keys, "blocks", name), f'the report has no block "{name}"{nearest(name, names)}'
            )
        inner = Table(table.front, (*table.keys, "blocks", name), given, ("columns", "rows"))
        columns = inner.any("columns")
        if not isinstance(columns, dict) or not columns or not all(isinstance(kind, str) for kind in columns.values()):
            raise inner.fault(
                "columns", 'must be names and Postgres types, such as { day = "date", amount = "numeric" }'
            )
        rows = inner.any("rows") or []
        if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            rows = [dict(zip(columns, row, strict=False)) for row in rows]
        yield name, GivenBlock(columns, _rows(inner, "rows", rows))


def _tables(table: Table, key: str) -> Iterator[tuple[str, Any]]:
    value = table.any(key) or {}
    if not isinstance(value, dict):
        raise table.wrong(key, "a table by name")
    yield from value.items()


def _rows(table: Table, key: str, given: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(given, list) or not all(isinstance(row, dict) and row for row in given):
        raise table.fault(key, 'must be a list of rows, such as [{ region = "north", amount = 12.5 }]')
    return tuple(plain(row) for row in given)


def _expected(expect: Table) -> Iterator[Expected]:
    front = expect.front
    for block, count in _tables(expect, "rows"):
        keys = (*expect.keys, "rows", block)
        if isinstance(count, bool) or not isinstance(count, int):
            raise front.fault(keys, f"rows.{block} must be a number of rows")
        yield Expected(f"rows.{block}", ("rows", block), count, front.line(*keys))
    for key in ("kpis", "totals"):
        for block, values in _tables(expect, key):
            if not isinstance(values, dict):
                raise front.fault((*expect.keys, key, block), f"{key}.{block} must be a table of columns and values")
            for column, value in values.items():
                line = front.line(*expect.keys, key, block, column)
                yield Expected(f"{key}.{block}.{column}", (key, block, column), value, line)
    for block, rows in _tables(expect, "cells"):
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            keys = (*expect.keys, "cells", block)
            if not isinstance(row, dict) or not isinstance(row.get("row"), int) or row["row"] < 1:
                raise front.fault(keys, f'cells.{block} must be rows such as [{{ row = 1, region = "north" }}]')
            for column, value in row.items():
                if column != "row":
                    what = f"cells.{block}, row {row['row']}, {column}"
                    line = front.line(*keys, column) if len(rows) == 1 else _line_of(front, keys, number)
                    yield Expected(what, ("cells", block, str(row["row"]), column), value, line)


def _line_of(front: FrontMatter, keys: Sequence[str | int], number: int) -> int:
    """The line of the `number`-th row below `keys`: where `row =` is written for that time."""
    return front.line(*keys, number, "row")


def _error(expect: Table) -> ExpectedError | None:
    value = expect.any("error")
    if value is None:
        return None
    line = expect.front.line(*expect.keys, "error")
    if isinstance(value, str):
        return ExpectedError(value, None, line)
    table = Table(expect.front, (*expect.keys, "error"), value, ("code", "says"))
    return ExpectedError(table.text("code"), table.text("says"), line)


def _pages(expect: Table) -> Expected | None:
    count = expect.integer("pages", low=1, high=1_000_000)
    line = expect.front.line(*expect.keys, "pages")
    return None if count is None else Expected("pages", ("pages",), count, line)


def plain(value: Any) -> Any:
    """A TOML value as JSON has it; numbers with a point and times become the texts that Postgres reads."""
    match value:
        case bool() | int() | str() | None:
            return value
        case Decimal():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            raise TypeError(f"{type(value).__name__} is no TOML value")
