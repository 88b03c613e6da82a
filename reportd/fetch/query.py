"""One block's query: prepared for its types and faults, its params put in as literals that the server has quoted.

A secret is no literal: others may read the text of a running statement (pg_stat_activity), and the server writes it to
its log when the statement fails. It travels as a setting of the transaction that the statement looks up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reportd.fetch.failure import Sent, query_error, translated
from reportd.fetch.limits import FetchLimits, too_many_columns
from reportd.report import binding
from reportd.report.binding import Bound
from reportd.report.definition import Block, Report
from reportd.report.fault import nearest
from reportd.report.params import Params, sql_types
from reportd.spool import SpoolColumn

if TYPE_CHECKING:
    from reportd.db.pool import Connection

# What the driver puts before a query that it is to copy; positions in the server's errors count it.
COPY_OPENING = "COPY ("
_NO_PARAMETER = "42P02"

_TYPES = "select format_type(type, null) from unnest($1::oid[]) with ordinality as t(type, n) order by n"
_LITERALS = "select quote_literal(text) from unnest($1::text[]) with ordinality as l(text, n) order by n"
_SECRETS = "select set_config(name, value, true) from unnest($1::text[], $2::text[]) as s(name, value)"


@dataclass(frozen=True, slots=True)
class Query:
    """A block's query, ready for COPY: `text` has no params left; `sent` reads the server's errors about it.

    `secrets` are the texts of secret params by the settings that `text` looks them up in.
    """

    block: Block
    text: str
    columns: tuple[SpoolColumn, ...]
    sent: Sent
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def tell_secrets(self, connection: Connection) -> None:
        """Make the secrets known to the transaction that the query is to run in. Errors: asyncpg's own."""
        if self.secrets:
            await connection.fetch(_SECRETS, list(self.secrets), list(self.secrets.values()))


@dataclass(frozen=True, slots=True)
class Typed:
    """What PREPARE said of a query: the type of each placeholder by name, and its columns."""

    params: dict[str, str]
    columns: tuple[SpoolColumn, ...]


async def prepare(connection: Connection, block: Block, params: Params, limits: FetchLimits) -> Query:
    """Have the server parse and type `block`'s query; put `params` into it. Errors: QueryError, QueryInterrupted."""
    bound = binding.prepared(block.sql, {name: value.type for name, value in params.values.items()})
    for name in bound.names:
        if name not in params.values:
            known = nearest(name, params.values)
            raise query_error(f'no value is given for ":{name}"{known}', block=block, line=block.line)
    hidden = _hidden(params)
    with translated(Sent(block, bound, secrets=hidden), limits):
        found = await typed(connection, block, bound)
        if len(found.columns) > limits.columns_max:
            raise too_many_columns(block.name, columns=len(found.columns), limit=limits.columns_max)
        secrets = _secrets(bound.names, params)
        literals = await _literals(connection, bound.names, params, found, secrets)
    inlined = binding.inlined(block.sql, literals)
    sent = Sent(block, inlined, offset=len(COPY_OPENING), secrets=hidden, prepared=True, tells_secrets=bool(secrets))
    settings = {setting: params.values[name].text or "" for name, setting in secrets.items()}
    return Query(block, inlined.text, found.columns, sent, settings)


def bind(report: Report, block: Block) -> Bound:
    """`block`'s query with its placeholders numbered, each cast to the type that the report declares."""
    return binding.prepared(block.sql, sql_types(report.params))


async def typed(connection: Connection, block: Block, bound: Bound) -> Typed:
    """PREPARE the query, which proves that it is one statement. Errors: asyncpg's own; QueryError about its columns."""
    statement = await connection.prepare(bound.text)
    params, columns = statement.get_parameters(), statement.get_attributes()
    if len(params) > len(bound.names):
        message = f"write :name in place of ${len(params)}; reportd numbers the parameters itself"
        raise query_error(message, block=block, line=block.line, sqlstate=_NO_PARAMETER)
    _check_names(block, [column.name for column in columns])
    oids = [type.oid for type in params] + [column.type.oid for column in columns]
    types: list[str] = [row[0] for row in await connection.fetch(_TYPES, oids)]
    return Typed(
        params=dict(zip(bound.names, types[: len(params)], strict=True)),
        columns=tuple(
            SpoolColumn(column.name, type) for column, type in zip(columns, types[len(params) :], strict=True)
        ),
    )


def _check_names(block: Block, names: Sequence[str]) -> None:
    if not names:
        message = "the statement gives no columns: a block is one SELECT, VALUES, TABLE or WITH … SELECT"
        raise query_error(message, block=block, line=block.line)
    for name, count in Counter(names).items():
        if count > 1:
            places = " and ".join(str(place) for place, other in enumerate(names, 1) if other == name)
            message = f'columns {places} are all called "{name}": name them apart (… AS name)'
            raise query_error(message, block=block, line=block.line)


async def _literals(
    connection: Connection, names: Sequence[str], params: Params, found: Typed, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Each param as an expression: quoted by the server, or looked up if it is secret, cast to the declared type, else
    to what PREPARE found.
    """
    if not names:
        return {}
    values = [params.values[name] for name in names]
    open_texts = [None if name in secrets else value.text for name, value in zip(names, values, strict=True)]
    quoted = {name: row[0] for name, row in zip(names, await connection.fetch(_LITERALS, open_texts), strict=True)}
    quoted |= {name: f"pg_catalog.current_setting('{setting}')" for name, setting in secrets.items()}
    return {
        name: f"{quoted[name] or 'NULL'}::{value.type or found.params[name]}"
        for name, value in zip(names, values, strict=True)
    }


def _secrets(names: Sequence[str], params: Params) -> dict[str, str]:
    """The setting for each of `names` that has a secret's value: a report's code may hand it on under another name."""
    hidden = {name for param in params.params if param.secret for name in param.names}
    texts = set(_hidden(params))
    texts_given = {name: text for name in names if (text := params.values[name].text) is not None}
    given = [name for name, text in texts_given.items() if name in hidden or text in texts]
    return {name: f"reportd.secret_{number}" for number, name in enumerate(given, start=1)}


def _hidden(params: Params) -> tuple[str, ...]:
    """The texts of secret values, the longest first, so that no shorter one takes a piece out of it."""
    secret = [param for param in params.params if param.secret]
    texts = {params.values[name].text for param in secret for name in param.names}
    typed = params.as_json()
    texts |= {str(item) for param in secret if param.many for item in typed[param.name] or ()}
    return tuple(sorted((text for text in texts if text), key=len, reverse=True))
