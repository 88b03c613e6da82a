"""Names that the database does not have (any more), with the nearest that it has: what the server itself leaves out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncpg

from reportd.errors import QueryError
from reportd.report.definition import Block
from reportd.report.fault import nearest
from reportd.report.lexer import TokenKind, tokens

if TYPE_CHECKING:
    from reportd.db.pool import Connection

_NO_TABLE = ("42P01", "3F000")
_NO_COLUMN = "42703"
_LISTED_MAX = 12
_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[^\W\d][\w$]*))*')
_PART = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')

# Both forms, for a query may write either.
_RELATIONS = """
select c.relname, n.nspname || '.' || c.relname, pg_table_is_visible(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname !~ '^pg_toast' and n.nspname <> 'information_schema'
"""
_COLUMNS = """
select c.relname, array_agg(a.attname::text order by a.attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relname = any ($1) and c.relkind in ('r', 'v', 'm', 'p', 'f') and a.attnum > 0 and not a.attisdropped
group by c.oid, c.relname
order by c.relname
"""


async def explained(connection: Connection, error: QueryError, block: Block) -> QueryError:
    """`error` with the nearest right name, where it is about a table or column that is not there.

    `connection` is inside a transaction that has not failed.
    """
    sqlstate, written = error.detail.get("sqlstate"), _written(error, block)
    if written is None or error.detail.get("hint"):
        return error
    try:
        if sqlstate in _NO_TABLE:
            said = await _tables(connection, written)
        elif sqlstate == _NO_COLUMN:
            said = await _columns(connection, written[-1], block)
        else:
            return error
    except asyncpg.PostgresError:  # a role that may not read the catalogue: the server's own words do
        return error
    return QueryError(f"{error.message}{said}", **error.detail) if said else error


def _written(error: QueryError, block: Block) -> list[str] | None:
    """The name at the error's place in the query, part by part; None where there is none."""
    line, column = error.detail.get("line"), error.detail.get("column")
    if line is None or column is None:
        return None
    lines = block.sql.split("\n")
    row = line - block.line
    start = column - (block.column if row == 0 else 1)
    if not 0 <= row < len(lines) or (found := _NAME.match(lines[row], max(start, 0))) is None:
        return None
    return [quoted.replace('""', '"') or plain.lower() for quoted, plain in _PART.findall(found[0])]


async def _tables(connection: Connection, written: list[str]) -> str:
    rows = await connection.fetch(_RELATIONS)
    name = ".".join(written)
    known = [full for _, full, _ in rows] if len(written) > 1 else [bare for bare, _, seen in rows if seen]
    elsewhere = [full for bare, full, _ in rows if bare == written[-1] and full != name]
    return f'; did you mean "{elsewhere[0]}"?' if elsewhere else nearest(name, known)


async def _columns(connection: Connection, name: str, block: Block) -> str:
    """The nearest column of the tables that the query names, and else what they have."""
    words = {
        block.sql[token.start : token.end].strip('"').lower()
        for token in tokens(block.sql)
        if token.kind in (TokenKind.WORD, TokenKind.QUOTED_NAME)
    }
    tables = await connection.fetch(_COLUMNS, sorted(words))
    if near := nearest(name, [column for _, columns in tables for column in columns]):
        return near
    listed = (f"{table} has {_few(columns)}" for table, columns in tables[:2])
    return f" ({'; '.join(listed)})" if tables else ""


def _few(names: list[str]) -> str:
    return ", ".join(names[:_LISTED_MAX]) + (" …" if len(names) > _LISTED_MAX else "")
