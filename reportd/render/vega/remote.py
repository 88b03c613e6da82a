"""The drawing process as the daemon sees it: started when the first chart wants it, ended when it has been idle.

One for all render children, one chart at a time: a chart takes a tenth of a second. Where one takes longer than its
limit, or fails, its process ends with it and the next chart gets another.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import structlog

from reportd.children.process import ChildProcess
from reportd.children.wire import PAYLOAD_BYTES_MAX, Kind, WireError, pack
from reportd.errors import ExtraMissing, LimitExceeded, RenderError, RenderMemory, ReportdError, ReportError
from reportd.render.environment import bare

log = structlog.get_logger()

INSTALL = "pip install 'reportd[vega]'"
READY_LIMIT_S = 60.0
"""How long V8 may take to be warm."""
CHART_CPU_S = 20
"""CPU seconds that one chart may take."""
IDLE_S = 180.0
"""How long the process is kept after its last chart."""
MEMORY_MB = 512
"""What a chart may take, beside what V8 itself does."""

# How many times as long a chart may take as it may compute, on a machine that has other things to do.
_PATIENCE = 6
# How V8 ends where it gets no more memory.
_OUT_OF_MEMORY = "SIGTRAP"


def missing() -> ExtraMissing | None:
    """Why no chart can be drawn here, if so."""
    if find_spec("vl_convert") is not None:
        return None
    return ExtraMissing(f"charts of Vega-Lite need vl-convert, which is an extra: {INSTALL}")


class Charts:
    """Draws for one daemon; `caches` is a directory that outlives it, for fonts in the form that V8's host reads."""

    def __init__(self, *, caches: Path | None = None, chart_cpu_s: int = CHART_CPU_S, idle_s: float = IDLE_S) -> None:
        self._caches = caches
        self._chart_cpu_s = chart_cpu_s
        self._idle_s = idle_s
        self._scratch: Path | None = None
        self._process: ChildProcess | None = None
        self._turn = asyncio.Lock()
        self._retiring: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None and not self._process.gone.is_set() else None

    async def draw(self, request: str) -> str:
        """The SVG of what `request` (see `request.request`) describes. A cancellation ends the process.

        Errors: ExtraMissing; ReportError in Vega-Lite's words; LimitExceeded past the limit of time or size;
        RenderMemory; RenderError where no process can be started.
        """
        if (why := missing()) is not None:
            raise why
        try:
            frame = pack(Kind.RUN, 0, request.encode())
        except WireError:
            limit = PAYLOAD_BYTES_MAX >> 20
            raise LimitExceeded(f"the chart's rows take more than {limit} MB: select fewer columns") from None
        async with self._turn:
            await self._keep()
            process = await self._living()
            drawn = False
            try:
                svg = await self._drawn(process, frame)
                drawn = True
            finally:
                if not drawn:
                    self._process = None
                    await process.kill(grace_s=0)
            self._retiring = asyncio.create_task(self._retire(process), name="charts-idle")
            return svg

    async def close(self) -> None:
        """End the process, in the middle of a chart if need be, and wait until it is reaped."""
        await self._keep()
        process, self._process = self._process, None
        if process is not None:
            await process.kill(grace_s=0)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    async def _drawn(self, process: ChildProcess, frame: bytes) -> str:
        process.write(frame)
        try:
            async with asyncio.timeout(_PATIENCE * self._chart_cpu_s):
                answer = await process.next_frame()
        except TimeoutError:
            raise RenderError(f"the chart was not drawn within {_PATIENCE * self._chart_cpu_s} s") from None
        if answer is None:
            raise self._death(process)
        match answer.message():
            case {"svg": str(svg)}:
                return svg
            case {"error": str(said)}:
                raise ReportError(f"Vega-Lite: {said}")
            case _:
                raise RenderError("the drawing process sent what can't be understood")

    def _death(self, process: ChildProcess) -> ReportdError:
        name = process.usage.get("signal")
        if name == signal.Signals.SIGXCPU.name:
            message = f"the chart took more than {self._chart_cpu_s} s of CPU time"
            return LimitExceeded(f"{message}: draw fewer marks, or compute in the query", **process.usage)
        if name == _OUT_OF_MEMORY or process.usage["peak_bytes"] > MEMORY_MB << 20:
            return RenderMemory(f"the chart needs more memory than it may use, {MEMORY_MB} MB", **process.usage)
        # Such as the name of a font that is no name.
        return RenderError(f"the chart has what can't be drawn: the drawing process {process.death}", **process.usage)

    async def _living(self) -> ChildProcess:
        process = self._process
        if process is None or process.at_end:
            process = self._process = await self._start()
        return process

    async def _start(self) -> ChildProcess:
        home = self._home()
        settings = {"caches": str(home), "memory_mb": MEMORY_MB, "cpu_s": self._chart_cpu_s}
        try:
            process = await ChildProcess.start(
                "reportd.render.vega.process", settings, output=subprocess.DEVNULL, env=bare(home)
            )
        except OSError as error:
            raise RenderError(f"the drawing process can't be started: {error.strerror}") from error
        ready = False
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                ready = await process.next_frame() is not None
        except TimeoutError:
            raise RenderError(f"the drawing process was not ready within {READY_LIMIT_S:.0f} s") from None
        finally:
            if not ready:
                await process.kill(grace_s=0)
        if not ready:
            raise RenderError(f"the drawing process did not start: it {process.death}{_hint(process)}")
        log.info("charts.ready", pid=process.pid)
        return process

    def _home(self) -> Path:
        if self._caches is not None:
            return self._caches
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="reportd-charts-"))
        return self._scratch

    async def _keep(self) -> None:
        """Let the process live on; where its time was up already, wait until it is reaped."""
        retiring, self._retiring = self._retiring, None
        if retiring is not None:
            retiring.cancel()
            await asyncio.wait({retiring})

    async def _retire(self, process: ChildProcess) -> None:
        await asyncio.sleep(self._idle_s)
        await process.kill(grace_s=0)


def _hint(process: ChildProcess) -> str:
    if process.usage.get("signal") is None:
        return ""
    return "; V8 needs memory that it may write and run: under systemd MemoryDenyWriteExecute=no"
