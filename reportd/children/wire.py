"""How a daemon and its child processes talk: frames over socket pairs, JSON inside, a cap on every length.

A frame is a header (kind, length, task) and a payload. The template process of the renders hands MESSAGE frames on,
both ways, without reading them: what a child writes is believed by nobody before the daemon has checked it.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
_READ_BYTES = 64 * 1024


class WireError(ValueError):
    """What arrived is no frame of ours; the connection can't be used any more."""


class Kind(IntEnum):
    """What a frame is. Task 0 is the template itself."""

    READY = 1
    """Template → daemon: it forks from now on; `data_bytes` it holds, `unusable` formats and why."""
    RUN = 2
    """Daemon → template: fork a child for this task; the payload is a `RenderTask`."""
    STARTED = 3
    """Template → daemon: the child's `pid`."""
    MESSAGE = 4
    """Child → daemon or daemon → child, relayed unread."""
    KILL = 5
    """Daemon → template: end this child and its whole process group."""
    ENDED = 6
    """Template → daemon, a task's last: it is reaped; `exit_status` or `signal`, `cpu_s`, `peak_bytes`, `stderr`.
    Where no child could be forked, `refused` alone; where the template killed one unasked, `fault` says why.
    """


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it arrived; the payload is not looked into yet."""

    kind: Kind
    task: int
    payload: bytes

    def message(self) -> dict[str, Any]:
        """The payload as a JSON object. Raises WireError if it is none."""
        try:
            message = json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise WireError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise WireError("a message that is no JSON object")
        return message


def pack(kind: Kind, task: int, message: Mapping[str, Any] | bytes = b"{}") -> bytes:
    """The bytes of a frame; `message` is a JSON object or its text already. Raises WireError past PAYLOAD_BYTES_MAX."""
    payload = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise WireError(f"a message of {len(payload)} bytes; at most {PAYLOAD_BYTES_MAX} are allowed")
    return _HEADER.pack(kind, len(payload), task) + payload


class Decoder:
    """Makes frames out of bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises WireError; what came before in the same piece is lost then."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _HEADER.size:
            kind, length, task = _HEADER.unpack_from(self._buffer)
            if length > PAYLOAD_BYTES_MAX or kind not in _KINDS:
                raise WireError(f"a header of kind {kind} and length {length}")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(Kind(kind), task, bytes(self._buffer[_HEADER.size : end])))
            del self._buffer[:end]
        return frames


class Endpoint:
    """One end of a socket pair that never blocks: what can't be written now waits here. Takes `connection` over."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.at_end = False
        self._decoder = Decoder()
        self._unsent = bytearray()

    @property
    def unsent_bytes(self) -> int:
        """What the other side has not taken yet."""
        return len(self._unsent)

    def send(self, data: bytes) -> None:
        """Write what the socket takes now and keep the rest; nothing, once the other side is gone."""
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        """Write more of what is kept."""
        try:
            while self._unsent:
                del self._unsent[: self.connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            # The end shows on the reading side too, and what the other side wrote before it still counts.
            self._unsent.clear()

    def receive(self) -> list[Frame] | None:
        """The frames that one read completes, None if there is nothing to read; sets `at_end` once the other side has
        closed. Raises WireError.
        """
        try:
            data = self.connection.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            data = b""
        if not data:
            self.at_end = True
        return self._decoder.feed(data)


_HEADER = struct.Struct("!BIQ")
_KINDS = frozenset(Kind)
