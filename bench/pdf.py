"""A long table to a PDF: reportd's renderer against WeasyPrint's plain table and ReportLab's LongTable.

Each run is a process of its own whose clock starts when everything is imported, from one spool file; in turns. The
peers, whose time is in proportion to the rows, get fewer. They live in a virtual environment of their own. Then two
other programs say whether the file is right, and a million rows whether memory is constant.
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

from bench import pdf_proof
from bench.machine import machine
from bench.pdf_run import LOCALE, measured
from bench.xlsx import SEED, spooled

PEERS = ("weasyprint==70.0", "reportlab==4.4.5")
ROWS = {"reportd": 100_000, "weasyprint": 1_000, "reportlab": 10_000}
ROWS_QUICK = {"reportd": 20_000, "weasyprint": 200, "reportlab": 2_000}
MILLION = 1_000_000
RUNS, RUNS_QUICK = 3, 1
ROOT = Path(__file__).parents[1]


def run(*, quick: bool) -> dict[str, Any]:
    """Print the table; `rows_cpu_s` (rows per CPU second) is ours, `vs_…` how many times a peer's, by medians.

    `peak_mb` is the highest of ours (MiB). `qpdf` is the exit status of `qpdf --check`, `text_rows_exact` the number of
    rows that the text of the file has whole and in order; null where the host lacks the program. `million_…` are the
    figures of one run over a million rows, which a quick run leaves out. What each file costs before its first row
    weighs five times as much in a quick run.
    """
    sizes = ROWS_QUICK if quick else ROWS
    rows = sizes["reportd"]
    runs: list[dict[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
        directory = Path(name)
        peers = _peers(directory / "venv")
        spools = {count: spooled(directory / f"{count}.csv", count) for count in set(sizes.values())}
        for _ in range(RUNS_QUICK if quick else RUNS):
            runs.append({w: _run(w, peers, spools[count], count, directory) for w, count in sizes.items()})
        medians = {w: {k: statistics.median(one[w][k] for one in runs) for k in runs[0][w]} for w in sizes}
        print(f"{'':12}{'rows':>9}{'CPU s':>8}{'rows/CPU s':>12}{'wall s':>8}{'peak MB':>9}{'pages':>7}{'file MB':>9}")
        for writer, found in medians.items():
            _print(writer, sizes[writer], found)
        proof = _proof(directory / "sales.pdf", spools[rows], rows)
        million = {} if quick else _million(peers, directory)
    rates = {writer: sizes[writer] / found["cpu_s"] for writer, found in medians.items()}
    return {
        "rows_cpu_s": round(rates["reportd"]),
        "vs_weasyprint": round(rates["reportd"] / rates["weasyprint"], 1),
        "vs_reportlab": round(rates["reportd"] / rates["reportlab"], 1),
        "peak_mb": max(one["reportd"]["peak_mb"] for one in runs),
        "wall_s": round(medians["reportd"]["wall_s"], 2),
        "cpu_s": round(medians["reportd"]["cpu_s"], 2),
        "rows": rows,
        **proof,
        **million,
        "runs": len(runs),
        "seed": SEED,
        "machine": machine(),
        "versions": {"python": platform.python_version(), "reportd": version("reportd"), "peers": list(PEERS)},
    }


def _print(writer: str, rows: int, found: dict[str, float]) -> None:
    print(
        f"{writer:12}{rows:9,}{found['cpu_s']:8.2f}{rows / found['cpu_s']:12,.0f}{found['wall_s']:8.2f}"
        f"{found['peak_mb']:9.1f}{found['pages']:7.0f}{found['file_mb']:9.1f}",
        flush=True,
    )


def _proof(made: Path, spool: Path, rows: int) -> dict[str, int | None]:
    """What other programs say of the file that was `made` of `spool`."""
    for package in pdf_proof.missing():
        print(f"not all is checked here: apt-get install {package}")
    status = pdf_proof.qpdf_status(made)
    exact = pdf_proof.rows_exact(made, spool, measured(spool, rows), locale=LOCALE)
    print(
        f"qpdf --check ends with {status}, {exact} of {rows} rows stand in the text as the spool has them", flush=True
    )
    return {"qpdf": status, "text_rows_exact": exact}


def _million(peers: Path, directory: Path) -> dict[str, float]:
    """The figures of one run of ours over a million rows."""
    found = _run("reportd", peers, spooled(directory / "million.csv", MILLION), MILLION, directory)
    _print("reportd", MILLION, found)
    return {f"million_{key}": round(found[key], 1) for key in ("cpu_s", "peak_mb", "wall_s", "pages", "file_mb")}


def _peers(directory: Path) -> Path:
    """A Python with the peers."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check", *PEERS], check=True
    )
    return python


def _run(writer: str, peers: Path, spool: Path, rows: int, directory: Path) -> dict[str, float]:
    python, module = (sys.executable, "bench.pdf_run") if writer == "reportd" else (str(peers), "bench.pdf_peers")
    command = [python, "-m", module, writer, str(spool), str(rows), str(directory)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return figures
