"""The spool: what a job's queries returned, on disk, as COPY wrote it. One directory per job, one CSV per block.

Layout: `<block>.csv` (RFC 4180 without a header line; NULL is nothing, the empty string is `""`) and `manifest.json`,
written last, so that a directory with a manifest is whole. The daemon writes (`fetch`), render children only read:
`load` gives the dataset, `read` streams a block's rows, `read_columns` the same a batch of columns at a time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import AnyStr

MANIFEST = "manifest.json"
_BATCH_BYTES = 1 << 17
_QUOTED = re.compile('"([^"]*+(?:""[^"]*+)*+)"')
_PLACE = "\0"


@dataclass(frozen=True, slots=True)
class SpoolColumn:
    """A column as the server described it; `type` is `format_type`'s name without a modifier (`bigint`, `text[]`)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Spooled:
    """One query's result. `file` is relative to the dataset's directory; `sha256` is of the file's bytes."""

    name: str
    file: str
    columns: tuple[SpoolColumn, ...]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """All results of one job, read in one snapshot at `as_of`, text forms in `timezone`."""

    directory: Path
    as_of: datetime
    timezone: str
    report_sha256: str
    params: Mapping[str, object]
    blocks: Mapping[str, Spooled]

    @property
    def sha256(self) -> str:
        """Hex digest that covers every block's name and bytes."""
        digest = hashlib.sha256()
        for name, spooled in sorted(self.blocks.items()):
            digest.update(f"{name}\0{spooled.sha256}\0".encode())
        return digest.hexdigest()

    def path(self, block: str) -> Path:
        """Where `block`'s rows are."""
        return self.directory / self.blocks[block].file

    def manifest(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(
            {
                "as_of": self.as_of.isoformat(),
                "timezone": self.timezone,
                "report_sha256": self.report_sha256,
                "params": self.params,
                "blocks": [
                    {
                        "name": block.name,
                        "file": block.file,
                        "columns": [[column.name, column.type] for column in block.columns],
                        "rows": block.rows,
                        "bytes": block.bytes,
                        "sha256": block.sha256,
                    }
                    for block in self.blocks.values()
                ],
            },
            ensure_ascii=False,
            indent=1,
        )


def load(directory: Path) -> Dataset:
    """The dataset in `directory`. Errors: FileNotFoundError without a manifest (never written, or half-written)."""
    raw = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    return Dataset(
        directory=directory,
        as_of=datetime.fromisoformat(raw["as_of"]),
        timezone=raw["timezone"],
        report_sha256=raw["report_sha256"],
        params=raw["params"],
        blocks={
            block["name"]: Spooled(
                name=block["name"],
                file=block["file"],
                columns=tuple(SpoolColumn(*column) for column in block["columns"]),
                rows=block["rows"],
                bytes=block["bytes"],
                sha256=block["sha256"],
            )
            for block in raw["blocks"]
        },
    )


def read(path: Path | str) -> Iterator[list[str | None]]:
    """The rows of one spool file in order, each a list of cells as Postgres wrote them; NULL is None.

    Streams: memory holds one row, however long the file. A cell keeps its newlines, quotes and carriage returns.
    Errors: FileNotFoundError; ValueError for a file that ends inside a quoted cell.
    """
    # newline="\n": the other kinds of line end are content here, and must come through as they are.
    with Path(path).open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if '"' not in line:
                row: list[str | None] = line.removesuffix("\n").split(",")  # type: ignore[assignment]
                # A list's `in` is far cheaper than a pass over the cells, and most rows have no NULL.
                yield [cell or None for cell in row] if "" in row else row
            else:
                yield _split_quoted(_whole_record(line, lines, path).removesuffix("\n"))


def read_columns(path: Path | str) -> Iterator[list[list[str | None]]]:
    """What `read` gives, in batches and turned: columns of equal length, some thousand cells each.

    For whoever works on whole columns: only a quoted cell costs Python code of its own, the rest is split at once.
    Streams: memory holds a batch, which is bounded in bytes. Errors: as `read`; ValueError for a row that is not as
    wide as the first.
    """
    width = max((len(row) for row in head(path, 1)), default=0)
    with Path(path).open("rb") as file:
        while batch := file.read(_BATCH_BYTES):
            batch += file.readline()
            # Of a quoted cell only its place stays in the text, which then splits at every comma and line end.
            text, quoted = _taken_out(batch, path)
            if '"' in text:
                # The batch ended within a cell.
                text, quoted = _taken_out(batch + _to_a_quote(file, b'"', path), path)
            text = text.removesuffix("\n")
            cells: list[str | None] = text.replace("\n", ",").split(",")  # type: ignore[assignment]
            if len(cells) != width * (text.count("\n") + 1):
                raise ValueError(f"{path} has rows that are not {width} cells wide")
            columns = [cells[position::width] for position in range(width)]
            columns = [[cell or None for cell in column] if "" in column else column for column in columns]
            place = -1
            for cell in quoted:
                place = cells.index(_PLACE, place + 1)
                columns[place % width][place // width] = cell.replace('""', '"')
            yield columns


def cells(record: str) -> list[str | None]:
    """The cells of one whole record, with or without its line end."""
    text = record.removesuffix("\n")
    return _split_quoted(text) if '"' in text else [cell or None for cell in text.split(",")]


def record(row: Iterable[str | None]) -> str:
    """A row as COPY writes it: nothing for NULL, quotes where they are needed, a line end."""
    return ",".join(map(_cell, row)) + "\n"


def head(path: Path | str, rows: int) -> list[list[str | None]]:
    """The first `rows` rows of one spool file, fewer where it has fewer."""
    return list(islice(read(path), rows))


def _taken_out(batch: bytes, path: Path | str) -> tuple[str, list[str]]:
    """The text of `batch` with `_PLACE` for each of its quoted cells, and those. A quote that stays is still open."""
    text = batch.decode()
    if _PLACE in text:
        raise ValueError(f"{path} holds a NUL character, which no text in Postgres has")
    parts = _QUOTED.split(text)
    return _PLACE.join(parts[::2]), parts[1::2]


def _whole_record(line: str, lines: Iterator[str], path: Path | str) -> str:
    """`line` and the lines after it up to the end of its record: the first point with an even number of quotes."""
    return line if not line.count('"') & 1 else line + _to_a_quote(lines, '"', path)


def _to_a_quote(lines: Iterable[AnyStr], quote: AnyStr, path: Path | str) -> AnyStr:
    """The next of `lines` up to one with an odd number of quotes, which closes a cell."""
    pieces = []
    for piece in lines:
        pieces.append(piece)
        if piece.count(quote) & 1:
            return quote[:0].join(pieces)
    raise ValueError(f"{path} ends inside a quoted cell")


def _split_quoted(record: str) -> list[str | None]:
    """The cells of a record that has quotes somewhere.

    Splitting at every comma and joining what a quote holds together beats a regular expression and the csv module, and
    tells NULL from the empty string, which the csv module cannot.
    """
    cells: list[str | None] = []
    parts = iter(record.split(","))
    for part in parts:
        if not part.startswith('"'):
            cells.append(part or None)
            continue
        cell = part if not part.count('"') & 1 else ",".join(_quoted_parts(part, parts))
        cells.append(cell[1:-1].replace('""', '"'))
    return cells


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    return '"' + text.replace('"', '""') + '"' if not text or any(sign in text for sign in ',"\r\n') else text


def _quoted_parts(first: str, parts: Iterable[str]) -> Iterator[str]:
    """`first` and the parts after it up to the one that closes its quote."""
    yield first
    for part in parts:
        yield part
        if part.count('"') & 1:
            return
