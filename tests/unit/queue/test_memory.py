from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportd.queue import memory


def resident_mb() -> float:
    found = re.search(r"^RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.skipif(memory._trim is None, reason="only glibc keeps what was freed, and can be told not to")
async def test_what_was_freed_goes_back_to_the_system() -> None:
    blocks = [bytearray(20_000) for _ in range(2000)]
    above = bytearray(20_000)
    del blocks
    kept = resident_mb()

    await memory.give_back()

    assert kept - resident_mb() > 20
    assert len(above) == 20_000
