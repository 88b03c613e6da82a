"""`reportd test`: run the tests that lie beside reports."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from reportd import plugins, press, telemetry
from reportd.cli.options import find_dsn, json_option
from reportd.cli.output import emit_json
from reportd.config import Config, load
from reportd.db import embedded
from reportd.db.embedded import EXPENDABLE, EmbeddedPostgres
from reportd.errors import UnknownKind
from reportd.plugins import Broken
from reportd.proving import cases, trial
from reportd.proving.cases import Case
from reportd.proving.trial import Verdict
from reportd.report.definition import Report
from reportd.report.fault import nearest

_SERVER = "REPORTD_TEST_DSN"


@click.command()
@click.argument("names", metavar="[REPORT[/TEST]]…", nargs=-1)
@click.option("-k", "part", metavar="PART", help="Only tests with PART in REPORT/TEST.")
@click.option("--update", is_flag=True, help="Write the goldens anew. Look at them before you commit them.")
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of reports; may be repeated. Default: the config file's, else ./reports.",
)
@click.option(
    "--dsn",
    metavar="URI",
    help=f"A server on which databases may be made. Default: {_SERVER}, else the embedded one, else the configured.",
)
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Configuration file.")
@json_option
def test(
    *,
    names: tuple[str, ...],
    part: str | None,
    update: bool,
    directories: tuple[Path, ...],
    dsn: str | None,
    config_path: Path | None,
    as_json: bool,
) -> int:
    """Run the tests beside reports: NAME.test.toml by a .sql file, tests/*.toml in a directory.

    Each has a database of its own, with its fixture, at its own time. Exit status 1 if one fails.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reportd-test-") as scratch:
        config = _config(config_path, directories, Path(scratch))
        telemetry.configure(format=config.log.format, level="error")
        chosen = _chosen(config.reports.directories, names, part)
        with _server(dsn, config_path) as server:
            verdicts = asyncio.run(_run(config, server, chosen, update=update, quiet=as_json))
    failed = [verdict for verdict in verdicts if verdict.differences]
    if as_json:
        emit_json([_summary(verdict) for verdict in verdicts])
    else:
        passed = f"{len(verdicts) - len(failed)} passed" + (f", {len(failed)} failed" if failed else "")
        click.echo(f"{passed} in {time.monotonic() - started:.1f} s", err=True)
    return 1 if failed else 0


def _config(path: Path | None, directories: Sequence[Path], scratch: Path) -> Config:
    return load(
        path,
        {"reports.directories": list(directories) or None, **press.settings(str(scratch))},
    )


def _chosen(directories: Sequence[Path], names: Sequence[str], part: str | None) -> list[tuple[Case, Report]]:
    """The tests that are asked for, with their reports. Errors: UnknownKind, ReportError, UsageError for none."""
    found: list[tuple[Case, Report]] = []
    loaded = plugins.reports(directories)
    for report in loaded:
        if isinstance(report, Broken):
            if not names or report.name in {name.partition("/")[0] for name in names}:
                raise report.error
            continue
        for path in cases.files_of(Path(report.source.path)):
            found += [(case, report) for case in cases.read(_shown(path), report)]
    for name in names:
        if not any(name in (case.id, case.report) for case, _ in found):
            known = [*dict.fromkeys(case.report for case, _ in found), *(case.id for case, _ in found)]
            raise UnknownKind(f'there is no test "{name}"{nearest(name, known)}')
    chosen = [
        (case, report)
        for case, report in found
        if (not names or case.id in names or case.report in names) and (part or "") in case.id
    ]
    if not chosen:
        places = ", ".join(map(str, directories))
        raise click.UsageError(f"no test in {places}" + (f' has "{part}" in its name' if part and found else ""))
    return chosen


def _shown(path: Path) -> Path:
    """`path` as it is shortest, for what is shown and clicked."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def _server(dsn: str | None, config_path: Path | None) -> Iterator[str]:
    """A server for the tests' databases. Errors: DatabaseUnavailable where there is none."""
    if address := dsn or os.environ.get(_SERVER):
        yield address
    elif embedded.available() is not None:
        yield find_dsn(None, config_path)
    else:
        with tempfile.TemporaryDirectory(prefix="reportd-test-") as directory:
            # Root's Postgres runs as nobody, who has to pass.
            Path(directory).chmod(0o711)
            with EmbeddedPostgres(Path(directory) / "pg", options=EXPENDABLE) as started:
                yield started


async def _run(
    config: Config, server: str, chosen: Sequence[tuple[Case, Report]], *, update: bool, quiet: bool
) -> list[Verdict]:
    verdicts = []
    async with trial.bench(config, server, [case for case, _ in chosen]) as bench:
        for case, report in chosen:
            verdicts.append(await bench.run(case, report, update=update))
            if not quiet:
                _print(verdicts[-1])
    return verdicts


def _print(verdict: Verdict) -> None:
    sign = click.style("✗", fg="red", bold=True) if verdict.differences else click.style("✓", fg="green", bold=True)
    click.echo(f"{sign} {verdict.case.id}  {verdict.seconds:.2f} s")
    for path in verdict.written:
        click.echo(f"    wrote {path}")
    for each in verdict.differences:
        click.echo(f"  {each.place}: {each.what}")
        if each.expected is not None:
            click.echo(f"      expected  {each.expected}")
        if each.got is not None:
            click.echo(f"      got       {each.got}")
        for line in each.more:
            colour = {"-": "red", "+": "green"}.get(line[:1])
            click.echo(f"      {click.style(line, fg=colour)}")
    sys.stdout.flush()


def _summary(verdict: Verdict) -> dict[str, object]:
    return {
        "test": verdict.case.id,
        "file": str(verdict.case.path),
        "line": verdict.case.line,
        "passed": not verdict.differences,
        "seconds": round(verdict.seconds, 3),
        "written": [str(path) for path in verdict.written],
        "differences": [asdict(each) for each in verdict.differences],
    }
