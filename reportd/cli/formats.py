"""Which formats this host can make, found out the way that the daemon's render processes find out: by making them.

The renderers are loaded in a process of their own, since WeasyPrint and Pango have no place in this one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from reportd import plugins

_LIMIT_S = 60.0
_PROBE = """
import json, sys
from reportd.render import leaves
found = leaves.load(json.loads(sys.argv[1]))
print()
json.dump({name: str(error) for name, error in found.unusable.items()}, sys.stdout)
"""


async def unusable() -> Mapping[str, str]:
    """The installed formats that can't be made here, each with the reason and its remedy in words."""
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
        return dict.fromkeys(formats, f"loading the renderers took longer than {_LIMIT_S:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        return dict.fromkeys(formats, f"loading the renderers ended with status {process.returncode}: {last[0]}")
    # The last line: WeasyPrint writes there, too, when it misses something.
    reasons: dict[str, str] = json.loads(out.splitlines()[-1])
    return reasons
