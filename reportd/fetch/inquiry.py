"""A dataset that can still grow: its snapshot stays open while a report's own `fetch` asks for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reportd import spool
from reportd.errors import QueryError, disk_error
from reportd.fetch.dataset import spool_blocks, spool_query
from reportd.fetch.failure import Sent, translated
from reportd.fetch.limits import FetchLimits
from reportd.fetch.query import prepare
from reportd.fetch.snapshot import forget, snapshot
from reportd.report import binding
from reportd.report.definition import Block, Report
from reportd.report.params import Params, Value
from reportd.spool import Dataset, Spooled

if TYPE_CHECKING:
    from reportd.db.pool import Connection, Pool


class Inquiry:
    """The dataset of one attempt, and its snapshot for as long as that is open. Made by `inquire`."""

    def __init__(
        self,
        stack: AsyncExitStack,
        connection: Connection,
        report: Report,
        params: Params,
        dataset: Dataset,
        limits: FetchLimits,
    ) -> None:
        self.dataset = dataset
        self._stack = stack
        self._connection: Connection | None = connection
        self._report = report
        self._params = params
        self._limits = limits
        self._asked: dict[str, Spooled] = {}

    async def ask(self, block: Block, values: Mapping[str, Value]) -> Spooled:
        """Run the query of `block` with `values` beside the job's parameters; its rows lie in the dataset's directory.

        One at a time. Errors: QueryError, QueryInterrupted, LimitExceeded, StoreFull.
        """
        if self._connection is None:
            raise QueryError(
                f"{block.file}:{block.line}: the snapshot is closed: ask for rows in fetch", block=block.name
            )
        # A name that no block can have: the file of a block is never written over.
        block = replace(block, name=f"query.{len(self._asked) + 1}")
        try:
            query = await prepare(self._connection, block, self._params.bound(values), self._limits)
            spent = sum(each.bytes for each in (*self.dataset.blocks.values(), *self._asked.values()))
            spooled = await spool_query(
                self._connection, query, self.dataset.directory, report=self._report, limits=self._limits, spent=spent
            )
        except QueryError:
            # The report's code may take the error and ask for something else.
            with translated(Sent(block, binding.inlined("", {})), self._limits):
                await forget(self._connection)
            raise
        self._asked[block.name] = spooled
        return spooled

    async def close(self, names: Mapping[str, str]) -> None:
        """No more queries: end the snapshot, and take what was asked for into the dataset.

        `names` maps what a result is called in the report to the name that `ask` gave it. Errors: QueryError.
        """
        self._connection = None
        await self._stack.aclose()
        if names.keys() & self.dataset.blocks.keys() or not set(names.values()) <= self._asked.keys():
            raise QueryError("the report's code keeps results that are blocks' or were never asked for")
        named = {name: replace(self._asked[asked], name=name) for name, asked in names.items()}
        self.dataset = replace(self.dataset, blocks={**self.dataset.blocks, **named})


@asynccontextmanager
async def inquire(
    pool: Pool, report: Report, params: Params, *, directory: Path, timezone: str, limits: FetchLimits
) -> AsyncIterator[Inquiry]:
    """Run the queries of `report` as `fetch` does, into the new `directory`; keep their snapshot open until `close`.

    The caller removes `directory`. Errors: as `fetch`.
    """
    async with AsyncExitStack() as stack:
        try:
            await asyncio.to_thread(directory.mkdir, parents=True, mode=0o700)
            connection, as_of = await stack.enter_async_context(snapshot(pool, timezone=timezone, limits=limits))
            blocks = await spool_blocks(connection, report, params, directory, limits=limits)
            dataset = Dataset(directory, as_of, timezone, report.source.sha256, params.as_json(), blocks)
            manifest = directory / spool.MANIFEST
            await asyncio.to_thread(manifest.write_text, dataset.manifest(), encoding="utf-8")
        except OSError as error:
            raise disk_error(error, doing=f"spooling {report.name}") from error
        yield Inquiry(stack, connection, report, params, dataset, limits)
