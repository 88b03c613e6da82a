"""Plans that will hurt: whole large tables read, and joins of everything with everything. Planned, never run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import asyncpg

from reportd.report.binding import Bound

if TYPE_CHECKING:
    from reportd.db.pool import Connection

_ESTIMATES = """
select n.nspname, c.relname, greatest(c.reltuples, 0)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))
"""
_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "Filter",
    "Join Filter",
    "Hash Cond",
    "Merge Cond",
    "TID Cond",
    "Cache Key",
)

Node = Mapping[str, Any]


async def warnings(
    connection: Connection, bound: Bound, types: Mapping[str, str], *, rows_large: int
) -> tuple[str, ...]:
    """What is to be said of the plan that the server makes of a query whatever its params (of `types`, by name) are.

    `rows_large` is from how many rows on a table should not be read as a whole. The caller rolls back.
    """
    name = f"reportd_check_{secrets.token_hex(4)}"
    declared = f"({', '.join(types[param] for param in bound.names)})" if bound.names else ""
    values = f"({', '.join(['NULL'] * len(bound.names))})" if bound.names else ""
    try:
        # With the values of EXPLAIN's own parameters NULL, a plan would be that of a query which finds nothing.
        await connection.execute("set local plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare {name}{declared} as {bound.text}")
        try:
            plan = await connection.fetchval(f"explain (format json, verbose) execute {name}{values}")
        finally:
            await connection.execute(f"deallocate {name}")
    except asyncpg.PostgresError:  # such as a data type that PREPARE by name can't write: no plan, nothing to say
        return ()
    [top] = json.loads(plan) if isinstance(plan, str) else plan
    scans = [node for node in _nodes(top["Plan"]) if node["Node Type"] in ("Seq Scan", "Parallel Seq Scan")]
    large = await _large(connection, scans, rows_large)
    picked = {f"{node['Schema']}.{node['Relation Name']}" for node in scans if "Filter" in node}
    said = [
        f"{table} has about {rows:,} rows and is read as a whole"
        + (": no index fits the condition" * (table in picked))
        for table, rows in large.items()
    ]
    said += [
        f"every row of {outer} is joined with every row of {inner}, about {rows:,} pairs: a condition is missing"
        for outer, inner, rows in _products(top["Plan"])
        if rows >= rows_large
    ]
    return tuple(said)


async def _large(connection: Connection, scans: list[Node], rows_large: int) -> dict[str, int]:
    schemas, names = [node["Schema"] for node in scans], [node["Relation Name"] for node in scans]
    rows = await connection.fetch(_ESTIMATES, schemas, names) if scans else []
    return {f"{schema}.{name}": count for schema, name, count in rows if count >= rows_large}


def _products(node: Node) -> Iterator[tuple[str, str, int]]:
    """Joins without a condition: what is on either side, and how many pairs the planner expects."""
    children = node.get("Plans", ())
    joined = [each for each in children if each.get("Parent Relationship") in ("Outer", "Inner")]
    if node["Node Type"] == "Nested Loop" and len(joined) == 2 and "Join Filter" not in node:
        outer, inner = joined
        left, right = _aliases(outer), _aliases(inner)
        # A row or less on one side is a lookup; a condition that names the other side is the join's.
        if min(outer["Plan Rows"], inner["Plan Rows"]) > 1 and left and right and not _mentions(inner, left):
            pairs = int(outer["Plan Rows"] * inner["Plan Rows"])
            yield " and ".join(sorted(left)), " and ".join(sorted(right)), pairs
    for child in children:
        yield from _products(child)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _aliases(node: Node) -> set[str]:
    return {each["Alias"] for each in _nodes(node) if "Alias" in each}


def _mentions(node: Node, aliases: set[str]) -> bool:
    """Whether a condition anywhere below names one of `aliases`."""
    texts = [str(each[key]) for each in _nodes(node) for key in _CONDITIONS if key in each]
    texts += [str(each.get("Function Call", "")) for each in _nodes(node)]
    return any(f"{alias}." in text or f'"{alias}".' in text for text in texts for alias in aliases)
