"""A statement with its placeholders replaced, for the server: `($1::date)` for PREPARE, a quoted literal for COPY.

Both keep a map of where each piece came from, so that a position in an error of the server's is a place in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reportd.report.lexer import Lines, Token, placeholders


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement for the server. `names` are the parameters in the order of `$1`, `$2`, …; none where none is left."""

    text: str
    names: tuple[str, ...]
    sql: str
    _pieces: tuple[tuple[int, int, int], ...]

    def locate(self, position: int, *, line: int = 1, column: int = 1) -> tuple[int, int]:
        """The (line, column) in the file of the character that the server calls `position` (from 1) of `text`.

        `line` and `column` are where the block's SQL begins in the file. A position inside what replaced a placeholder
        is the placeholder's; one past the end is the end's.
        """
        offset = min(max(position - 1, 0), len(self.text))
        start, length, source = next(piece for piece in reversed(self._pieces) if piece[0] <= offset)
        row, place = Lines(self.sql).position(source + min(offset - start, length))
        return line + row - 1, place + column - 1 if row == 1 else place


def prepared(sql: str, types: Mapping[str, str | None]) -> Bound:
    """`sql` for PREPARE: `:name` becomes `($n::type)`, or `$n` where `types` (`params.sql_types`) has none for it."""
    names: list[str] = []

    def number(token: Token) -> str:
        if token.name not in names:
            names.append(token.name)
        position = f"${names.index(token.name) + 1}"
        kind = types.get(token.name)
        return f"({position}::{kind})" if kind else position

    text, pieces = _replaced(sql, number)
    return Bound(text, tuple(names), sql, pieces)


def inlined(sql: str, literals: Mapping[str, str]) -> Bound:
    """`sql` for `copy (…) to stdout`, which takes no parameters: `:name` becomes its literal, quoted by the server.

    A literal is an expression with its type, such as `'2026-10-01'::date`. The text ends in a line break: COPY's
    closing parenthesis must not be part of a last line's comment. `locate` counts from this text's start.
    Errors: KeyError for a placeholder without a literal.
    """
    text, pieces = _replaced(sql, lambda token: f"({literals[token.name]})")
    return Bound(f"{text}\n", (), sql, pieces)


def _replaced(sql: str, replacement: Callable[[Token], str]) -> tuple[str, tuple[tuple[int, int, int], ...]]:
    """The text, and its pieces as (offset in the text, length as far as it is the file's, offset in `sql`)."""
    texts: list[str] = []
    pieces: list[tuple[int, int, int]] = []
    written = read = 0

    def add(text: str, length: int, source: int) -> None:
        nonlocal written
        texts.append(text)
        pieces.append((written, length, source))
        written += len(text)

    for token in placeholders(sql):
        add(sql[read : token.start], token.start - read, read)
        add(replacement(token), 0, token.start)
        read = token.end
    add(sql[read:], len(sql) - read, read)
    return "".join(texts), tuple(pieces)
