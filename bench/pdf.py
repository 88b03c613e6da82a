"""A long table to a PDF: reportd's renderer against WeasyPrint's plain table and ReportLab's LongTable.

Each run is a process of its own whose clock starts when everything is imported, from one spool file; in turns. The
peers, whose time is in proportion to the rows, get fewer. They live in a virtual environment of their own.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.xlsx import SEED, spooled

PEERS = ("weasyprint==70.0", "reportlab==4.4.5")
ROWS = {"reportd": 100_000, "weasyprint": 1_000, "reportlab": 10_000}
ROWS_QUICK = {"reportd": 20_000, "weasyprint": 200, "reportlab": 2_000}
RUNS, RUNS_QUICK = 3, 1
ROOT = Path(__file__).parents[1]


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `rows_cpu_s` (rows per CPU second) is ours, `vs_…` how many times a peer's, by medians.

    `peak_mb` is the highest of ours (MiB).
    """
    sizes = ROWS_QUICK if quick else ROWS
    runs: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
        directory = Path(name)
        peers = _peers(directory / "venv")
        spools = {rows: spooled(directory / f"{rows}.csv", rows) for rows in set(sizes.values())}
        for _ in range(RUNS_QUICK if quick else RUNS):
            runs.append({w: _run(w, peers, spools[rows], rows, directory) for w, rows in sizes.items()})
    print(f"{'':12}{'rows':>9}{'CPU s':>8}{'rows/CPU s':>12}{'wall s':>8}{'peak MB':>9}{'pages':>7}{'file MB':>9}")
    rates: dict[str, float] = {}
    for writer, rows in sizes.items():
        found = {key: statistics.median(one[writer][key] for one in runs) for key in runs[0][writer]}
        rates[writer] = rows / found["cpu_s"]
        print(
            f"{writer:12}{rows:9,}{found['cpu_s']:8.2f}{rates[writer]:12,.0f}{found['wall_s']:8.2f}{found['peak_mb']:9.1f}"
            f"{found['pages']:7.0f}{found['file_mb']:9.1f}"
        )
    return {
        "rows_cpu_s": round(rates["reportd"]),
        "vs_weasyprint": round(rates["reportd"] / rates["weasyprint"], 1),
        "vs_reportlab": round(rates["reportd"] / rates["reportlab"], 1),
        "peak_mb": max(one["reportd"]["peak_mb"] for one in runs),
        "wall_s": round(statistics.median(one["reportd"]["wall_s"] for one in runs), 2),
        "rows": sizes["reportd"],
        "runs": len(runs),
        "seed": SEED,
        "machine": machine(),
        "versions": {"python": platform.python_version(), "reportd": version("reportd"), "peers": list(PEERS)},
    }


def _peers(directory: Path) -> Path:
    """A Python with the peers."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PEERS], check=True)
    return python


def _run(writer: str, peers: Path, spool: Path, rows: int, directory: Path) -> dict[str, float]:
    python, module = (sys.executable, "bench.pdf_run") if writer == "reportd" else (str(peers), "bench.pdf_peers")
    command = [python, "-m", module, writer, str(spool), str(rows), str(directory)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return figures
