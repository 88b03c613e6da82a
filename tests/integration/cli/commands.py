"""`reportd …` as a user runs it: a process of its own, with an empty home and nothing in the environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPORTD = Path(sys.executable).with_name("reportd")


@dataclass(frozen=True)
class Said:
    """A command's end."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def reportd(
    *arguments: str,
    home: Path,
    dsn: str | None = None,
    environment: Mapping[str, str] | None = None,
    limit_s: float = 60,
    stdin: str | None = None,
) -> Said:
    """Run `reportd ARGUMENTS` in `home`, with `dsn` as REPORTD_DSN, and `stdin` to read."""
    return await _run(REPORTD, *arguments, home=home, dsn=dsn, environment=environment, limit_s=limit_s, stdin=stdin)


async def python(code: str, *, home: Path, dsn: str) -> Said:
    """Run `code` as `reportd` would be run."""
    return await _run(sys.executable, "-c", code, home=home, dsn=dsn, environment=None, limit_s=60)


async def _run(
    *command: str | Path,
    home: Path,
    dsn: str | None,
    environment: Mapping[str, str] | None,
    limit_s: float,
    stdin: str | None = None,
) -> Said:
    settings = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **(environment or {})}
    if dsn is not None:
        settings["REPORTD_DSN"] = dsn
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env=settings,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(limit_s):
            out, err = await process.communicate(None if stdin is None else stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    said = Said(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in said.err, said.err
    return said
