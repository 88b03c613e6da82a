"""One template process as the daemon sees it: started, asked for children, and gone together with all of them.

A task's child is known to be reaped once its ENDED frame has come, or once the template is dead and the pipe that it
shared with its children has reached its end. Nobody is told before that, so what a child could write to may be removed.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from reportd.children.confine import ChildLimits
from reportd.children.wire import Decoder, Frame, Kind, WireError, pack
from reportd.errors import ConfigError, LimitExceeded, QueryError, RenderError, ReportdError
from reportd.job import Step
from reportd.render.environment import bare
from reportd.render.failure import described
from reportd.render.running import Asked, Closed, Drawn, Rendered, Running
from reportd.render.task import Inquiry, RenderTask
from reportd.render.vega.remote import Charts

READY_LIMIT_S = 60.0
"""How long a template may take to import and warm up."""

OnProgress = Callable[[Step], Awaitable[None] | None]
T = TypeVar("T")

# A template that does not answer a KILL within this is killed itself, and its children die with it.
_ANSWER_LIMIT_S = 2.0
# Private memory that a report needs at the very least beyond what a child starts with.
_HEADROOM_BYTES = 32 * 2**20
_STDERR_BYTES = 4096


class RemoteTemplate:
    """Made by `start`. `unusable` says which formats it can't make, and why."""

    def __init__(
        self,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: ChildLimits,
        *,
        life: int,
        scratch: Path,
    ) -> None:
        self.pid = process.pid
        self.unusable: Mapping[str, str] = {}
        self.gone = asyncio.Event()
        self._process = process
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._life = life
        self._scratch = scratch
        self._running: dict[int, Running] = {}
        self._numbers = itertools.count(1)
        self._ready = asyncio.Event()
        self._data_bytes = 0
        self._stderr = bytearray()
        self._listener = asyncio.create_task(self._listen(), name=f"render-template-{self.pid}")

    @classmethod
    async def start(
        cls, *, python: str, formats: Mapping[str, str], limits: ChildLimits, caches: Path | None
    ) -> RemoteTemplate:
        """Start a template and wait until it is warm. `caches` is where fontconfig keeps its own between starts.

        Raises RenderError if it does not get that far, ConfigError if `limits` leave a child no room.
        """
        try:
            template = await cls._spawn(python, formats, limits, caches)
        except OSError as error:
            raise RenderError(f"The render template can't be started with {python}: {error.strerror}") from error
        try:
            await template._become_ready()
        except BaseException:
            await template.close()
            raise
        return template

    async def run(
        self, task: RenderTask, *, on_progress: OnProgress, charts: Charts, inquiry: Inquiry | None = None
    ) -> Rendered:
        """Have a child carry `task` out. However this ends, by a cancellation too, the child is reaped first.

        `inquiry` answers what the report's own code asks, `charts` draws what the child is to show; their errors are
        the child's, which may take them or fail.
        Raises the child's ReportdError, ChildDied, or LimitExceeded for a report too large to hand over.
        """
        try:
            frame = pack(Kind.RUN, number := next(self._numbers), task.as_json())
        except WireError as error:
            raise LimitExceeded(f"The report's text and parameters are too large: {error}") from error
        running = self._running[number] = Running(task, self._limits)
        self._writer.write(frame)
        try:
            while (event := await running.next_event()) is not None:
                if isinstance(event, Step):
                    done = on_progress(event)
                    if inspect.isawaitable(done):
                        await done
                elif (answer := await _unless(running.ended, self._answer(event, inquiry, charts))) is not None:
                    self._writer.write(pack(Kind.MESSAGE, number, answer))
        finally:
            await self._see_off(number, running)
        return running.rendered()

    def children(self) -> tuple[int, ...]:
        """Pids of the children that are not reaped yet."""
        return tuple(running.pid for running in self._running.values() if running.pid is not None)

    def last_words(self) -> str:
        """The end of what the template wrote to stderr."""
        return self._stderr.decode("utf-8", "backslashreplace")

    async def close(self) -> None:
        """Kill and reap all children and the template; running tasks fail with ChildDied."""
        self._writer.close()  # the template takes the end of its socket for the end of its work
        await _in_full(self._listener)

    # -- start and end

    @classmethod
    async def _spawn(
        cls, python: str, formats: Mapping[str, str], limits: ChildLimits, caches: Path | None
    ) -> RemoteTemplate:
        with ExitStack() as on_failure, ExitStack() as always:
            scratch = Path(tempfile.mkdtemp(prefix="reportd-render-"))
            on_failure.callback(shutil.rmtree, scratch, ignore_errors=True)
            near, far = socket.socketpair()
            reader, writer = await asyncio.open_unix_connection(sock=near)
            on_failure.callback(writer.close)
            always.callback(far.close)
            life, shared_life = os.pipe()
            on_failure.callback(os.close, life)
            always.callback(os.close, shared_life)
            settings = {
                "daemon": os.getpid(),
                "socket": far.fileno(),
                "life": shared_life,
                "scratch": str(scratch),
                "formats": dict(formats),
                "limits": asdict(limits),
            }
            process = await asyncio.create_subprocess_exec(
                *(python, "-P", "-m", "reportd.render.template", json.dumps(settings)),
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                env=bare(caches or scratch),
                pass_fds=(far.fileno(), shared_life),
                start_new_session=True,  # Ctrl-C at a terminal is for the daemon, which drains
            )
            on_failure.pop_all()
        return cls(process, reader, writer, limits, life=life, scratch=scratch)

    async def _become_ready(self) -> None:
        ready = asyncio.create_task(self._ready.wait())
        gone = asyncio.create_task(self.gone.wait())
        try:
            await asyncio.wait({ready, gone}, timeout=READY_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            gone.cancel()
        if self.gone.is_set():
            raise RenderError(f"The render template did not start: it {self._reason()}{self._last_line()}")
        if not self._ready.is_set():
            raise RenderError(f"The render template was not ready within {READY_LIMIT_S:.0f} s")
        least = self._data_bytes + _HEADROOM_BYTES
        if self._limits.memory_bytes < least:
            raise ConfigError(
                f"The memory limit of {self._limits.memory_bytes // 2**20} MB is too low for a render,"
                f" which starts with {self._data_bytes // 2**20} MB: set at least {-(-least // 2**20)} MB"
            )

    async def _listen(self) -> None:
        """Take frames until the template is gone, then bury it."""
        last_words = asyncio.create_task(self._read_stderr())
        decoder = Decoder()
        try:
            with suppress(ConnectionError, WireError):
                while data := await self._reader.read(64 * 1024):
                    for frame in decoder.feed(data):
                        self._take(frame)
        finally:
            await self._bury()
            await last_words
            self.gone.set()
            for running in self._running.values():
                running.end({"lost": f"the template process {self._reason()}"})
            self._running.clear()

    async def _bury(self) -> None:
        """See to it that the template and all its children are dead and nothing of theirs is left."""
        self._writer.close()
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()
        await self._children_gone()
        os.close(self._life)
        await asyncio.to_thread(_clean_up, self.pid, self._scratch)

    async def _children_gone(self) -> None:
        """Wait until no child holds its end of the life pipe; the kernel kills them when the template dies."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()
        loop.add_reader(self._life, closed.set)
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                await closed.wait()
        except TimeoutError:
            pass  # one of them hangs in the kernel, on a dead network file system say: nobody can do more
        finally:
            loop.remove_reader(self._life)

    async def _read_stderr(self) -> None:
        stream = self._process.stderr
        while stream is not None and (data := await stream.read(_STDERR_BYTES)):
            self._stderr += data
            del self._stderr[:-_STDERR_BYTES]

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    def _reason(self) -> str:
        status = self._process.returncode
        if status is not None and status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def _last_line(self) -> str:
        lines = self.last_words().split("\n")
        return f": {lines[-2]}" if len(lines) > 1 else ""

    # -- frames

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.READY:
            message = frame.message()
            self._data_bytes = message["data_bytes"]
            self.unusable = {name: error["message"] for name, error in message["unusable"].items()}
            self._ready.set()
        elif running := self._running.get(frame.task):
            self._take_of(running, frame)

    def _take_of(self, running: Running, frame: Frame) -> None:
        if frame.kind is Kind.STARTED:
            running.pid = frame.message()["pid"]
        elif frame.kind is Kind.ENDED:
            del self._running[frame.task]
            running.end(frame.message())
        elif frame.kind is Kind.MESSAGE:
            try:
                running.hear(frame.message())
            except (KeyError, TypeError, ValueError) as error:
                running.disbelieve(error)
                self._writer.write(pack(Kind.KILL, frame.task))

    async def _answer(self, event: Asked | Closed | Drawn, inquiry: Inquiry | None, charts: Charts) -> dict[str, Any]:
        """What the child is told; an error of the query or of the chart too."""
        try:
            if isinstance(event, Drawn):
                return {"svg": await charts.draw(event.request)}
            if inquiry is None:
                raise QueryError("This report has no fetch: it may not ask for rows")
            match event:
                case Asked(question):
                    return {"answer": asdict(await inquiry.ask(question))}
                case Closed(names):
                    await inquiry.close(names)
                    return {"closed": True}
        except ReportdError as error:
            return {"error": described(error, limits=self._limits)}

    async def _see_off(self, number: int, running: Running) -> None:
        """Return when the child is reaped; kill it if it still runs. A cancellation is kept until then."""
        if running.ended.is_set():
            return
        self._writer.write(pack(Kind.KILL, number))
        await _in_full(asyncio.create_task(self._await_end(running)))

    async def _await_end(self, running: Running) -> None:
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                await running.ended.wait()
        except TimeoutError:
            self._kill()
            await running.ended.wait()


async def _unless(ended: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` comes to, or None if `ended` is set before: then it has been cancelled."""
    working = asyncio.create_task(work)
    ending = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        ending.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


async def _in_full(task: asyncio.Task[None]) -> None:
    """Wait for `task` through any cancellation, which is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


def _clean_up(session: int, scratch: Path) -> None:
    """Kill what children of a dead template had started, all of it in the template's session; remove its files."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _session(entry) == session:
            with suppress(OSError):
                handle = os.pidfd_open(int(entry.name))
                try:
                    if _session(entry) == session:  # still: the handle is of the process that we mean
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)
    shutil.rmtree(scratch, ignore_errors=True)


def _session(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name may hold spaces and parentheses: fields count from the last one.
    return int(stat.rpartition(")")[2].split()[3])
