"""A JSON or CSV file back into the bytes that Postgres sent, block by block, so that their digests can be compared.

What `render/json.py` writes is taken back: a number has Postgres' own digits, a timestamp loses its T, a list becomes
an array again. Where a text form has been lost (bounds of an array that do not begin at 1), the digest differs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportd.spool import record

_DECODER = json.JSONDecoder(parse_float=lambda text: _Number(text), parse_int=lambda text: _Number(text))
_CHUNK_BYTES = 1 << 20
_WHOLE_HOURS = re.compile(r"([+-]\d\d):00$")
_PLAIN_ELEMENT = re.compile(r'[^\s{},"\\]+')


class _Number(str):
    """A number as it is written."""


@dataclass(frozen=True, slots=True)
class Unspooled:
    """One block as the file has it: its columns (name → type), its rows, and the digest of what Postgres sent."""

    columns: Mapping[str, str]
    rows: int
    sha256: str


def of_json(path: Path) -> dict[str, Unspooled]:
    """Every block of a JSON file by name. Errors: ValueError where it is not as reportd writes it."""
    text = path.read_text(encoding="utf-8")
    end = text.index('"blocks": [') + len('"blocks": [')
    found: dict[str, Unspooled] = {}
    while (start := text.find('{"name": ', end)) >= 0 and not text[end:start].strip(",\n "):
        head_end = text.index(', "rows": [', start)
        head = json.loads(text[start:head_end] + "}")
        columns = {column["name"]: column["type"] for column in head["columns"]}
        rows = _Rows(text, head_end + len(', "rows": ['), columns)
        digest, count = hashlib.sha256(), 0
        for row in rows:
            digest.update(record(row).encode())
            count += 1
        found[head["name"]] = Unspooled(columns, count, digest.hexdigest())
        end = text.index("]}", rows.end) + 2
    return found


def of_csv(path: Path) -> str:
    """The digest of the rows in a CSV file, which are the spool's own bytes under a header."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        # A name may have a line break inside its quotes.
        header = file.readline()
        while header.count(b'"') & 1 and (more := file.readline()):
            header += more
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class _Rows:
    """Walks the rows of one block; `end` is where it has come to."""

    def __init__(self, text: str, start: int, columns: Mapping[str, str]) -> None:
        self.end = start
        self._text = text
        self._columns = [(f"{json.dumps(name, ensure_ascii=False)}: ", type) for name, type in columns.items()]

    def __iter__(self) -> Iterator[list[str | None]]:
        while True:
            start = self._skip(self.end)
            if self._text[start] != "{":
                self.end = start
                return
            position = start + 1
            row: list[str | None] = []
            for key, type in self._columns:
                position = self._skip(position)
                if not self._text.startswith(key, position):
                    raise ValueError(f"{key} is not where it should be")
                value, end = _DECODER.raw_decode(self._text, position + len(key))
                row.append(_cell(value, type, self._text[position + len(key) : end]))
                position = end
            if self._text[position] != "}":
                raise ValueError("a row has more than its columns")
            self.end = position + 1
            yield row

    def _skip(self, position: int) -> int:
        while self._text[position] in ", \n":
            position += 1
        return position


def _cell(value: Any, type: str, written: str) -> str | None:
    """The text that Postgres gave for a JSON value of this type; `written` is as the file has it."""
    if type in ("json", "jsonb"):
        # NULL and the JSON null look alike; NULL is the one that a column is likely to hold.
        return None if written == "null" else written
    match value:
        case None:
            return None
        case bool():
            return "t" if value else "f"
        case list():
            return _array(value, type.removesuffix("[]"))
        case _:
            return _text(str(value), type)


def _text(text: str, type: str) -> str:
    if not type.startswith("timestamp") or text[10:11] != "T":
        return text
    text = f"{text[:10]} {text[11:]}"
    return _WHOLE_HOURS.sub(r"\1", text) if type == "timestamp with time zone" else text


def _array(values: list[Any], type: str) -> str:
    written: list[str] = []
    for value in values:
        if isinstance(value, list):
            written.append(_array(value, type))
        else:
            text = _cell(value, type, json.dumps(value))
            written.append("NULL" if text is None else _element(text))
    return "{" + ",".join(written) + "}"


def _element(text: str) -> str:
    if text and text.upper() != "NULL" and _PLAIN_ELEMENT.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
