"""A table to a workbook: reportd's renderer against xlsxwriter in constant memory, in turns, from one spool.

The peer is the library that everybody takes, in its leanest mode and with its typed calls. Each run is a process of its
own; its clock starts when everything is imported. Reading the rows and making dates and numbers of them is in both.
What the peer is told or does without, the columns' widths, decimals and totals, ours has found by another pass over
the rows, the same for every format: that has a clock of its own.
"""

from __future__ import annotations

import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.machine import machine

ROWS, ROWS_QUICK = (100_000, 1_000_000), (40_000,)
RUNS = {40_000: 3, 100_000: 3, 1_000_000: 1}
SEED = 42
WRITERS = ("xlsxwriter", "reportd")


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `vs_xlsxwriter` is our rows/s over the peer's, by medians of wall time, for the most rows.

    From the spool on, so with the measuring of its columns in ours; `vs_xlsxwriter_writing` is without, and
    `…_writing_cpu` that by CPU time. `peak_mb` is the highest of ours (MiB).
    """
    sizes = ROWS_QUICK if quick else ROWS
    figures: dict[str, Any] = {}
    head = f"{'rows of 10 columns':20}{'writer':12}{'wall s':>8}{'rows/s':>10}{'CPU s':>8}{'peak MB':>9}{'file MB':>9}"
    print(f"{head}{'measure s':>11}")
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
            directory = Path(name)
            spool = spooled(directory / "sales.csv", rows)
            pairs = [{writer: _run(writer, spool, rows, directory) for writer in WRITERS} for _ in range(RUNS[rows])]
        medians = {writer: _medians([pair[writer] for pair in pairs]) for writer in WRITERS}
        for writer, median in medians.items():
            print(
                f"{rows:<20,}{writer:12}{median['wall_s']:8.2f}{rows / median['wall_s']:10,.0f}"
                f"{median['cpu_s']:8.2f}{median['peak_mb']:9.1f}{median['file_mb']:9.1f}"
                f"{median['measure_s']:11.2f}"
            )
        peer, ours = medians["xlsxwriter"], medians["reportd"]
        ours_s = ours["measure_s"] + ours["wall_s"]
        figures = {
            **figures,
            f"vs_xlsxwriter_{rows}": round(peer["wall_s"] / ours_s, 2),
            f"vs_xlsxwriter_writing_{rows}": round(peer["wall_s"] / ours["wall_s"], 2),
            "vs_xlsxwriter": round(peer["wall_s"] / ours_s, 2),
            "vs_xlsxwriter_writing": round(peer["wall_s"] / ours["wall_s"], 2),
            "vs_xlsxwriter_writing_cpu": round(peer["cpu_s"] / ours["cpu_s"], 2),
            "peak_mb": max(pair["reportd"]["peak_mb"] for pair in pairs),
            "rows": rows,
            "rows_s": round(rows / ours_s),
            "xlsxwriter_rows_s": round(rows / peer["wall_s"]),
            "runs": len(pairs),
        }
    software = {name: version(name) for name in ("reportd", "xlsxwriter", "isal")}
    return {
        **figures,
        "seed": SEED,
        "machine": machine(),
        "versions": {"python": platform.python_version(), **software},
    }


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _run(writer: str, spool: Path, rows: int, directory: Path) -> dict[str, float]:
    """One writer's figures, from a process of its own."""
    command = [sys.executable, "-m", "bench.xlsx_run", writer, str(spool), str(rows), str(directory)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return figures


def spooled(path: Path, rows: int) -> Path:
    """Rows as COPY would write them: ints, numeric, dates, text, a flag; some texts with quotes, some NULL."""
    chance = random.Random(SEED)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(1, rows + 1):
            note = '"Smith, ""Bob"" & sons"' if number % 10 == 0 else "" if number % 11 == 0 else f"plain text {number}"
            cells = (
                str(number),
                str(number % 1000 * 97),
                f"{chance.random() * 10_000:.2f}",
                str(number % 97),
                (date(2024, 1, 1) + timedelta(days=number % 900)).isoformat(),
                f"{start + timedelta(seconds=37 * number):%Y-%m-%d %H:%M:%S}+00",
                f"Customer {number % 5000}",
                note,
                "t" if number % 3 == 0 else "f",
                f"{number % 100 / 100:.4f}",
            )
            file.write(",".join(cells) + "\n")
    return path
