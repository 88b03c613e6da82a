"""A connection that keeps nothing from one transaction to the next, so that a pooler may stand before the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    _Plain = asyncpg.Connection[asyncpg.Record]
else:
    _Plain = asyncpg.Connection  # which has no type arguments outside the stubs

# How a pooler in transaction mode shows itself to one that takes it for a server: it refuses settings at the start, or
# a statement's name is another client's, or gone.
POOLER = (
    asyncpg.ProtocolViolationError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidSQLStatementNameError,
)


class LoneConnection(_Plain):
    """Gives no statement a name: on a server that many share, each process would count from the same first one.

    A statement without a name is safe where its connection keeps none (`statement_cache_size=0`): asyncpg then parses
    and executes it within one exchange, in which a pooler does not change the server.
    """

    __slots__ = ()

    async def prepare(self, query: str, *, name: str | None = None, **options: Any) -> Any:
        """A statement for its types; the connection's next one takes its place."""
        return await super().prepare(query, name=name or "", **options)
