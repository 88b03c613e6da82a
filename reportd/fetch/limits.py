"""What one report may cost its source database and this host's disk."""

from __future__ import annotations

from dataclasses import dataclass

from reportd.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Caps on one job's queries; past one of them the job fails with LimitExceeded.

    `rows_max` and `columns_max` hold for each block, `bytes_max` for all spool files together, `row_bytes_max` for one
    row of them; `query_timeout_s` for each query by the server's clock; `lock_wait_s` is how long a query waits for a
    lock before the attempt is given up as interrupted.
    `temp_bytes_max` caps what a query may spill on the server's disk, where the report role is allowed to set that.
    """

    rows_max: int = 10_000_000
    bytes_max: int = 4 << 30
    row_bytes_max: int = 16 << 20
    columns_max: int = 1_600
    query_timeout_s: float = 300.0
    lock_wait_s: float = 10.0
    temp_bytes_max: int = 8 << 30


def too_many_rows(block: str, *, limit: int, setting: str) -> LimitExceeded:
    """The error of a query that gave more than `limit` rows; `setting` names what set the limit."""
    return LimitExceeded(
        f'block "{block}" gives more than {limit:,} rows ({setting}): narrow the query or its params,'
        f" or raise {setting}",
        limit=setting,
        value=limit,
        block=block,
    )


def too_many_bytes(block: str, *, limit: int) -> LimitExceeded:
    """The error of queries that gave more than `limit` bytes, found while `block` was running."""
    return LimitExceeded(
        f'the report\'s data passed {limit:,} bytes while block "{block}" was read (fetch.bytes_max): select fewer rows'
        " or columns, or raise fetch.bytes_max",
        limit="fetch.bytes_max",
        value=limit,
        block=block,
    )


def too_large_a_row(block: str, *, limit: int) -> LimitExceeded:
    """The error of a row that goes on past `limit` bytes."""
    return LimitExceeded(
        f'block "{block}" has a row of more than {limit:,} bytes (fetch.row_bytes_max): cut its texts, as by'
        " left(column, 1000), or raise fetch.row_bytes_max",
        limit="fetch.row_bytes_max",
        value=limit,
        block=block,
    )


def too_many_columns(block: str, *, columns: int, limit: int) -> LimitExceeded:
    """The error of a query that has more than `limit` columns."""
    return LimitExceeded(
        f'block "{block}" has {columns:,} columns, of {limit:,} allowed (fetch.columns_max): select fewer, or raise'
        " fetch.columns_max",
        limit="fetch.columns_max",
        value=limit,
        block=block,
    )


def too_slow(block: str, *, limit_s: float) -> LimitExceeded:
    """The error of a query that the server stopped after `limit_s` seconds."""
    return LimitExceeded(
        f'block "{block}" ran longer than {limit_s:g} s (fetch.query_timeout_s): look at its plan with EXPLAIN,'
        " narrow its params, or raise fetch.query_timeout_s",
        limit="fetch.query_timeout_s",
        value=limit_s,
        block=block,
    )


def too_much_spilled(block: str, *, message: str) -> LimitExceeded:
    """The error of a query whose sorts and hashes outgrew the server's disk allowance; `message` is the server's."""
    return LimitExceeded(
        f'block "{block}" needs more room for sorting on the server than it may have: {message}'
        " (fetch.temp_bytes_max, or the role's temp_file_limit): an index that gives the order, or fewer rows, helps",
        limit="fetch.temp_bytes_max",
        block=block,
    )
