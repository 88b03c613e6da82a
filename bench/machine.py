"""What a measurement was made on: without it a figure means nothing."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB, system."""
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
    }


async def versions(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, str]:
    """Of Python, the server, the driver and reportd."""
    return {
        "python": platform.python_version(),
        "postgres": await connection.fetchval("show server_version"),
        "asyncpg": version("asyncpg"),
        "reportd": version("reportd"),
    }


def peak_mb() -> float:
    """The most memory that this process has held, in MiB."""
    # Not getrusage: there a process that was exec'd still counts the one that forked it.
    found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return round(int(found[1]) / 1024, 1)
