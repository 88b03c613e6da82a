"""The channel `file:`: copies into a folder below `storage.deliver_dir`, each whole or not at all.

A target is a folder, made when it is missing; the files keep their names, and one that is there already is replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from reportd.deliver.channel import Enclosure, Receipt, Setup
from reportd.errors import ReportdError, disk_error

_CHUNK_BYTES = 1 << 20


class TargetRefused(ReportdError):
    """A target that this channel never writes to."""

    code = "target-refused"
    retryable = False


class FileMissing(ReportdError):
    """A file that was to be delivered is no longer in the store."""

    code = "file-missing"
    retryable = False


class FileChannel:
    """Delivery into a directory tree that is never left, by `..`, by links, or otherwise."""

    def __init__(self, setup: Setup) -> None:
        self._root = setup.directory

    async def deliver(self, files: Sequence[Enclosure], *, target: str, key: str) -> Receipt:
        """Copy `files`; the receipt has each one's path, bytes and sha256. Errors: TargetRefused, StoreFull …"""
        folder = await asyncio.to_thread(self._folder, target)
        written = []
        for file in files:
            path = folder / file.name
            if path.parent != folder or file.name in ("", ".", ".."):
                raise TargetRefused(f"{file.name!r} can't be the name of a file", name=file.name)
            try:
                source = await file.open()
            except FileNotFoundError:
                raise FileMissing(f"{file.name} is no longer in the store; order the report again") from None
            with source:
                await _in_thread(source, path, file)
            written.append({"path": str(path), "bytes": file.bytes, "sha256": file.sha256})
        return {"files": written, "key": key}

    def _folder(self, target: str) -> Path:
        """The folder of `target`, made durable. Blocks."""
        parts = target.split("/")
        if target.startswith("/") or "\0" in target or any(part == ".." for part in parts):
            raise TargetRefused(
                f"file:{target} leads out of the delivery folder; write a path below it, such as file:sales/",
                target=target,
            )
        folder = self._root.joinpath(*(part for part in parts if part not in ("", ".")))
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            root = self._root.resolve()
            if not folder.resolve().is_relative_to(root):
                raise TargetRefused(f"file:{target} leads out of {root} by a link", target=target)
            return folder.resolve()
        except OSError as error:
            raise disk_error(error, doing=f"making the folder of file:{target}") from error


async def _in_thread(source: BinaryIO, path: Path, file: Enclosure) -> None:
    """`_copy` in a thread, which is told to stop when this is cancelled."""
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(_copy, source, path, file, stop))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work], timeout=1.0)
        work.add_done_callback(lambda done: done.exception())
        raise


def _copy(source: BinaryIO, path: Path, file: Enclosure, stop: threading.Event) -> None:
    """Write beside `path`, compare the digest, force it to the disk, and only then take its name."""
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.partial")
    digest = hashlib.sha256()
    try:
        with partial.open("xb") as writer:
            while chunk := source.read(_CHUNK_BYTES):
                if stop.is_set():
                    raise ReportdError("the delivery was cancelled")
                digest.update(chunk)
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())
        if digest.hexdigest() != file.sha256:
            raise ReportdError(f"{file.name} in the store is not what was stored: its digest differs", name=file.name)
        partial.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise disk_error(error, doing=f"writing {path}") from error
    finally:
        partial.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
