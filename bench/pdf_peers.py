"""One run of a peer for `bench pdf`, in the peers' own environment: writer, spool, rows, directory."""

from __future__ import annotations

import csv
import html
import json
import re
import sys
import time
from pathlib import Path

HEADS = ("Id", "Customer no", "Amount", "Quantity", "Ordered on", "Paid at", "Customer", "Note", "Is paid", "Share")
RIGHT = {0, 1, 2, 3, 9}
CSS = """@page { size: A4 landscape; margin: 15mm } body { font: 7pt sans-serif }
table { width: 100%; border-collapse: collapse } th { border-bottom: .8pt solid; text-align: left }
td { padding: 2pt 4pt; border-bottom: .25pt solid #ccc } .r { text-align: right }"""


def main(writer: str, path: Path, directory: Path) -> dict[str, float]:
    """Write the PDF; wall and CPU seconds, peak memory and size of the file in MiB, pages (0: not told)."""
    made = directory / f"{writer}.pdf"
    if writer == "weasyprint":
        import weasyprint  # noqa: F401
    else:
        import reportlab.platypus  # noqa: F401
    started, cpu = time.perf_counter(), time.process_time()
    pages = (_weasyprint if writer == "weasyprint" else _reportlab)(path, made)
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": _peak_mb(),
        "file_mb": round(made.stat().st_size / 2**20, 1),
        "pages": pages,
    }


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            [
                r[0],
                r[1],
                f"{float(r[2]):,.2f}",
                r[3],
                r[4],
                r[5][:16],
                r[6],
                r[7],
                "yes" if r[8] == "t" else "no",
                f"{float(r[9]):.1%}",
            ]
            for r in csv.reader(lines)
        ]


def _weasyprint(path: Path, made: Path) -> int:
    import weasyprint

    classes = [' class="r"' if number in RIGHT else "" for number in range(len(HEADS))]
    head = "".join(f"<th{kind}>{title}</th>" for kind, title in zip(classes, HEADS, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in zip(classes, row, strict=True))
        + "</tr>"
        for row in _rows(path)
    )
    page = f"<html lang=en><style>{CSS}</style><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    document = weasyprint.HTML(string=page).render()
    document.write_pdf(made)
    return len(document.pages)


def _reportlab(path: Path, made: Path) -> int:
    from reportlab.lib.colors import black, lightgrey
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.platypus import LongTable, SimpleDocTemplate

    look = [
        ("FONTSIZE", (0, 0), (-1, -1), 7),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, lightgrey),
        *(("ALIGN", (number, 0), (number, -1), "RIGHT") for number in RIGHT),
    ]
    document = SimpleDocTemplate(str(made), pagesize=landscape(A4))
    document.build([LongTable([list(HEADS), *_rows(path)], repeatRows=1, style=look)])
    return document.page


def _peak_mb() -> float:
    found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return round(int(found[1]) / 1024, 1)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[4]))))
