"""A TCP proxy before Postgres with the faults of a network: cut, half-open, and cut after COMMIT."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

_CHUNK = 65536
# What the frontend sends to prepare a statement: its name, then its text.
_PARSE = re.compile(rb"P....(__asyncpg_stmt_\w+)\0", re.DOTALL)
_COMPLETES = b"reportd.artifacts"


class Proxy:
    """127.0.0.1:`port` → the server's Unix socket. Faults hit the connections that are open at that moment."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._lose = 0
        self.lost = 0
        self.port = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.set()
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """Half-open: nothing gets through, nobody is told."""
        self._open.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self._open.set()

    def lose_answers(self, count: int) -> None:
        """The next `count` completions of a job commit, and their answers never arrive."""
        self._lose = count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream}
        completion = _Completion()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream, writer, completion.sent))
                group.create_task(self._pump(upstream_reader, writer, upstream, completion.answered))
        finally:
            self._writers -= {writer, upstream}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other: asyncio.StreamWriter, sees: object
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                if callable(sees) and sees(data) and self._lose > 0:
                    self._lose -= 1
                    self.lost += 1
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        other.transport.abort()


class _Completion:
    """Follows one connection: whether the answer that comes now is a completion's."""

    def __init__(self) -> None:
        self._name: bytes | None = None
        self._waits = False

    def sent(self, data: bytes) -> bool:
        if _COMPLETES in data and (found := _PARSE.search(data)):
            self._name = found[1]
        elif self._name is not None and self._name + b"\0" in data and b"E\0\0\0\x09" in data:
            self._waits = True
        return False

    def answered(self, data: bytes) -> bool:
        answered, self._waits = self._waits, False
        return answered
