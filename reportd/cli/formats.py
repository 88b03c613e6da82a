"""Which formats and scripts this host can make, found out as the daemon's render processes do: by making them.

The renderers are loaded in a process of their own, since WeasyPrint and Pango have no place in this one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reportd import plugins

_LIMIT_S = 60.0
_PROBE = """
import json, sys
from reportd.render import leaves
found = leaves.load(json.loads(sys.argv[1]))
print()
reasons = {name: str(error) for name, error in found.unusable.items()}
lacking = []
if "pdf" not in reasons:
    from reportd.render.engine import Engine
    from reportd.render.scripts import SAMPLES
    lacking = [name for name, sample in SAMPLES.items() if Engine().ready(sample)]
optional = [name for name, error in found.unusable.items() if error.code == "extra-missing"]
json.dump([reasons, optional, lacking], sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """`unusable`: the installed formats that can't be made here, each with the reason and its remedy in words.
    `optional`: those of them that only lack an extra. `lacking`: the scripts that would stand as boxes in a PDF.
    """

    unusable: Mapping[str, str]
    optional: Sequence[str] = ()
    lacking: Sequence[str] = ()


async def probe() -> Probed:
    """Load every renderer, and ask for the fonts of the scripts that reports are most likely to have."""
    formats = dict(plugins.formats())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROBE,
        json.dumps(formats),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, said = await process.communicate()
    except TimeoutError:
        return _none(formats, f"loading the renderers took longer than {_LIMIT_S:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        return _none(formats, f"loading the renderers ended with status {process.returncode}: {last[0]}")
    # The last line: WeasyPrint writes there, too, when it misses something.
    reasons, optional, lacking = json.loads(out.splitlines()[-1])
    return Probed(reasons, tuple(optional), tuple(lacking))


def _none(formats: Mapping[str, str], reason: str) -> Probed:
    return Probed(dict.fromkeys(formats, reason))
