"""The tables and views of a source database, as somebody who begins a report wants to know them."""

from __future__ import annotations

from collections.abc import Sequence

from reportd.db.queries import Connection, load
from reportd.errors import ConfigError
from reportd.report.draft import Relation, SourceColumn
from reportd.report.fault import nearest

_QUERIES = load("relations")
_NAMES_MAX = 5000


async def find(conn: Connection, name: str) -> Relation:
    """The relation called `name`, as SQL would write it. Errors: ConfigError, with the nearest if there is none."""
    found = await _QUERIES["find"].row(conn, name=name)
    if found is None:
        known = [row["relation"] for row in await _QUERIES["names"].rows(conn, limit_rows=_NAMES_MAX)]
        raise ConfigError(f'this database has no table or view "{name}"{nearest(name, known)}')
    readable = await columns(conn, relation=found["relation"])
    if not readable:
        raise ConfigError(f"this role may read no column of {found['relation']}", hint="grant select on it")
    return Relation(found["relation"], found["name"], readable)


async def columns(conn: Connection, *, relation: str) -> Sequence[SourceColumn]:
    """The columns of `relation` that this role may read, in order."""
    return [SourceColumn(**row) for row in await _QUERIES["columns"].rows(conn, relation=relation)]
