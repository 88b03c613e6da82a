"""What the processes of a render take over of the daemon's environment: DSNs and tokens stay behind."""

from __future__ import annotations

import os
from pathlib import Path

from reportd import failpoints

_INHERITED = (
    "PYTHONPATH",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    failpoints.ENVIRONMENT,
)


def bare(home: Path) -> dict[str, str]:
    """The whole environment of a process whose caches are in `home`."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        # The order of sets is part of some files' bytes: the same data shall make the same file.
        "PYTHONHASHSEED": "0",
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
    }
