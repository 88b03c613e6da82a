"""A TCP proxy before Postgres with the faults of a network: cut, half-open, refused, and cut after COMMIT."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

_CHUNK = 65536
# What the frontend sends to prepare a statement: its name, then its text.
_PARSE = re.compile(rb"P....(__asyncpg_stmt_\w+)\0([^\0]*)", re.DOTALL)
COMPLETION = b"insert into reportd.artifacts"


class Proxy:
    """127.0.0.1:`port` → the server's Unix socket. Faults hit the connections that are open at that moment."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._lose = 0
        self._lose_to = COMPLETION
        self._refusing = False
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

    def refuse(self) -> None:
        """Nobody is let in."""
        self._refusing = True

    def heal(self) -> None:
        """Let everything through again."""
        self._open.set()
        self._refusing = False

    def lose_answers(self, count: int, *, to: bytes = COMPLETION) -> None:
        """The next `count` statements with `to` in their text commit, and their answers never arrive."""
        self._lose, self._lose_to = count, to

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream}
        talk = _Talk()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream, writer, talk.sent))
                group.create_task(self._pump(upstream_reader, writer, upstream, partial(self._loses, talk)))
        finally:
            self._writers -= {writer, upstream}

    def _loses(self, talk: _Talk, _data: bytes) -> bool:
        """Whether this answer is to vanish."""
        asked, talk.asked = talk.asked, None
        if asked is None or self._lose == 0 or self._lose_to not in asked:
            return False
        self._lose -= 1
        self.lost += 1
        return True

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other: asyncio.StreamWriter,
        breaks: Callable[[bytes], bool],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._open.wait()
                if breaks(data):
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        other.transport.abort()


class _Talk:
    """Follows one connection: the text of the statement that is being executed, if it has a name."""

    def __init__(self) -> None:
        self._texts: dict[bytes, bytes] = {}
        self.asked: bytes | None = None

    def sent(self, data: bytes) -> bool:
        """Never a reason to break off."""
        for name, text in _PARSE.findall(data):
            self._texts[name] = text
        if b"E\0\0\0\x09" in data:
            self.asked = next((text for name, text in self._texts.items() if name + b"\0" in data), None)
        return False
