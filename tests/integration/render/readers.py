"""Files of every format, read back by programs that are not ours: the names of the columns, and the rows."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
from pyarrow import parquet

Cells = list[Any]

_CELL = re.compile(r'("(?:[^"]|"")*")?([^",\n]*)([,\n])')


@dataclass(frozen=True)
class Sheet:
    """One table. `types` are those that the file itself names."""

    names: list[str]
    rows: list[Cells]
    types: list[str] = field(default_factory=list)


def sheets(format: str, files: Sequence[Path], widths: Mapping[str, int]) -> dict[str, Sheet]:
    """The tables in `files`; `widths` has the name of each, in order, and how many columns it has."""
    found = READERS[format](files, widths)
    return dict(zip(widths, found, strict=True))


def _csv(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    for path in files:
        names, *rows = _records(path.read_bytes().decode())
        yield Sheet([str(name) for name in names], rows)


def _excel(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    for path in files:
        names, *rows = _records(path.read_bytes().decode("utf-8").removeprefix("\ufeff"))
        yield Sheet([str(name) for name in names], rows)


def _records(text: str) -> Iterator[Cells]:
    """RFC 4180, where nothing is NULL and `""` is not: Python's csv module can't tell them apart."""
    row: Cells = []
    for quoted, bare, end in _CELL.findall(text):
        row.append(quoted[1:-1].replace('""', '"') if quoted else bare or None)
        if end == "\n":
            yield row
            row = []


def _tsv(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    for path in files:
        names, *rows = [line.split("\t") for line in path.read_bytes().decode().removesuffix("\n").split("\n")]
        yield Sheet(names, [[None if cell == r"\N" else cell for cell in row] for row in rows])


def _json(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    made = json.loads(files[0].read_text(encoding="utf-8"), parse_float=Decimal)
    for block in made["blocks"]:
        names = [column["name"] for column in block["columns"]]
        yield Sheet(names, [[row[name] for name in names] for row in block["rows"]])


def _ndjson(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    for path in files:
        with path.open(encoding="utf-8", newline="\n") as lines:
            rows = [json.loads(line, parse_float=Decimal) for line in lines]
        names = list(rows[0]) if rows else []
        yield Sheet(names, [list(row.values()) for row in rows])


def _parquet(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    for path in files:
        table = parquet.read_table(path)
        columns = [column.to_pylist() for column in table.columns]
        types = [str(kind) for kind in table.schema.types]
        yield Sheet(table.schema.names, [list(row) for row in zip(*columns, strict=True)], types)


def _xlsx(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    _, *found = openpyxl.load_workbook(files[0]).worksheets
    for sheet in found:
        names, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        yield Sheet([str(name) for name in names], rows)


def _html(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    page = _Page()
    page.feed(files[0].read_text(encoding="utf-8"))
    return _parts(page.tables, widths)


class _Page(HTMLParser):
    """The tables of a web page: rows of (tag, text)."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, str]]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append((tag, ""))
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            tag, text = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = (tag, text + data)


def _pdf(files: Sequence[Path], widths: Mapping[str, int]) -> Iterator[Sheet]:
    """By its tags, as poppler reads them; the lines of a cell are joined."""
    said = subprocess.run(["pdfinfo", "-struct-text", files[0]], check=True, capture_output=True).stdout.decode()
    tables: list[list[list[tuple[str, str]]]] = []
    cell = -1  # how far the open cell is indented
    for line in said.split("\n"):
        content = line.strip()
        indent, tag = len(line) - len(line.lstrip()), content.partition(" ")[0].rstrip(":")
        if content.startswith('"'):
            if 0 <= cell < indent:
                kind, text = tables[-1][-1][-1]
                tables[-1][-1][-1] = (kind, text + content[1:-1])
            continue
        if indent <= cell:
            cell = -1
        if tag == "Table":
            tables.append([])
        elif tag == "TR":
            tables[-1].append([])
        elif tag in ("TH", "TD"):
            tables[-1][-1].append((tag.lower(), ""))
            cell = indent
    return _parts(tables, widths)


def _parts(tables: Iterable[list[list[tuple[str, str]]]], widths: Mapping[str, int]) -> Iterator[Sheet]:
    """Tables that were divided by columns, put together: each part begins with the first column again."""
    rest = iter(tables)
    for width in widths.values():
        names: list[str] = []
        rows: list[Cells] = []
        while len(names) < width:
            head, *body = next(rest)
            body = [row for row in body if all(tag == "td" for tag, _ in row)]
            rows = rows or [[] for _ in body]
            skipped = 1 if names else 0
            names += [text for _, text in head[skipped:]]
            for row, more in zip(rows, body, strict=True):
                row += [text for _, text in more[skipped:]]
        yield Sheet(names, rows)


READERS: Mapping[str, Callable[[Sequence[Path], Mapping[str, int]], Iterable[Sheet]]] = {
    "csv": _csv,
    "csv-excel": _excel,
    "tsv": _tsv,
    "json": _json,
    "ndjson": _ndjson,
    "parquet": _parquet,
    "xlsx": _xlsx,
    "html": _html,
    "pdf": _pdf,
}
