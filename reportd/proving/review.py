"""Everything that can be known to be wrong with a report before it runs: its queries, options, parameters and plans."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from reportd import fetch
from reportd.db.queries import Connection
from reportd.errors import ReportdError, ReportError
from reportd.fetch import Proof
from reportd.plugins import Broken, LoadedReport
from reportd.render.build import frame_of, sections
from reportd.render.task import RenderSettings
from reportd.render.vega.remote import missing
from reportd.report.codesql import code_queries
from reportd.report.definition import Report
from reportd.report.fault import nearest
from reportd.report.misfits import misfits
from reportd.report.usage import undeclared, unused, uses
from reportd.spool import Dataset, SpoolColumn, Spooled

Severity = Literal["fault", "warning"]
# What a query of the code is asked with has types of its own, which nobody knows before it runs.
_UNTYPED = ("42P18", "42P08")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong, and where: `line` and `column` from 1, None where only the file is known."""

    file: str
    line: int | None
    column: int | None
    severity: Severity
    code: str
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {'warning: ' * (self.severity == 'warning')}{self.message}"


async def review(connection: Connection, report: LoadedReport, *, rows_large: int) -> list[Remark]:
    """What is to be said about `report` over the database at `connection`, in the order of its lines.

    `rows_large` is from how many rows on a plan is worth a warning. Errors: QueryInterrupted, LimitExceeded.
    """
    if isinstance(report, Broken):
        return [_of(report.error, str(report.error.detail.get("file", report.path)))]
    proofs = await fetch.prove(connection, report, report.queries, rows_large=rows_large)
    asked = await fetch.prove(connection, report, code_queries(report), rows_large=rows_large)
    found = [*_queries(report, proofs), *_queries(report, [each for each in asked if not _is_untyped(each)])]
    split = report.burst.split if report.burst else ()  # no document has these
    columns = {
        each.block.name: [column for column in each.columns if column.name not in split]
        for each in proofs
        if each.error is None
    }
    found += _options(report, columns)
    found += _params(report)
    if report.charts and (error := missing()) is not None:
        found += [_of(error, _path(report, chart.file)) for chart in report.charts.values()]
    return sorted(found, key=lambda remark: (remark.file, remark.line or 0, remark.column or 0))


def _queries(report: Report, proofs: Sequence[Proof]) -> Iterator[Remark]:
    for proof in proofs:
        file = _path(report, proof.block.file)
        if proof.error is not None:
            yield _of(proof.error, file)
        for said in proof.warnings:
            yield Remark(file, proof.block.line, proof.block.column, "warning", "plan", said)


def _is_untyped(proof: Proof) -> bool:
    return proof.error is not None and proof.error.detail.get("sqlstate") in _UNTYPED


def _options(report: Report, columns: Mapping[str, Sequence[SpoolColumn]]) -> Iterator[Remark]:
    """Options that don't fit the columns of the queries: each that names a wrong one, else the first other fault."""
    names = {block: [column.name for column in each] for block, each in columns.items()}
    wrong = [_of(error, _path(report, str(error.detail["file"]))) for error in misfits(report, names)]
    yield from wrong
    if not wrong and report.code is None and all(block.name in columns for block in report.blocks):
        try:
            _build(report, columns)
        except ReportError as error:
            yield _of(error, _path(report, str(error.detail.get("file", report.source.path))))


def _build(report: Report, columns: Mapping[str, Sequence[SpoolColumn]]) -> None:
    """The document over no rows. Errors: ReportError for what does not fit."""
    nothing = hashlib.sha256().hexdigest()
    with TemporaryDirectory(prefix="reportd-check-") as scratch:
        for block in report.blocks:
            (Path(scratch) / f"{block.name}.csv").touch()
        blocks = {
            block.name: Spooled(block.name, f"{block.name}.csv", tuple(columns[block.name]), 0, 0, nothing)
            for block in report.blocks
        }
        timezone = report.timezone or "UTC"
        dataset = Dataset(Path(scratch), datetime.now(UTC), timezone, report.source.sha256, {}, blocks)
        sections(frame_of(report, settings=RenderSettings()), dataset)


def _params(report: Report) -> Iterator[Remark]:
    front = str(report.source.front)
    declared = [param.name for param in report.params if param.type != "any"]
    for param in undeclared(report):
        use = next(use for use in uses(report) if use.name == param.name)
        block = next(block for block in report.queries if block.name == use.block)
        said = f":{param.name} is not declared: every job must give it, and Postgres decides its type"
        near = nearest(param.name, [name for name in declared if name not in {use.name for use in uses(report)}])
        yield Remark(_path(report, block.file), use.line, use.column, "warning", "params", f"{said}{near}")
    elsewhere = "\n".join(text for name, text in report.source.files.items() if not name.endswith((".sql", ".toml")))
    targets = " ".join(
        (*(report.deliver.to if report.deliver else ()), *(report.burst.deliver if report.burst else ()))
    )
    for param in unused(report):
        if not re.search(rf"\b{param.name}\b", elsewhere) and f"{{{param.name}}}" not in targets:
            yield Remark(front, param.line, None, "warning", "params", f"params.{param.name} is used by no query")


def _of(error: ReportdError, path: str) -> Remark:
    """`error` taken apart: its message is led by a place, in a query's error by the file's name alone."""
    line, column = error.detail.get("line"), error.detail.get("column")
    message = error.message
    for file in (error.detail.get("file"), path):
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        message = message.removeprefix(f"{place}: ")
    return Remark(path, line, column, "fault", error.code, message)


def _path(report: Report, file: str) -> str:
    """Where `file`, as a block names it, is."""
    return file if file == report.source.front else str(Path(report.source.path).parent / file)
