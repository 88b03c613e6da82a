"""JSON: `{meta, params, blocks}`, every block of the report with all its rows, written as they are read.

A row is an object, its keys the names that the SQL gave; a name that comes again is `name_2`. The rule for values is
that a reader gets back exactly what Postgres had:

- whole numbers and decimals are numbers, written with Postgres' own digits, while a double holds them: past 2^53 - 1
  either way, or where a decimal would come back as another one, they are strings; so are NaN and the infinities;
- booleans are `true` and `false`, NULL is `null`, json and jsonb stand as they are, on one line;
- timestamps are RFC 3339 (`2026-01-31T09:30:00+01:00`, without an offset for timestamp without time zone);
- arrays are lists, of lists where they have more dimensions, their elements by these same rules;
- everything else (dates, intervals, uuid, ranges, bytea, money, enums, …) is a string, as Postgres writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path

from reportd.errors import disk_error
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Chart, Column, Document, Kpis, Section, Table, Text
from reportd.report.formats import canonical
from reportd.spool import read

# A cell that is not NULL, as Postgres wrote it → its JSON text.
Write = Callable[[str], str]

ROWS_PER_WRITE = 500
_SAFE_INTEGER = (1 << 53) - 1
# Any decimal of so many significant digits survives a double.
_SAFE_DIGITS = 15


class JSON:
    """The format `json`."""

    format = "json"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `REPORT.json`."""
        path = out / f"{document.provenance.report}.json"
        try:
            with path.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_document(document))
        except OSError as error:
            raise disk_error(error, doing=f"writing {path.name}") from error
        return [RenderedFile(self.format, path.name, str(path), "application/json", rows=document.rows)]


def _document(document: Document) -> Iterator[str]:
    yield f'{{"meta": {_dumps(_meta(document))},\n'
    yield f'"params": {_dumps(dict(document.provenance.params))},\n'
    yield '"blocks": ['
    for index, section in enumerate(document.sections):
        yield ",\n" if index else "\n"
        yield from _block(section)
    yield "\n]}\n"


def _meta(document: Document) -> dict[str, object]:
    origin = document.origin
    del origin["params"]  # they stand beside it
    return {**origin, "subtitle": document.subtitle}


def _block(section: Section) -> Iterator[str]:
    columns = [
        {"name": name, "type": canonical(column.type)}
        for name, column in zip(keys(section.columns), section.columns, strict=True)
    ]
    head = {"name": section.name, "kind": _kind(section), "title": section.title, "columns": columns}
    yield _dumps(head)[:-1] + ', "rows": ['
    if section.rows is not None:
        objects = rows(section.columns, section.rows.path)
        separator = "\n"
        while batch := ",\n".join(islice(objects, ROWS_PER_WRITE)):
            yield separator + batch
            separator = ",\n"
    yield "\n]}"


def _kind(section: Section) -> str:
    match section:
        case Kpis():
            return "kpi"
        case Chart():
            return section.kind
        case Table():
            return "table"
        case Text():
            return "text"
        case _:
            return "data"


def rows(columns: Sequence[Column], path: str) -> Iterator[str]:
    """The spooled rows at `path` as an object each, on one line."""
    cells = [
        (f"{_dumps(key)}: ", writer(column.type), column.index)
        for key, column in zip(keys(columns), columns, strict=True)
    ]
    for row in read(path):
        values = [(key, write, row[index]) for key, write, index in cells]
        yield "{" + ", ".join([key + ("null" if cell is None else write(cell)) for key, write, cell in values]) + "}"


def keys(columns: Iterable[Column]) -> list[str]:
    """A key for each column, which no other has: its name, or `name_2` where that is taken."""
    wanted = [column.name for column in columns]
    found: list[str] = []
    taken: set[str] = set()
    for name in wanted:
        key, number = name, 1
        while key in taken or (number > 1 and key in wanted):
            number += 1
            key = f"{name}_{number}"
        taken.add(key)
        found.append(key)
    return found


def writer(type_name: str) -> Write:
    """How cells of this Postgres type are written."""
    name = canonical(type_name)
    # Arrays of box are separated by semicolons, and a box has commas inside.
    if name.endswith("[]") and name != "box[]":
        return partial(_array, write=writer(name.removesuffix("[]")))
    return _WRITERS.get(name, encode_basestring)


def _verbatim(text: str) -> str:
    return text


def _on_one_line(text: str) -> str:
    # Inside its strings JSON has no line breaks, so these are only white space.
    return text.replace("\r", " ").replace("\n", " ")


def _integer(text: str) -> str:
    return text if len(text) <= _SAFE_DIGITS or -_SAFE_INTEGER <= int(text) <= _SAFE_INTEGER else f'"{text}"'


def _decimal(text: str) -> str:
    if not text[-1].isdigit():
        return f'"{text}"'
    # Averages come with many digits, often zeros; only what is left without them is worth the exact, slow look.
    if len(text) <= _SAFE_DIGITS or ("." in text and len(text.rstrip("0")) <= _SAFE_DIGITS):
        return text
    double = float(text)
    if abs(double) <= _SAFE_INTEGER and Decimal(repr(double)) == Decimal(text):
        return text
    return f'"{text}"'


def _float(text: str) -> str:
    return text if text[-1].isdigit() else f'"{text}"'


def _boolean(text: str) -> str:
    return "true" if text == "t" else "false"


def _timestamp(text: str) -> str:
    # Infinity, years past 9999 and years BC have no RFC 3339 form and stay as they are.
    if text[10:11] != " " or text.endswith("C"):
        return f'"{text}"'
    offset = ":00" if text[-3] in "+-" else ""
    return f'"{text[:10]}T{text[11:]}{offset}"'


_WRITERS: dict[str, Write] = {
    "smallint": _verbatim,
    "integer": _verbatim,
    "oid": _verbatim,
    "bigint": _integer,
    "numeric": _decimal,
    "real": _float,
    "double precision": _float,
    "boolean": _boolean,
    "json": _on_one_line,
    "jsonb": _verbatim,
    "timestamp with time zone": _timestamp,
    "timestamp without time zone": _timestamp,
}

_ARRAY_BOUNDS = re.compile(r"[\[\]0-9:+-]+=")
_ARRAY_PART = re.compile(r'([{}])|"((?:[^"\\]|\\.)*+)"|([^{},"]++)', re.DOTALL)
_ARRAY_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _array(text: str, *, write: Write) -> str:
    """An array literal, `{1,NULL,"a b"}`, its commas kept and everything else rewritten in place."""

    def part(match: re.Match[str]) -> str:
        brace, quoted, bare = match.groups()
        if brace:
            return "[" if brace == "{" else "]"
        if quoted is not None:
            return write(_ARRAY_ESCAPE.sub(r"\1", quoted))
        return "null" if bare == "NULL" else write(bare)

    return _ARRAY_PART.sub(part, _ARRAY_BOUNDS.sub("", text, count=1) if text.startswith("[") else text)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
