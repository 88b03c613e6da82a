"""What the source database says when a query fails, in the report's own terms: file, line, and whether to retry."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from reportd.errors import QueryError, QueryInterrupted, ReportdError
from reportd.fetch.limits import FetchLimits, too_much_spilled, too_slow
from reportd.report.binding import Bound
from reportd.report.definition import Block
from reportd.report.params import MASK

# What asyncpg raises when the connection, and not the query, is at fault; TimeoutError is an OSError.
CONNECTION_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# Classes and codes that may pass by themselves: connection, resources, operator intervention; serialization, deadlock,
# lock wait, a session ended for idling or for its transaction's length, a snapshot too old, an I/O error.
_PASSING_CLASSES = ("08", "53", "57")
_PASSING = {"40001", "40P01", "55P03", "25P03", "25P04", "72000", "58030"}
_SPILLED = "53400"
_CANCELLED = "57014"
_READ_ONLY = "25006"
_NO_RIGHT = "42501"
_SYNTAX = "42601"
_UNCLEAR_TYPES = {"42P18", "42P08"}
# What the server says in these classes may repeat a value, in a form that nobody can foresee (upper(:key)::int).
_REPEATS_QUOTED = "22"
_REPEATS_ANYHOW = ("21", "23", "38", "39", "44", "P0", "XX")
_WORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A text sent to the server for `block`, and how to read what the server says about it.

    `bound` came after `offset` other characters; `secrets` are values that must not be repeated; `prepared` says that
    PREPARE took the same statement, `tells_secrets` that this one works on secrets.
    """

    block: Block
    bound: Bound
    offset: int = 0
    secrets: tuple[str, ...] = ()
    prepared: bool = False
    tells_secrets: bool = False

    def place(self, position: int) -> tuple[int, int]:
        """Line and column in the file of what the server calls `position` (from 1)."""
        return self.bound.locate(position - self.offset, line=self.block.line, column=self.block.column)

    def worded(self, text: str) -> str:
        """`text` with `$1` as the placeholder that the author wrote, without secrets, and no longer than a reader's
        patience: the server repeats a value however long it is.
        """
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        if len(text) > _WORDS_MAX:
            text = f"{text[:_WORDS_MAX]} … ({len(text):,} characters)"
        return re.sub(r"\$([0-9]+)", self._placeholder, text)

    def _placeholder(self, match: re.Match[str]) -> str:
        number, names = int(match[1]), self.bound.names
        return f":{names[number - 1]}" if 0 < number <= len(names) else match[0]


@contextmanager
def translated(sent: Sent, limits: FetchLimits) -> Iterator[None]:
    """Whatever asyncpg raises about what was sent becomes QueryError, QueryInterrupted or LimitExceeded."""
    started = time.monotonic()
    try:
        yield
    except CONNECTION_LOST as error:
        reason = str(error) or type(error).__name__
        message = f'the source database was lost while reading block "{sent.block.name}": {reason}'
        raise QueryInterrupted(message, block=sent.block.name) from error
    except asyncpg.PostgresError as error:
        # 57014 says the same of a time limit and of pg_cancel_backend(), in the server's language; the clock tells.
        timed_out = time.monotonic() - started >= limits.query_timeout_s
        # Not chained: the cause would carry the literals of the statement, secrets included, into tracebacks.
        raise _failed(error, sent, timed_out_s=limits.query_timeout_s if timed_out else None) from None


def query_error(message: str, *, block: Block, line: int, column: int | None = None, **detail: Any) -> QueryError:
    """A QueryError that begins with the place in the report's file, as editors and terminals can follow it."""
    place = f"{block.file}:{line}" if column is None else f"{block.file}:{line}:{column}"
    return QueryError(f"{place}: {message}", file=block.file, line=line, column=column, block=block.name, **detail)


def _failed(error: asyncpg.PostgresError, sent: Sent, *, timed_out_s: float | None) -> ReportdError:
    block = sent.block
    said = {name: getattr(error, name, None) for name in ("sqlstate", "message", "hint", "detail", "position")}
    sqlstate = said["sqlstate"] or ""
    message = sent.worded(said["message"] or str(error))
    hint, detail = (sent.worded(text) if (text := said[name]) else None for name in ("hint", "detail"))
    if sent.tells_secrets:
        hint = detail = None
        if sqlstate.startswith(_REPEATS_QUOTED):
            message = re.sub(r'".*"', f'"{MASK}"', message, flags=re.DOTALL)
        elif sqlstate.startswith(_REPEATS_ANYHOW):
            message = f"error {sqlstate}; what the server says is withheld, since the query works on a secret"
    if sqlstate == _SPILLED:
        return too_much_spilled(block.name, message=message)
    if sqlstate == _CANCELLED and timed_out_s is not None:
        return too_slow(block.name, limit_s=timed_out_s)
    if sqlstate in _PASSING or sqlstate.startswith(_PASSING_CLASSES):
        return QueryInterrupted(f'block "{block.name}" was interrupted: {message}', block=block.name, sqlstate=sqlstate)
    line, column = sent.place(int(said["position"])) if said["position"] else (block.line, None)
    return query_error(
        _sentence(sqlstate, message, hint, prepared=sent.prepared),
        block=block,
        line=line,
        column=column,
        sqlstate=sqlstate,
        hint=hint,
        server_detail=detail,
    )


def _sentence(sqlstate: str, message: str, hint: str | None, *, prepared: bool) -> str:
    if sqlstate == _READ_ONLY:
        message = f"a report's query may only read: {message}"
    elif sqlstate == _NO_RIGHT:
        message = f"{message}: grant it to the role that runs reports"
    elif sqlstate in _UNCLEAR_TYPES:
        message = f"{message}: declare it in the front matter, params.NAME.type"
    elif sqlstate == _SYNTAX and prepared:
        # It is a statement, yet none that COPY takes: EXPLAIN, SHOW, CALL and the like.
        message = f"a block's statement is a SELECT, VALUES, TABLE or WITH … SELECT: {message}"
    return f"{message} ({hint})" if hint else message
