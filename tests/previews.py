"""`reportd dev` as a real process, and what its page is told."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SMALL = """\
-- /// report
-- title = "Orders"
-- params.rows = { type = "int", default = 30, min = 0, max = 5000 }
-- params.word = { type = "text", secret = true, default = "none" }
-- ///
-- @kpi
select count(*) as orders, sum(n * 1.5) as amount from generate_series(1, :rows) as n where :word <> '';
-- @bar "Amount by no" x=no y=amount
select n as no, n * 1.5 as amount from generate_series(1, least(:rows, 12)) as n order by 1;
-- @table "Rows"
select n as no, n * 1.5 as amount, 'row ' || n as label from generate_series(1, :rows) as n;
"""


@dataclass
class Previewing:
    """A running `reportd dev`: the `address` of its page, and what it said on the terminal."""

    process: asyncio.subprocess.Process
    address: str
    said: list[str] = field(default_factory=list)

    async def view(self, condition: Callable[[dict[str, Any]], bool], *, limit_s: float = 20) -> dict[str, Any]:
        """The first view that the page is told for which `condition` holds."""
        async with (
            asyncio.timeout(limit_s),
            httpx.AsyncClient(timeout=None) as client,
            client.stream("GET", f"{self.address}events") as news,
        ):
            async for line in news.aiter_lines():
                if line.startswith("data: ") and condition(view := json.loads(line.removeprefix("data: "))):
                    return dict(view)
        raise AssertionError("the news have ended")

    async def made(self, *, after: int = 0) -> dict[str, Any]:
        """The first view of a making that went well, later than number `after`."""
        return await self.view(lambda view: view["busy"] is None and not view["trouble"] and number(view) > after)

    async def troubled(self) -> dict[str, Any]:
        """The first view with an error."""
        return await self.view(lambda view: view["busy"] is None and view["trouble"] is not None)

    async def end(self, *, limit_s: float = 15) -> int:
        """Ctrl-C, and its exit status."""
        self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), limit_s)


def number(view: dict[str, Any]) -> int:
    """The number of the making that a view shows, 0 where there is none yet."""
    return int(view["made"]["number"]) if view["made"] else 0


@asynccontextmanager
async def previewing(
    dsn: str | None, home: Path, name: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Previewing]:
    """`reportd dev NAME` in `home`, whose reports are in `reports/`; ended by SIGKILL if the test has not ended it.

    Without `dsn` none is named.
    """
    settings = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        **(environment or {}),
    }
    if dsn is not None:
        settings["REPORTD_DSN"] = dsn
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("reportd"),
        "dev",
        name,
        *arguments,
        cwd=home,
        env=settings,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    running = Previewing(process, "")
    reader = None
    try:
        assert process.stderr is not None
        async with asyncio.timeout(40):
            while not (found := re.match(r"http://\S+", line := (await process.stderr.readline()).decode())):
                assert line, running.said
                running.said.append(line)
        running.address = found[0]
        reader = asyncio.create_task(_read(process.stderr, running.said))
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if reader is not None:
            await reader


async def _read(stream: asyncio.StreamReader, said: list[str]) -> None:
    async for line in stream:
        said.append(line.decode())
