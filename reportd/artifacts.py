"""Finished files: from a render child's directory into the store, whole or not at all; open, size, delete, sweep.

A file becomes visible only when its bytes are on the disk: a partial file in the directory where it will stay, copied
and hashed in one pass, fsync, rename, fsync of the directory. Its name carries job, attempt and hash, so no two
attempts ever write the same file, and what a fenced attempt leaves behind is told apart and swept.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from reportd import failpoints
from reportd.errors import ReportdError, disk_error
from reportd.job import Artifact
from reportd.render.task import RenderedFile

_CHUNK_BYTES = 1 << 20
_SWEEP_BATCH = 1000
# Jobs per directory: enough that a directory stays quick to list, few enough that there are not too many of them.
_JOBS_PER_DIRECTORY = 1000
_PARTIAL = ".partial"
_STOP_LIMIT_S = 1.0


class DirectoryStore:
    """A store in the directory `root` (made when the first file comes). Its URIs are `file:///…`.

    Every method does its disk work in a thread. A URI that points outside `root` is refused with ReportdError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def put(self, file: RenderedFile, *, job: int, attempt: int) -> Artifact:
        """Store a copy of `file`; when this returns, the bytes survive a power cut.

        Errors: StoreFull without room, ReportdError otherwise; either way, and when cancelled, nothing is left behind.
        """
        stop = threading.Event()
        work = asyncio.ensure_future(asyncio.to_thread(self._put, file, job, attempt, stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread can't be cancelled, only told; where the disk hangs, it cleans up when it wakes.
            stop.set()
            await asyncio.wait([work], timeout=_STOP_LIMIT_S)
            if work.done() and work.exception() is None:
                await self.delete(work.result().uri)
            work.add_done_callback(lambda done: done.exception())
            raise

    async def open(self, uri: str) -> BinaryIO:
        """The file's content, to be closed by the caller. Errors: FileNotFoundError."""
        return await asyncio.to_thread(self._path(uri).open, "rb")

    async def size(self, uri: str) -> int:
        """The file's size in bytes. Errors: FileNotFoundError."""
        return (await asyncio.to_thread(self._path(uri).stat)).st_size

    async def delete(self, uri: str) -> None:
        """Remove the file; one that is gone already is no error."""
        await asyncio.to_thread(self._path(uri).unlink, missing_ok=True)

    async def sweep(self, older_than_s: float, known: Callable[[list[str]], Awaitable[Collection[str]]]) -> list[str]:
        """Delete the files nobody knows and return their URIs.

        `known` is asked, some URIs at a time, which of them are recorded. Files younger than `older_than_s` are left
        alone: their transaction may be about to commit. Partial files of that age are dead and go unasked.
        """
        swept: list[str] = []
        paths = self._files(time.time() - older_than_s)
        while batch := await asyncio.to_thread(lambda: list(islice(paths, _SWEEP_BATCH))):
            finished = [path.as_uri() for path in batch if path.suffix != _PARTIAL]
            recorded = set(await known(finished)) if finished else set()
            for path in batch:
                if path.as_uri() not in recorded:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
                    swept.append(path.as_uri())
        return swept

    def _path(self, uri: str) -> Path:
        parts = urlsplit(uri)
        path = Path(os.path.normpath(unquote(parts.path)))
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self._root):
            raise ReportdError(f"{uri} is not in the artifact store {self._root}", uri=uri)
        return path

    def _files(self, before: float) -> Iterator[Path]:
        """Every file in the store last changed before the time `before` (seconds since the epoch)."""
        for path in self._root.glob("*/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    yield path

    def _put(self, file: RenderedFile, job: int, attempt: int, stop: threading.Event) -> Artifact:
        if not file.name or Path(file.name).name != file.name:
            raise ReportdError(f"{file.name!r} can't be the name of a file", name=file.name)
        directory = self._root / str(job // _JOBS_PER_DIRECTORY)
        partial = directory / f".{job}-{attempt}-{secrets.token_hex(8)}{_PARTIAL}"
        try:
            _make_durable(directory)
            size, sha256 = _copy(Path(file.path), partial, stop)
            path = directory / f"{job}-{attempt}-{sha256[:16]}-{file.name}"
            partial.rename(path)
            _sync_directory(directory)
            if stop.is_set():
                path.unlink()
                raise _cancelled()
        except OSError as error:
            raise disk_error(error, doing=f"storing {file.name}") from error
        finally:
            partial.unlink(missing_ok=True)
        return Artifact(
            format=file.format,
            name=file.name,
            uri=path.as_uri(),
            content_type=file.content_type,
            bytes=size,
            sha256=sha256,
            rows=file.rows,
            pages=file.pages,
        )


def _copy(source: Path, target: Path, stop: threading.Event) -> tuple[int, str]:
    """Copy to a new file and force it to the disk; the size and SHA-256 of what was written."""
    digest = hashlib.sha256()
    size = 0
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            if stop.is_set():
                raise _cancelled()
            digest.update(chunk)
            size += len(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[writer.write(rest) :]
            failpoints.reach_blocking("storing")
        # Once only: after a failure the kernel may drop the pages, and a second fsync would lie that all is well.
        os.fsync(writer.fileno())
    return size, digest.hexdigest()


def _cancelled() -> ReportdError:
    return ReportdError("storing was cancelled")


def _make_durable(directory: Path) -> None:
    """Make `directory` and those above it, each one's entry forced to the disk."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o750, exist_ok=True)
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
