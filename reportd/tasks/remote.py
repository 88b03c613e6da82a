"""One process for tasks as the daemon sees it: started, given one attempt at a time, killed, reaped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger

from reportd.children.process import ChildProcess
from reportd.children.wire import Kind, WireError, pack
from reportd.errors import ChildDied, LimitExceeded, ReportdError
from reportd.tasks.context import Link
from reportd.tasks.failure import described, rebuilt

READY_LIMIT_S = 60.0
"""How long the application's modules may take to be imported."""


class Remote:
    """Made by `start`. `gone` is set once it is reaped; `usable` is False from its last attempt on."""

    def __init__(self, process: ChildProcess) -> None:
        self.pid = process.pid
        self.gone = process.gone
        self._process = process
        self._spent = False
        self._usage: Mapping[str, Any] = {}

    @classmethod
    async def start(cls, modules: Sequence[str]) -> Remote:
        """Start a process and wait until it has imported `modules`. Raises ChildDied if it does not get that far."""
        # What a task prints stands among the daemon's words.
        process = await ChildProcess.start("reportd.tasks.child", {"modules": list(modules)}, output=2)
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                frame = await process.next_frame()
        except BaseException as error:
            await process.kill()
            if isinstance(error, TimeoutError):
                raise ChildDied(f"The task process was not ready within {READY_LIMIT_S:.0f} s") from None
            raise
        if frame is None:
            raise ChildDied(f"The task process did not start: it {process.death}")
        return cls(process)

    @property
    def usable(self) -> bool:
        """Whether it takes another attempt."""
        return not self._spent and not self._process.at_end

    @property
    def usage(self) -> Mapping[str, Any]:
        """Of the latest attempt, or of a dead process: `cpu_s`, `peak_bytes`."""
        return self._process.usage or self._usage

    async def run(self, request: Mapping[str, Any], *, link: Link, log: FilteringBoundLogger) -> Any:
        """Have the process make one attempt; its result. However this ends, it has ended there as well.

        Raises what the task raised, or ChildDied.
        """
        try:
            frame = pack(Kind.RUN, 0, request)
        except WireError as error:
            raise LimitExceeded(f"The job is too large to hand over: {error}") from error
        self._process.write(frame)
        settled = False
        try:
            while (answer := await self._process.next_frame()) is not None:
                message = answer.message()
                if settled := "done" in message or "error" in message:
                    self._usage, self._spent = message["usage"], message["last"]
                    if "error" in message:
                        raise rebuilt(message["error"])
                    return message["done"]
                await self._obey(message, link, log)
            settled = True
        finally:
            if not settled:
                await self.kill()
        raise ChildDied(f"The process of task {request['task']} {self._process.death}", **self._process.usage)

    async def kill(self) -> None:
        """End it and all it has started. Returns when it is reaped, cancelled or not."""
        self._spent = True
        await self._process.kill()

    async def close(self) -> None:
        """Let it close its services and end; kill it if that takes too long."""
        self._spent = True
        await self._process.close()

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
        self._process.write(pack(Kind.MESSAGE, 0, message))
