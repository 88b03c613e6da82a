"""A process that runs tasks one after the other, for isolation `process`.

    python -m reportd.tasks.child '{"daemon": 4711, "socket": 5, "modules": ["myapp.jobs"]}'

Messages up: `{"progress": …}`, `{"save": …}`, `{"load": …}`, `{"log": …}`, then `{"done": …}` or `{"error": …}`; the
daemon answers each save and load. SIGTERM ends the running attempt and the process; so does the daemon's end.
"""

from __future__ import annotations

import asyncio
import faulthandler
import itertools
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from pydantic import TypeAdapter

from reportd.children import confine
from reportd.children.wire import Decoder, Frame, Kind, pack
from reportd.errors import ReportdError, TaskMemory
from reportd.job import Job, storable
from reportd.tasks import call, loading
from reportd.tasks.context import TaskContext
from reportd.tasks.failure import described, rebuilt
from reportd.tasks.loading import LoadedTask
from reportd.tasks.services import Services
from reportd.tasks.values import plain

_JOB = TypeAdapter(Job)


def main() -> None:
    """Import the modules, say READY, run what comes until the daemon closes its end."""
    settings = json.loads(sys.argv[1])
    confine.die_with_parent(settings["daemon"], by=signal.SIGKILL)
    confine.gain_no_rights()
    confine.first_to_go()
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, and meant for the daemon
    connection = socket.socket(fileno=settings["socket"])
    connection.set_inheritable(False)
    asyncio.run(Child(connection, settings["modules"]).serve())
    sys.stdout.flush()
    # A thread of the author's, or a task that swallowed its end, must not keep the process.
    os._exit(0)


class Child:
    """One process' side of the pipe. Sends block; what arrives comes by a thread, and waits there for a busy loop."""

    def __init__(self, connection: socket.socket, modules: list[str]) -> None:
        self._connection = connection
        self._modules = modules
        self._sending = threading.Lock()
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._services = Services()
        self._stopped = False

    async def serve(self) -> None:
        """Run one attempt after the other."""
        loop = asyncio.get_running_loop()
        structlog.configure(processors=[structlog.stdlib.add_log_level, self._log], logger_factory=_Nowhere)
        tasks = {each.name: each for each in loading.load(self._modules) if isinstance(each, LoadedTask)}
        threading.Thread(target=self._hear, args=(loop,), name="pipe", daemon=True).start()
        self._send(Kind.READY, {"tasks": sorted(tasks)})
        while not self._stopped and (frame := await self._frames.get()) is not None:
            request = frame.message()
            running = asyncio.create_task(self._attempt(tasks[request["task"]], request))
            loop.add_signal_handler(signal.SIGTERM, partial(self._stop, running))
            await asyncio.wait({running})
            loop.remove_signal_handler(signal.SIGTERM)
        await self._services.close()

    def _stop(self, running: asyncio.Task[None]) -> None:
        self._stopped = True
        running.cancel()

    async def _attempt(self, loaded: LoadedTask, request: Mapping[str, Any]) -> None:
        job = _JOB.validate_python(request["job"])
        confine.hold(memory_bytes=request["memory_mb"] << 20, cpu_s=request["cpu_s"])
        before_s = _cpu_s()
        try:
            params = call.parameters(loaded.task, job.params)
            services = await self._services.get(loaded.services)
            value = await call.perform(loaded.task, params, TaskContext(job, link=self), services)
            answer: dict[str, Any] = {"done": value}
        except ReportdError as error:
            confine.lift_memory_limit()
            # After a failed allocation nobody knows what is half done: the next task gets a fresh process.
            self._stopped = self._stopped or isinstance(error, TaskMemory)
            answer = {"error": described(error)}
        usage = {"cpu_s": _cpu_s() - before_s, "peak_bytes": _peak_bytes()}
        self._send(Kind.MESSAGE, answer | {"usage": usage, "last": self._stopped})

    # -- what a context's words become

    def progress(self, percent: float, message: str | None) -> None:
        """Tell the daemon."""
        self._send(Kind.MESSAGE, {"progress": [float(percent), None if message is None else storable(str(message))]})

    async def save(self, step: str, value: Any) -> None:
        """Have the daemon keep it, and wait until it has."""
        await self._asked("save", {"step": step, "value": plain(value, what=f"checkpoint {step}")})

    async def load(self, step: str, default: Any) -> Any:
        """Ask the daemon."""
        found = await self._asked("load", {"step": step})
        return found[0] if found else default

    async def _asked(self, verb: str, what: Mapping[str, Any]) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(Kind.MESSAGE, {verb: what, "number": number})
            return await answer
        finally:
            del self._answers[number]

    def _log(self, _logger: object, _method: str, event: Any) -> Any:
        self._send(Kind.MESSAGE, {"log": storable(dict(event))})
        raise structlog.DropEvent

    # -- the pipe

    def _send(self, kind: Kind, message: Mapping[str, Any]) -> None:
        with self._sending:
            self._connection.sendall(pack(kind, 0, message))

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        decoder = Decoder()
        while data := self._connection.recv(64 * 1024):
            for frame in decoder.feed(data):
                loop.call_soon_threadsafe(self._take, frame)
        loop.call_soon_threadsafe(self._frames.put_nowait, None)

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.RUN:
            self._frames.put_nowait(frame)
            return
        message = frame.message()
        answer = self._answers.get(message["number"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(rebuilt(message["error"]))
        else:
            answer.set_result(message.get("found"))


class _Nowhere:
    """The logger behind structlog's processors, which have sent the line already."""

    def __init__(self, *_: object) -> None:
        """Takes whatever a logger factory is given."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def _cpu_s() -> float:
    own, started = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + started.ru_utime + started.ru_stime


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
