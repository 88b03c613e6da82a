"""The queues that ours is held against, from their own packages in a place of their own: `bench/.peers`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HOME = Path(__file__).with_name(".peers")
_PYTHON = _HOME / "python"
_NODE = _HOME / "node"
PGQUEUER = "1.6.0"
GRAPHILE = "0.18.0"
_HERE = Path(__file__).parent


def pgqueuer(*arguments: str) -> list[str]:
    """The command that runs `bench/peer_pgqueuer.py`; installs PgQueuer when it is not there yet."""
    python = _PYTHON / "bin" / "python"
    if not (_PYTHON / f"pgqueuer-{PGQUEUER}").exists():
        subprocess.run([sys.executable, "-m", "venv", str(_PYTHON)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", f"pgqueuer=={PGQUEUER}", "asyncpg", "uvloop"], check=True
        )
        (_PYTHON / f"pgqueuer-{PGQUEUER}").touch()
    return [str(python), "-P", str(_HERE / "peer_pgqueuer.py"), *arguments]


def graphile(*arguments: str) -> list[str]:
    """The command that runs `bench/peer_graphile.mjs`; installs graphile-worker when it is not there yet."""
    if not (_NODE / "node_modules" / "graphile-worker").exists():
        _NODE.mkdir(parents=True, exist_ok=True)
        (_NODE / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--silent", "node@22", f"graphile-worker@{GRAPHILE}"], cwd=_NODE, check=True)
    script = _NODE / "peer_graphile.mjs"  # where node finds the package
    script.write_text((_HERE / "peer_graphile.mjs").read_text(encoding="utf-8"), encoding="utf-8")
    return [str(_NODE / "node_modules" / ".bin" / "node"), str(script), *arguments]
