"""A child process of the daemon's own: exec'd, talked to in frames, killed with all that it started, and reaped.

Its module begins with `confine.die_with_parent(settings["daemon"], …)`, serves the socket `settings["socket"]`, and
ends when the daemon closes its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from reportd.children.wire import Decoder, Frame, WireError

GRACE_S = 0.5
"""How long a child may go on after SIGTERM."""
CLOSE_LIMIT_S = 6.0

_MB = 2**20


class ChildProcess:
    """Made by `start`. `gone` is set once it is reaped; then `usage` (`cpu_s`, `peak_bytes`) is of its whole life, and
    `death` says how it ended: `was killed by SIGKILL (possibly out of memory), peak 40 MB`.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = process.pid
        self.gone = asyncio.Event()
        self.at_end = False
        """Nothing more comes from it."""
        self.usage: Mapping[str, Any] = {}
        self.death = ""
        self._process = process
        self._reader = reader
        self._writer = writer
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._listener = asyncio.create_task(self._listen(), name=f"child-process-{self.pid}")

    @classmethod
    async def start(
        cls, module: str, settings: Mapping[str, Any], *, output: int, env: Mapping[str, str] | None = None
    ) -> ChildProcess:
        """Start Python on `module` with `settings` as its argument; what it prints goes to `output` (2, or DEVNULL).

        Without an `env` it has ours. Errors: OSError.
        """
        near, far = socket.socketpair()
        told = {**settings, "daemon": os.getpid(), "socket": far.fileno()}
        with far:
            # Not in a thread: the kernel ends the child when the thread that made it ends.
            process = subprocess.Popen(  # noqa: ASYNC220
                (sys.executable, "-P", "-m", module, json.dumps(told)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output == 2 else output,
                env=env,
                pass_fds=(far.fileno(),),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=near)
        return cls(process, reader, writer)

    async def next_frame(self) -> Frame | None:
        """What it says next; None once it is reaped."""
        return await self._frames.get()

    def write(self, frame: bytes) -> None:
        """Say something to it."""
        self._writer.write(frame)

    async def kill(self, *, grace_s: float = GRACE_S) -> None:
        """End it and all it has started: TERM, `grace_s` later KILL. Returns when it is reaped, cancelled or not."""
        ending = asyncio.create_task(self._kill(grace_s))
        cancelled: asyncio.CancelledError | None = None
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled

    async def close(self) -> None:
        """Let it see that nobody needs it, and end; kill it if that takes longer than CLOSE_LIMIT_S."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self.gone.wait()
        except TimeoutError:
            await self.kill()

    async def _kill(self, grace_s: float) -> None:
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self.gone.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.gone.wait()

    # -- its life

    async def _listen(self) -> None:
        decoder = Decoder()
        try:
            with suppress(ConnectionError, WireError):
                while data := await self._reader.read(64 * 1024):
                    for frame in decoder.feed(data):
                        self._frames.put_nowait(frame)
        finally:
            self.at_end = True
            self._writer.close()
            await self._reap()
            self.gone.set()
            self._frames.put_nowait(None)

    async def _reap(self) -> None:
        """Wait for its end, see to it that nothing it started lives on, and note how it ended."""
        loop = asyncio.get_running_loop()
        handle = os.pidfd_open(self.pid)
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await ended.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        self._signal(signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)  # noqa: ASYNC222  it is dead: this returns at once
        self._process.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss * 1024
        self.usage = {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_bytes": peak}
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            self.usage = {**self.usage, "signal": name}
            self.death = f"was killed by {name}{_likely_reason(name)}, peak {peak // _MB} MB"
        else:
            self.usage = {**self.usage, "exit_status": os.WEXITSTATUS(status)}
            self.death = f"ended with status {os.WEXITSTATUS(status)} in the middle of its work"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _likely_reason(name: str) -> str:
    return {"SIGXCPU": " (past its limit of CPU seconds)", "SIGKILL": " (possibly out of memory)"}.get(name, "")
