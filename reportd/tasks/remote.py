"""One process for tasks as the daemon sees it: started, given one attempt at a time, killed, reaped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from reportd.children.wire import Decoder, Frame, Kind, WireError, pack
from reportd.errors import ChildDied, LimitExceeded, ReportdError
from reportd.tasks.context import Link
from reportd.tasks.failure import described, rebuilt

log = structlog.get_logger()

READY_LIMIT_S = 60.0
"""How long the application's modules may take to be imported."""
GRACE_S = 0.5
"""How long a task may go on after SIGTERM."""
CLOSE_LIMIT_S = 6.0

_MB = 2**20


class Remote:
    """Made by `start`. `gone` is set once it is reaped; `usable` is False from its last attempt on."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = process.pid
        self.gone = asyncio.Event()
        self.usable = True
        self.usage: Mapping[str, Any] = {}
        """Of the latest attempt: `cpu_s`, `peak_bytes`."""
        self._process = process
        self._reader = reader
        self._writer = writer
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._death = ""
        self._listener = asyncio.create_task(self._listen(), name=f"task-process-{self.pid}")

    @classmethod
    async def start(cls, modules: Sequence[str]) -> Remote:
        """Start a process and wait until it has imported `modules`. Raises ChildDied if it does not get that far."""
        near, far = socket.socketpair()
        settings = {"daemon": os.getpid(), "socket": far.fileno(), "modules": list(modules)}
        with far:
            # Not in a thread: the kernel ends the child when the thread that made it ends.
            process = subprocess.Popen(  # noqa: ASYNC220
                (sys.executable, "-P", "-m", "reportd.tasks.child", json.dumps(settings)),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a task prints stands among the daemon's words
                pass_fds=(far.fileno(),),
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=near)
        remote = cls(process, reader, writer)
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                frame = await remote._frames.get()
        except BaseException as error:
            await remote.kill()
            if isinstance(error, TimeoutError):
                raise ChildDied(f"The task process was not ready within {READY_LIMIT_S:.0f} s") from None
            raise
        if frame is None:
            raise ChildDied(f"The task process did not start: it {remote._death}")
        return remote

    async def run(self, request: Mapping[str, Any], *, link: Link, log: FilteringBoundLogger) -> Any:
        """Have the process make one attempt; its result. However this ends, it has ended there as well.

        Raises what the task raised, or ChildDied.
        """
        try:
            frame = pack(Kind.RUN, 0, request)
        except WireError as error:
            raise LimitExceeded(f"The job is too large to hand over: {error}") from error
        self._writer.write(frame)
        settled = False
        try:
            while (answer := await self._frames.get()) is not None:
                message = answer.message()
                if settled := "done" in message or "error" in message:
                    self.usage, self.usable = message["usage"], not message["last"]
                    if "error" in message:
                        raise rebuilt(message["error"])
                    return message["done"]
                await self._obey(message, link, log)
            settled = True
        finally:
            if not settled:
                await self.kill()
        raise ChildDied(f"The process of task {request['task']} {self._death}", **self.usage)

    async def kill(self) -> None:
        """End it and all it has started: TERM, GRACE_S later KILL. Returns when it is reaped, cancelled or not."""
        self.usable = False
        ending = asyncio.create_task(self._kill())
        cancelled: asyncio.CancelledError | None = None
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled

    async def close(self) -> None:
        """Let it close its services and end; kill it if that takes longer than CLOSE_LIMIT_S."""
        self.usable = False
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self.gone.wait()
        except TimeoutError:
            await self.kill()

    async def _kill(self) -> None:
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                await self.gone.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.gone.wait()

    async def _obey(self, message: Mapping[str, Any], link: Link, log: FilteringBoundLogger) -> None:
        match message:
            case {"progress": [float() | int() as percent, str() | None as said]}:
                link.progress(percent, said)
            case {"log": {"event": event, **rest}}:
                values = {str(key): value for key, value in rest.items()}
                level = str(values.pop("level", "info"))
                getattr(log, level if level in ("debug", "info", "warning", "error") else "info")(event, **values)
            case {"save": {"step": str(step), "value": value}, "number": int(number)}:
                try:
                    await link.save(step, value)
                except ReportdError as error:
                    self._answer({"number": number, "error": described(error)})
                else:
                    self._answer({"number": number})
            case {"load": {"step": str(step)}, "number": int(number)}:
                missing = object()
                found = await link.load(step, missing)
                self._answer({"number": number, "found": [] if found is missing else [found]})
            case _:
                raise ChildDied("The task process said what can't be understood")

    def _answer(self, message: Mapping[str, Any]) -> None:
        self._writer.write(pack(Kind.MESSAGE, 0, message))

    # -- its life

    async def _listen(self) -> None:
        decoder = Decoder()
        try:
            with suppress(ConnectionError, WireError):
                while data := await self._reader.read(64 * 1024):
                    for frame in decoder.feed(data):
                        self._frames.put_nowait(frame)
        finally:
            self.usable = False
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
            self._death = f"was killed by {name}{_likely_reason(name)}, peak {peak // _MB} MB"
        else:
            self.usage = {**self.usage, "exit_status": os.WEXITSTATUS(status)}
            self._death = f"ended with status {os.WEXITSTATUS(status)} in the middle of its work"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _likely_reason(name: str) -> str:
    return {"SIGXCPU": " (past its limit of CPU seconds)", "SIGKILL": " (possibly out of memory)"}.get(name, "")
