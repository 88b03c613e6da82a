"""The kinds of blocks, and how the line that opens one is read: `-- @table orders "All orders" group=region`.

A new kind is a line in `BLOCKS`. Options name columns of the block's query; whether such columns exist is known only
once the query was prepared, so it is checked when the document is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from reportd.errors import ReportError
from reportd.report.definition import BlockKind
from reportd.report.fault import fault, listed, nearest

NAME = r"[a-z0-9_-]{1,63}"
OptionKind = Literal["column", "columns", "block"] | tuple[str, ...]
"""What an option takes: a column, several with commas between, a block's name, or one of a few words."""
AGGREGATES = ("sum", "avg", "min", "max", "count")


@dataclass(frozen=True, slots=True)
class BlockRule:
    """What may stand on a block's line: its options, those it `needs`, and whether it must have a name."""

    options: Mapping[str, OptionKind] = field(default_factory=dict)
    must_be_named: bool = False
    needs: tuple[str, ...] = ()


BLOCKS: Mapping[BlockKind, BlockRule] = {
    "kpi": BlockRule(),
    "table": BlockRule({"group": "columns", "subtotal": "columns", "total": "columns", "running": "columns"}),
    "pivot": BlockRule(
        {"rows": "columns", "columns": "columns", "values": "columns", "agg": AGGREGATES}, needs=("rows", "columns")
    ),
    "bar": BlockRule({"x": "column", "y": "columns"}),
    "line": BlockRule({"x": "column", "y": "columns"}),
    "area": BlockRule({"x": "column", "y": "columns"}),
    "pie": BlockRule({"x": "column", "y": "column"}),
    "text": BlockRule(),
    "sub": BlockRule(
        {"of": "block", "by": "columns", "head": "columns", "subtotal": "columns", "total": "columns"},
        must_be_named=True,
        needs=("of", "by"),
    ),
    "data": BlockRule(must_be_named=True),
}


@dataclass(frozen=True, slots=True)
class Opening:
    """The line that opens a block. `name` is None and `title` empty where the line gives none."""

    kind: BlockKind
    name: str | None
    title: str
    options: Mapping[str, str]
    line: int


def opened(comment: str) -> str | None:
    """The word after `-- @`, which may be no known kind; None where `comment` opens no block."""
    match = _OPENING.match(comment)
    return match[1] if match else None


def read(path: str, comment: str, *, line: int, column: int) -> Opening:
    """The opening that `comment` writes; it starts at `line` and `column` of the file. Errors: ReportError."""
    opening = _OPENING.match(comment)
    assert opening, "the caller has asked opened()"
    if opening[1] not in BLOCKS:
        known = ", ".join(f"@{kind}" for kind in BLOCKS)
        hint = nearest(opening[1], BLOCKS).replace('"', '"@', 1)
        message = f'unknown block "@{opening[1]}"{hint} (known: {known}; a comment must not begin with @)'
        raise fault(path, message, line=line, column=column + opening.start(1) - 1)
    kind = cast(BlockKind, opening[1])
    header = _Header(path, kind, line, column)
    offset = opening.end()
    while word := _WORD.match(comment, offset):
        header.take(word)
        offset = word.end()
    rest = comment[offset:].strip()
    if rest:
        raise header.fault(
            f'can\'t read {rest!r}: write name, "Title" and key=value, a value with spaces in quotes', offset
        )
    if BLOCKS[kind].must_be_named and header.name is None:
        raise header.fault(f"@{kind} needs a name, such as: -- @{kind} details", 0)
    for option in BLOCKS[kind].needs:
        if option not in header.options:
            what = "block" if BLOCKS[kind].options[option] == "block" else "column"
            raise header.fault(f"@{kind} needs {option}=, the name of a {what}", 0)
    return Opening(kind, header.name, header.title or "", header.options, line)


_OPENING = re.compile(r"--\s*@(\S*+)")
_QUOTED = r""""(?:[^"]|"")*+"|'(?:[^']|'')*+'"""
_WORD = re.compile(
    rf"""\s+(?:(?P<key>\w+)=(?P<value>{_QUOTED}|[^\s"']++)|(?P<title>{_QUOTED})|(?P<name>[^\s"'=]++))(?=\s|$)"""
)


class _Header:
    """What the words of an opening line have said so far."""

    def __init__(self, path: str, kind: BlockKind, line: int, column: int) -> None:
        self.name: str | None = None
        self.title: str | None = None
        self.options: dict[str, str] = {}
        self._path = path
        self._kind = kind
        self._line = line
        self._column = column

    def take(self, word: re.Match[str]) -> None:
        """Note one word."""
        if word["key"] is not None:
            self._option(word["key"], _unquoted(word["value"]), word.start("key"))
        elif word["title"] is not None:
            if self.title is not None:
                raise self.fault("a second title; one block has one", word.start("title"))
            self.title = _unquoted(word["title"]).strip()
        else:
            self._named(word["name"], word.start("name"))

    def fault(self, message: str, offset: int) -> ReportError:
        """The error `message` about the character at `offset` of the comment."""
        return fault(self._path, message, line=self._line, column=self._column + offset)

    def _named(self, name: str, offset: int) -> None:
        if self.name is not None:
            raise self.fault(f'a second name "{name}" after "{self.name}"; a title stands in quotes', offset)
        if not re.fullmatch(NAME, name):
            allowed = "lower-case letters, digits, _ and -, at most 63"
            raise self.fault(f'"{name}" can\'t name a block: {allowed}; a title stands in quotes', offset)
        self.name = name

    def _option(self, key: str, value: str, offset: int) -> None:
        options = BLOCKS[self._kind].options
        if key not in options:
            known = f"known: {', '.join(options)}" if options else "it has none"
            raise self.fault(f'unknown option "{key}" of @{self._kind}{nearest(key, options)} ({known})', offset)
        if key in self.options:
            raise self.fault(f'option "{key}" stands twice', offset)
        allowed = options[key]
        if isinstance(allowed, tuple) and value not in allowed:
            raise self.fault(f'option "{key}" is {listed(allowed)}, not "{value}"{nearest(value, allowed)}', offset)
        if allowed == "block" and not re.fullmatch(NAME, value):
            raise self.fault(f'option "{key}" needs the name of a block, such as {key}=orders', offset)
        columns = value.split(",")
        if not all(column.strip() for column in columns) or "\0" in value:
            raise self.fault(f'option "{key}" needs a column\'s name, such as {key}=amount', offset)
        if allowed == "column" and len(columns) > 1:
            raise self.fault(f'option "{key}" takes one column, not {len(columns)}', offset)
        self.options[key] = ",".join(column.strip() for column in columns)


def _unquoted(text: str) -> str:
    quote = text[:1]
    if quote in ('"', "'"):
        return text[1:-1].replace(quote * 2, quote)
    return text
