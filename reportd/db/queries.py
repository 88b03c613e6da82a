"""Named queries from the `.sql` files beside the modules: read once, checked at import, bound by name.

A file holds entries of the form

    -- name: renew(worker, lease_s)
    -- Purpose in one line.
    update … where id = :worker …

where `:worker` stands for a bound parameter; `load` turns it into `$1` in the order of the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""What every function of `reportd.db` takes first; the caller owns its transaction."""

_HEAD = re.compile(r"^-- name: (?P<name>\w+)\((?P<args>[\w, ]*)\)\n-- (?P<purpose>.+)\n", re.MULTILINE)
_ARGUMENT = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement; `sql` has `$1 …` where the file has names, and `args` tells the order."""

    name: str
    args: tuple[str, ...]
    purpose: str
    sql: str

    async def rows(self, conn: Connection, **values: Any) -> Sequence[asyncpg.Record]:
        """All rows of the result."""
        return await conn.fetch(self.sql, *self._bind(values))

    async def row(self, conn: Connection, **values: Any) -> asyncpg.Record | None:
        """The first row, or None."""
        return await conn.fetchrow(self.sql, *self._bind(values))

    async def value(self, conn: Connection, **values: Any) -> Any:
        """The first row's first column, or None."""
        return await conn.fetchval(self.sql, *self._bind(values))

    def _bind(self, values: Mapping[str, Any]) -> list[Any]:
        if values.keys() != set(self.args):
            raise TypeError(f"query {self.name} takes {', '.join(self.args)}, not {', '.join(values)}")
        return [values[argument] for argument in self.args]


@lru_cache
def load(noun: str) -> Mapping[str, Query]:
    """The queries of `reportd/db/<noun>.sql` by name. Errors: ValueError where an entry is not of the form above."""
    text = resources.files("reportd.db").joinpath(f"{noun}.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    if len(heads) != text.count("-- name:"):
        raise ValueError(f"{noun}.sql: an entry lacks its arguments or its purpose line")
    ends = [head.start() for head in heads[1:]] + [len(text)]
    queries = [_query(noun, head, text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]
    return MappingProxyType({query.name: query for query in queries})


def _query(noun: str, head: re.Match[str], statement: str) -> Query:
    args = tuple(filter(None, (word.strip() for word in head["args"].split(","))))
    used = set(_ARGUMENT.findall(statement))
    if used != set(args):
        raise ValueError(f"{noun}.sql: {head['name']} lists ({', '.join(args)}) and uses ({', '.join(sorted(used))})")
    places = {argument: f"${place}" for place, argument in enumerate(args, 1)}
    return Query(
        name=head["name"],
        args=args,
        purpose=head["purpose"],
        sql=_ARGUMENT.sub(lambda found: places[found[1]], statement).strip().removesuffix(";"),
    )
