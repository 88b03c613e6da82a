"""Runs tests: a database of its own for each, the daemon's own stages, and what came out held against the test."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reportd import daemon, plugins
from reportd.config import Config
from reportd.db import throwaway
from reportd.db.client import client
from reportd.db.pool import Pool, create_pool
from reportd.errors import ReportdError
from reportd.job import Artifact, Job
from reportd.kinds import split
from reportd.pipeline import Parts, clear, produce, settled
from reportd.progress import Progress
from reportd.proving import expect, golden
from reportd.proving.cases import Case, Fixture, GivenBlock
from reportd.proving.expect import Difference, Facts
from reportd.proving.golden import Made
from reportd.report.definition import Report
from reportd.report.lexer import TokenKind, tokens
from reportd.report.params import resolve

FACTS = "facts"
_LEAF = "reportd.render.facts:Facts"
_CLOCK = ("current_date", "current_timestamp", "current_time", "localtimestamp", "localtime")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one test ended; `written` are the goldens that have changed."""

    case: Case
    differences: tuple[Difference, ...]
    seconds: float
    written: tuple[Path, ...] = ()


@asynccontextmanager
async def bench(config: Config, server_dsn: str, cases: Iterable[Case]) -> AsyncIterator[Bench]:
    """Where `cases` run: the server at `server_dsn` gives them databases; `config` has the limits, and where files go.

    Errors: DatabaseUnavailable; RenderError where nothing can be rendered here.
    """
    # To load a renderer takes its time, PDF's most of all.
    wanted = {name for case in cases for name in _formats(case)}
    formats = {name: place for name, place in plugins.formats().items() if name in wanted} | {FACTS: _LEAF}
    async with _pool(server_dsn) as server, daemon.parts_of(config, server, server, formats=formats) as parts:
        await parts.render.start()
        async with AsyncExitStack() as stack:
            yield Bench(server_dsn, parts, stack)


class Bench:
    """Made by `bench`. Equal fixtures are loaded once, into a database that each test's is a copy of."""

    def __init__(self, server_dsn: str, parts: Parts, stack: AsyncExitStack) -> None:
        self._server_dsn = server_dsn
        self._parts = parts
        self._stack = stack
        self._loaded: dict[str, str] = {}

    async def run(self, case: Case, report: Report, *, update: bool = False) -> Verdict:
        """Run one test; with `update` its goldens are written, not compared.

        What report and test do wrong becomes differences. Errors: DatabaseUnavailable.
        """
        started = time.monotonic()
        found: list[Difference] = []
        written: list[Path] = []
        artifacts: Sequence[Artifact] = ()
        error: ReportdError | None = None
        try:
            async with self._database(case) as dsn, _pool(dsn) as pool:
                artifacts = await self._produced(case, report, pool)
        except ReportdError as raised:
            error = raised
        if (wrong := expect.failed(case, error)) is not None:
            found.append(wrong)
        elif error is None:
            facts, made, pages = _read(artifacts)
            found += expect.differences(case, facts, pages=pages)
            try:
                for each in case.golden:
                    if update:
                        written += golden.update(case, each, made.get(each, ()), facts)
                    else:
                        found += golden.compare(case, each, made.get(each, ()), facts)
            except ReportdError as refused:
                found.append(Difference(f"{case.path}:{case.line}", refused.message))
            for artifact in artifacts:
                await self._parts.store.delete(artifact.uri)
        return Verdict(case, tuple(found), time.monotonic() - started, tuple(written))

    @asynccontextmanager
    async def _database(self, case: Case) -> AsyncIterator[str]:
        """A database with the case's fixture, where it is the case's time."""
        key = json.dumps(asdict(case.fixture))
        if key not in self._loaded:
            self._loaded[key] = await self._load(case.fixture)
        async with throwaway.database(self._server_dsn, template=self._loaded[key]) as dsn:
            clock = (files("reportd.proving") / "clock.sql").read_text(encoding="utf-8")
            await throwaway.pin(dsn, clock, moment=case.now.isoformat())
            yield dsn

    async def _load(self, fixture: Fixture) -> str:
        """The name of a new database that holds `fixture`."""
        dsn = await self._stack.enter_async_context(throwaway.database(self._server_dsn))
        async with client(dsn, application_name="reportd test") as connection:
            for setting, value in fixture.settings.items():
                await connection.execute("select set_config($1, $2, false)", setting, value)
            for path, script in fixture.scripts:
                await throwaway.run(connection, script, path=path)
            for table, rows in fixture.rows.items():
                await throwaway.insert(connection, table, rows)
        return throwaway.name_of(dsn)

    async def _produced(self, case: Case, report: Report, source: Pool) -> Sequence[Artifact]:
        """The files of the report as the case orders it. Errors: those of a job's stages."""
        parts = replace(self._parts, source=source, queue=source, settings=_settings(case, self._parts))
        timezone = case.timezone or report.timezone or parts.settings.timezone
        resolved = resolve(report.params, case.params, now=case.now, timezone=timezone)
        formats = _formats(case)
        unknown = [name for name in formats if name not in plugins.formats()]
        if unknown:
            known = ", ".join((golden.VALUES, *plugins.formats()))
            raise ReportdError(f'there is no golden "{unknown[0]}" (known: {known})')
        job = Job(
            id=0,
            kind=report.name,
            queue="default",
            priority=0,
            run_at=case.now,
            created_at=case.now,
            attempt=1,
            failures=0,
            crashes=0,
            max_attempts=1,
            timeout_s=report.timeout_s or 300.0,
            name=case.title,
            params=case.params,
            params_resolved=resolved.as_json(),
            formats=(*formats, FACTS),
            metadata={"reportd": {"locale": case.locale}} if case.locale else {},
        )
        try:
            tested = _as_tested(report, case)
            if not (tested.burst and tested.burst.split):
                return (await produce(job, tested, parts, Progress())).artifacts
            # No document has all rows: the first stands for the others.
            job = await settled(job, tested, parts)
            sample = await split.sample(job, tested, parts)
            return (await produce(job, tested, parts, Progress(), dataset=sample)).artifacts
        finally:
            # The next case must not find this one's rows.
            clear(job, parts)


def _formats(case: Case) -> tuple[str, ...]:
    """What the case has to be made in, beside the facts."""
    named = (name for name in case.golden if name != golden.VALUES)
    return tuple(dict.fromkeys((*named, *([golden.PDF] if case.pages else []))))


def _settings(case: Case, parts: Parts) -> Any:
    return replace(parts.settings, timezone=case.timezone) if case.timezone else parts.settings


def _as_tested(report: Report, case: Case) -> Report:
    """The report over the case's rows and clock; nothing is delivered."""
    blocks = tuple(
        replace(block, sql=_rows_sql(case.blocks[block.name]) if block.name in case.blocks else _clocked(block.sql))
        for block in report.blocks
    )
    return replace(report, blocks=blocks, deliver=None, timezone=case.timezone or report.timezone)


def _clocked(sql: str) -> str:
    """`sql` with the test's clock for the words that no schema can redefine."""
    pieces, end = [], 0
    for token in tokens(sql):
        word = sql[token.start : token.end].lower()
        if token.kind is TokenKind.WORD and word in _CLOCK and not sql[token.end :].lstrip().startswith("("):
            pieces += [sql[end : token.start], f'reportd_clock."{word}"()']
            end = token.end
    return "".join([*pieces, sql[end:]])


def _rows_sql(given: GivenBlock) -> str:
    """A query that gives the rows of a test in their order."""
    text = json.dumps([dict(row) for row in given.rows], ensure_ascii=False).replace("'", "''")
    columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in given.columns.items())
    return f"select * from json_to_recordset('{text}') as given ({columns})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(artifacts: Sequence[Artifact]) -> tuple[Facts, Mapping[str, list[Made]], int | None]:
    """The facts, the other files by format, and how many pages the PDF has."""
    made: dict[str, list[Made]] = {}
    for artifact in artifacts:
        file = Made(artifact.name, Path(unquote(urlsplit(artifact.uri).path)), artifact.content_type)
        made.setdefault(artifact.format, []).append(file)
    facts: Facts = json.loads(made.pop(FACTS)[0].path.read_text(encoding="utf-8"))
    return facts, made, next((artifact.pages for artifact in artifacts if artifact.format == "pdf"), None)


@asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(dsn, min_size=0, max_size=2, application_name="reportd test", statement_cache_size=0)
    try:
        yield pool
    finally:
        pool.terminate()
