"""The daemon's side of rendering: at most so many children at once, of one template process that is always there.

    pool = RenderPool(concurrency=3, limits=ChildLimits())
    await pool.start()
    rendered = await pool.run(task, on_progress=progress.enter)

A template that dies fails the tasks of its own children and is replaced; what waits for a place goes on waiting.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from reportd import plugins
from reportd.children.confine import ChildLimits
from reportd.errors import RenderError, ReportdError
from reportd.render.remote import READY_LIMIT_S, OnProgress, RemoteTemplate
from reportd.render.running import Rendered
from reportd.render.task import Inquiry, RenderTask
from reportd.render.vega.remote import CHART_CPU_S, Charts

__all__ = ["ChildLimits", "Pids", "RenderPool", "Rendered"]

log = structlog.get_logger()

_BACKOFF_S = 0.1
_BACKOFF_CAP_S = 10.0
# A template that lived this long was sound: the next one starts without delay.
_SOUND_S = 10.0


@dataclass(frozen=True, slots=True)
class Pids:
    """The processes of a pool: its template, None between two, the children that are not reaped yet, and the one that
    draws charts, None where none was drawn lately.
    """

    template: int | None
    children: tuple[int, ...]
    charts: int | None = None


class RenderPool:
    """Renders in children of one template process. `formats` (name → `module:class`) are those installed by default;
    `caches` is a directory where fontconfig's cache outlives a restart, and `chart_cpu_s` what a chart may take.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        limits: ChildLimits,
        formats: Mapping[str, str] | None = None,
        caches: Path | None = None,
        chart_cpu_s: int = CHART_CPU_S,
        python: str = sys.executable,
    ) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._limits = limits
        self._formats = formats
        self._caches = caches
        self._python = python
        self._charts = Charts(caches=caches, chart_cpu_s=chart_cpu_s)
        self._template: RemoteTemplate | None = None
        self._renewed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._trouble: ReportdError | None = None

    async def start(self) -> None:
        """Start the template; warm on return. Raises RenderError if it can't start, ConfigError for low limits."""
        self._template = await self._new_template()
        self._keeper = asyncio.create_task(self._keep(self._template), name="render-template-keeper")

    async def run(self, task: RenderTask, *, on_progress: OnProgress, inquiry: Inquiry | None = None) -> Rendered:
        """Render `task` in a child of its own; `on_progress` is called, and awaited, as the child enters each step.
        `inquiry` answers what a report's own code asks.

        Raises the ReportdError that the child reported, or ChildDied, a RenderError itself, if it ended without a word.
        A cancellation kills the child, and comes through only once it is reaped, so that `task.out` may be removed.
        """
        async with self._slots:
            template = await self._living()
            return await template.run(task, on_progress=on_progress, inquiry=inquiry, charts=self._charts)

    async def close(self) -> None:
        """Kill all children and the template, and wait until they are reaped."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        self._renewed.set()
        if self._template is not None:
            await self._template.close()
        await self._charts.close()

    @property
    def unusable(self) -> Mapping[str, str]:
        """Formats that can't be made here, each with the reason and the remedy."""
        return self._template.unusable if self._template else {}

    def pids(self) -> Pids:
        """The processes at this moment, for telemetry."""
        template = self._template
        if template is None or template.gone.is_set():
            return Pids(None, (), self._charts.pid)
        return Pids(template.pid, template.children(), self._charts.pid)

    async def _living(self) -> RemoteTemplate:
        """The template, or the next one if it is dead. Raises RenderError if there is none for a minute."""
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                while self._keeper is not None:
                    if self._template is not None and not self._template.gone.is_set():
                        return self._template
                    await self._renewed.wait()
        except TimeoutError:
            raise RenderError("The render template can't be started", reason=str(self._trouble)) from self._trouble
        raise RenderError("The render pool is closed")

    async def _keep(self, template: RemoteTemplate) -> None:
        """Replace the template whenever it has died."""
        delay_s = _BACKOFF_S
        while True:
            since = time.monotonic()
            await template.gone.wait()
            log.warning("render.template.died", pid=template.pid, stderr=template.last_words())
            if time.monotonic() - since > _SOUND_S:
                delay_s = _BACKOFF_S
            while True:
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _BACKOFF_CAP_S)
                try:
                    template = self._template = await self._new_template()
                except ReportdError as error:
                    self._trouble = error
                    log.error("render.template.failed", error=str(error), retry_s=delay_s)
                else:
                    break
            # The event of this renewal; who finds the template dead later waits for that of the next one.
            renewed, self._renewed = self._renewed, asyncio.Event()
            renewed.set()

    async def _new_template(self) -> RemoteTemplate:
        since = time.monotonic()
        template = await RemoteTemplate.start(
            python=self._python,
            formats=plugins.formats() if self._formats is None else self._formats,
            limits=self._limits,
            caches=self._caches,
        )
        log.info(
            "render.template.ready",
            pid=template.pid,
            seconds=round(time.monotonic() - since, 3),
            unusable=dict(template.unusable),
        )
        return template
