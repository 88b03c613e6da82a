"""One query's rows from the server's COPY into a spool file: hashed, counted and limited as they pass.

Postgres makes the CSV, so what arrives is written as it is. A million rows of ten columns take as long as with
`psql \\copy`: the time is the server's. Memory holds one batch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiofiles
import asyncpg

from reportd import failpoints
from reportd.errors import disk_error
from reportd.fetch.limits import too_large_a_row, too_many_bytes, too_many_rows
from reportd.fetch.meter import RowMeter, metered

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncFileIO

    from reportd.db.pool import Connection

# A write is a hop to a thread, so that a slow disk never holds up the loop; a megabyte makes the hop cost nothing.
BATCH_BYTES = 1 << 20
# A chunk is what one read found, and each costs the loop the same. The driver does not read while its sink works, so a
# pause after a small one makes the next larger: half the CPU, and less time too where the server shares the cores.
_SMALL_BYTES = 32 << 10
_PAUSE_S = 0.001


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one block may take: `rows`, by the setting named `rows_setting`, and `bytes` of the job's `bytes_max`.

    `row_bytes` is what one row may have, as CSV, give or take what one read from the network holds.
    """

    rows: int
    rows_setting: str
    bytes: int
    bytes_max: int
    row_bytes: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What went into the file."""

    rows: int
    bytes: int
    sha256: str


async def copy(connection: Connection, query: str, path: Path, *, block: str, allowance: Allowance) -> Copied:
    """Run `query` and write its rows to `path` as CSV without a header.

    The file has another name until it is whole. Errors: LimitExceeded as soon as a row or a byte too many arrives,
    StoreFull; asyncpg's own are the caller's.
    """
    partial = path.with_name(path.name + ".tmp")
    with _on_disk(block):
        file = await aiofiles.open(partial, "wb", buffering=0)
    sink = _Sink(file, partial, block=block, allowance=allowance)
    try:
        with metered(connection, bytes_max=allowance.row_bytes) as meter:
            try:
                status = await connection.copy_from_query(
                    query, output=lambda chunk: sink.take(chunk, meter), format="csv", encoding="utf-8"
                )
            except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
                if meter.exceeded:
                    raise too_large_a_row(block, limit=allowance.row_bytes) from error
                raise
        await sink.flush()
        with _on_disk(block):
            await failpoints.reach("fetching")
    finally:
        await sink.settle()
        with _on_disk(block):
            await file.close()
    with _on_disk(block):
        await asyncio.to_thread(partial.rename, path)
    return Copied(rows=int(status.removeprefix("COPY ")), bytes=sink.bytes, sha256=sink.digest.hexdigest())


class RecordCount:
    """Counts CSV records in chunks cut anywhere: line ends outside quotes."""

    def __init__(self) -> None:
        self.count = 0
        self._quoted = False

    @classmethod
    def of(cls, path: Path) -> RecordCount:
        """The count so far in a file that is being written."""
        records = cls()
        with path.open("rb") as file:
            while chunk := file.read(BATCH_BYTES):
                records.add(chunk)
        return records

    def add(self, chunk: bytes) -> None:
        """Count the records that end in `chunk`, the next piece of the file."""
        if not self._quoted and b'"' not in chunk:
            self.count += chunk.count(b"\n")
            return
        # An escaped quote is two quotes with nothing between, so every second piece is inside quotes all the same.
        pieces = chunk.split(b'"')
        self.count += b"".join(pieces[self._quoted :: 2]).count(b"\n")
        self._quoted ^= not len(pieces) & 1


class _Sink:
    """Takes COPY's chunks in order; what it raises makes asyncpg cancel the query on the server."""

    def __init__(self, file: AsyncFileIO, path: Path, *, block: str, allowance: Allowance) -> None:
        self._file = file
        self._path = path
        self._block = block
        self._allowance = allowance
        self._batch = bytearray()
        self._writing: asyncio.Future[int] | None = None
        self._lines = 0
        self._records: RecordCount | None = None
        self.digest = hashlib.sha256()
        self.bytes = 0

    async def take(self, chunk: bytes, meter: RowMeter) -> None:
        meter.handed_over()
        self.digest.update(chunk)
        self.bytes += len(chunk)
        if self.bytes > self._allowance.bytes:
            raise too_many_bytes(self._block, limit=self._allowance.bytes_max)
        self._batch += chunk
        self._lines += chunk.count(b"\n")
        if self._lines > self._allowance.rows:
            await self._check_rows(chunk)
        if len(self._batch) >= BATCH_BYTES:
            await self.flush()
        elif len(chunk) < _SMALL_BYTES and self.bytes > BATCH_BYTES:
            await asyncio.sleep(_PAUSE_S)

    async def flush(self) -> None:
        batch, self._batch = memoryview(self._batch), bytearray()
        with _on_disk(self._block):
            await failpoints.reach("fetching")
            while batch:
                # An unbuffered file may take less than it is given when the disk fills up; the next write says why.
                self._writing = asyncio.ensure_future(self._file.write(batch))
                batch = batch[await asyncio.shield(self._writing) :]

    async def _check_rows(self, chunk: bytes) -> None:
        """Count rows, not lines, now that there are too many lines.

        Line breaks inside cells make the difference; to tell them apart from the start costs a third of all our work.
        """
        if self._records is None:
            await self.flush()
            self._records = await asyncio.to_thread(RecordCount.of, self._path)
        else:
            self._records.add(chunk)
        if self._records.count > self._allowance.rows:
            raise too_many_rows(self._block, limit=self._allowance.rows, setting=self._allowance.rows_setting)

    async def settle(self) -> None:
        """Wait until no thread is writing: closing a file under a write may send its bytes into another file."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.cancelled() or self._writing.exception()


@contextmanager
def _on_disk(block: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, doing=f'spooling block "{block}"') from error
