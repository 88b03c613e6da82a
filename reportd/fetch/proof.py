"""Whether a report's queries fit the database: prepared and planned, never run. Finds drift before a job does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reportd.errors import QueryError
from reportd.fetch import drift, plans
from reportd.fetch.failure import Sent, query_error, translated
from reportd.fetch.limits import FetchLimits
from reportd.fetch.query import COPY_OPENING, bind, typed
from reportd.fetch.snapshot import enter, forget
from reportd.report.definition import Block, Report
from reportd.report.fault import nearest
from reportd.spool import SpoolColumn

if TYPE_CHECKING:
    from reportd.db.pool import Connection

# To prepare and to plan takes no time worth waiting for; what does is a lock that somebody holds.
_LIMITS = FetchLimits(query_timeout_s=15.0, lock_wait_s=5.0)
_EXPLAIN = "EXPLAIN (FORMAT JSON) "
# Planning works out constants: an error about a value (a division by zero) says nothing about the values of a job.
_DATA_ERRORS = "22"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one block's query."""

    block: str
    error: QueryError


@dataclass(frozen=True, slots=True)
class Proof:
    """What the server says of one block's query: its `columns`, or the `error`; `warnings` are about its plan."""

    block: Block
    columns: tuple[SpoolColumn, ...] = ()
    error: QueryError | None = None
    warnings: tuple[str, ...] = ()


async def check(connection: Connection, report: Report) -> list[Finding]:
    """What the server has against the queries of `report`: `prove`, faults alone."""
    proofs = await prove(connection, report, report.queries)
    return [Finding(each.block.name, each.error) for each in proofs if each.error is not None]


async def prove(
    connection: Connection, report: Report, blocks: Iterable[Block], *, rows_large: int | None = None
) -> list[Proof]:
    """What the server says of the queries of `blocks`, the first fault of each; params count as NULL.

    Found are faults of syntax and of types, names that are not there, rights that lack, statements that write or that
    COPY does not take; with `rows_large` plans that read so many rows without need. `connection` is outside any
    transaction, and is so again afterwards. Errors: QueryInterrupted, LimitExceeded; asyncpg's own where no transaction
    can be begun.
    """
    await enter(connection, timezone=report.timezone or "UTC", limits=_LIMITS)
    try:
        proofs = []
        for block in blocks:
            try:
                proofs.append(await _prove(connection, report, block, rows_large))
            except QueryError as error:
                await forget(connection)
                proofs.append(Proof(block, error=await drift.explained(connection, error, block)))
            await forget(connection)
        return proofs
    finally:
        await connection.execute("ROLLBACK")


async def _prove(connection: Connection, report: Report, block: Block, rows_large: int | None) -> Proof:
    bound = bind(report, block)
    with translated(Sent(block, bound), _LIMITS):
        found = await typed(connection, block, bound)
    if report.burst is not None:
        names = [column.name for column in found.columns]
        for name in report.burst.params if block is report.burst.block else ():
            if name not in names:
                message = f'the burst has no column "{name}" for the param of this name{nearest(name, names)}'
                raise query_error(message, block=block, line=block.line)
        for name in report.burst.split if block in (*report.blocks, report.burst.block) else ():
            if name not in names:
                message = f'the burst splits by "{name}", and this has no such column{nearest(name, names)}'
                raise query_error(message, block=block, line=block.line)
    with translated(Sent(block, bound, offset=len(COPY_OPENING), prepared=True), _LIMITS):
        # The grammar says which statements COPY takes.
        await connection.prepare(f"{COPY_OPENING}{bound.text}\n) TO STDOUT")
    try:
        with translated(Sent(block, bound, offset=len(_EXPLAIN), prepared=True), _LIMITS):
            # Unlike PREPARE, this checks rights.
            plan = await connection.fetchval(_EXPLAIN + bound.text, *[None] * len(bound.names))
    except QueryError as error:
        if str(error.detail.get("sqlstate")).startswith(_DATA_ERRORS):
            return Proof(block, found.columns)
        raise
    if _writes(json.loads(plan) if isinstance(plan, str) else plan):
        raise query_error("a report's query may only read, and this one writes", block=block, line=block.line)
    warnings: tuple[str, ...] = ()
    if rows_large is not None:
        warnings = await plans.warnings(connection, bound, found.params, rows_large=rows_large)
    return Proof(block, found.columns, warnings=warnings)


def _writes(plan: Any) -> bool:
    """Whether a node of the plan changes a table, or locks its rows, which no read-only transaction may."""
    match plan:
        case {"Node Type": "ModifyTable" | "LockRows"}:
            return True
        case dict():
            return any(_writes(part) for part in plan.values())
        case list():
            return any(_writes(part) for part in plan)
        case _:
            return False
