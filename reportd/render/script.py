"""A report's own Python, run in the child: `fetch` asks the daemon for rows, `build` makes the document."""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any
from uuid import UUID

from reportd.errors import ReportCodeError, ReportdError
from reportd.render.build import Frame
from reportd.render.results import QueryResult, ResultSet
from reportd.report.definition import Code, Report
from reportd.report.document import Document
from reportd.report.params import resolve
from reportd.report.periods import Period
from reportd.spool import Dataset, SpoolColumn, Spooled

# Sends a message up and waits for the answer's payload; raises the error that the daemon answers with.
Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]

_TYPES: Mapping[type, str | None] = {
    bool: "boolean",
    int: None,  # PREPARE decides: bigint here, integer there, and `date + :n` takes no bigint
    float: "double precision",
    Decimal: "numeric",
    str: None,
    datetime: "timestamp",
    date: "date",
    time: "time",
    UUID: "uuid",
    Period: "daterange",
}


class Script:
    """The code of one report, loaded once for both hooks; `scratch` is a directory of the child's own."""

    def __init__(self, report: Report, code: Code, dataset: Dataset, *, scratch: Path) -> None:
        self._report = report
        self._code = code
        self._dataset = dataset
        self._scratch = scratch
        self._place = f"{report.name}/{code.file}"
        self._text = report.source.files[code.file]
        self._file = f"{report.source.path}/{code.file}"
        raw = {param.name: dataset.params.get(param.name) for param in report.params}
        self._params = resolve(report.params, raw, now=dataset.as_of, timezone=dataset.timezone).typed
        # Tracebacks show the lines that ran, whatever the file on disk says by now.
        linecache.cache[self._file] = (len(self._text), None, self._text.splitlines(keepends=True), self._file)
        self._module = ModuleType(f"reportd_report_{report.name.replace('-', '_')}")
        self._module.__file__ = self._file
        with self._told("loading"):
            exec(compile(self._text, self._file, "exec"), vars(self._module))  # noqa: S102  what this child is for

    def fetch(self, frame: Frame, ask: Ask) -> None:
        """Run `fetch`; what it returns joins the dataset. The daemon is told when nothing more will be asked."""
        context = _Context(self, ask, self._params, ResultSet(frame, self._dataset, scratch=self._scratch, place=""))
        with self._told("in fetch"):
            kept = _kept(self._module.fetch(context), self._dataset)
        context.closed = True
        ask({"fetched": {name: result.spooled.name for name, result in kept.items()}})
        named = {name: replace(result.spooled, name=name) for name, result in kept.items()}
        self._dataset = replace(self._dataset, blocks={**self._dataset.blocks, **named})

    def build(self, frame: Frame) -> Document:
        """The document that `build` makes, or one of all results where there is no `build`."""
        results = ResultSet(frame, self._dataset, scratch=self._scratch, place=self._place)
        if not self._code.build:
            return results.document()
        with self._told("in build"):
            document = self._module.build(self._params, results)
            if not isinstance(document, Document):
                raise TypeError(f"build returned {type(document).__name__}, not a Document: return data.document(…)")
        return document

    def asked(self, sql: str, params: Mapping[str, Any], caller: FrameType | None, ask: Ask) -> QueryResult:
        """Have the daemon run `sql` for the code that `caller` is in."""
        line = self._line(caller)
        file, line, column = self._written(sql, line)
        values = {name: _bound(name, value) for name, value in params.items()}
        answer = ask({"query": {"sql": sql, "values": values, "file": file, "line": line, "column": column}})
        spooled = dict(answer["answer"])
        spooled["columns"] = tuple(SpoolColumn(**column) for column in spooled["columns"])
        return QueryResult(Spooled(**spooled), self._dataset.directory)

    def _line(self, frame: FrameType | None) -> int:
        while frame is not None:
            if frame.f_code.co_filename == self._file:
                return frame.f_lineno
            frame = frame.f_back
        return 1

    def _written(self, sql: str, line: int) -> tuple[str, int, int]:
        """(file, line, column) of where the text of a query begins: in the file itself, if it stands there as it is."""
        for node in ast.walk(ast.parse(self._text)):
            if isinstance(node, ast.Constant) and node.value == sql:
                written = ast.get_source_segment(self._text, node) or ""
                if sql in written:
                    return self._place, node.lineno, node.col_offset + written.index(sql) + 1
        return f"{self._place}:{line}, in its query", 1, 1

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """What the code raises gets its own line told; what may pass by itself (a network, a disk) stays as it is."""
        try:
            yield
        except (ReportdError, OSError, MemoryError):
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [number for number, frame in enumerate(frames) if frame.filename == self._file]
            line = frames[ours[-1]].lineno if ours else None
            at = f"{self._place}:{line}" if line else self._place
            reason = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            raise ReportCodeError(
                f"{at}: {doing}: {type(error).__name__}{': ' if reason else ''}{reason}",
                file=self._place,
                line=line,
                traceback="".join(traceback.format_list(frames[ours[0] if ours else 0 :]))[-4000:],
            ) from error


class _Context:
    """What `fetch` is given; the words for authors are in `reportd.report.authoring`."""

    def __init__(self, script: Script, ask: Ask, params: Mapping[str, Any], data: ResultSet) -> None:
        self.params = params
        self.data = data
        self.closed = False
        self._script = script
        self._ask = ask

    def query(self, sql: str, /, **params: Any) -> QueryResult:
        if self.closed:
            raise RuntimeError("ctx.query works inside fetch only: the snapshot is closed")
        return self._script.asked(sql, params, sys._getframe(1), self._ask)


def _kept(returned: object, dataset: Dataset) -> dict[str, QueryResult]:
    """What `fetch` returned, checked."""
    if returned is None:
        return {}
    if not isinstance(returned, Mapping) or not all(isinstance(each, QueryResult) for each in returned.values()):
        raise TypeError('fetch returns results by name: return {"orders": ctx.query(…)}')
    for name, result in returned.items():
        if name in dataset.blocks:
            raise ValueError(f"{name!r} is a block of the report already; name the result differently")
        if result.spooled.name in dataset.blocks:
            raise ValueError(f"{name!r} is what the block {result.spooled.name!r} gave; build finds it by that name")
    return dict(returned)


def _bound(name: str, value: object) -> tuple[str | None, str | None]:
    """`value` as Postgres' text input, and the name of its type where that must not be left to PREPARE."""
    if value is None:
        return None, None
    if isinstance(value, list | tuple | set | frozenset):
        items = [_bound(name, item) for item in value]
        kinds = {kind for text, kind in items if text is not None}
        if len(kinds) > 1:
            raise TypeError(f"the list for :{name} holds values of several types")
        kind = kinds.pop() if kinds else None
        return "{" + ",".join(_element(text) for text, _ in items) + "}", kind and f"{kind}[]"
    for type_, kind in _TYPES.items():
        if isinstance(value, type_):
            aware = isinstance(value, datetime) and value.tzinfo is not None
            text = value.isoformat() if isinstance(value, date | time) else str(value)
            return text, "timestamptz" if aware else kind
    raise TypeError(f"{type(value).__name__} can't be bound to :{name}")


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
