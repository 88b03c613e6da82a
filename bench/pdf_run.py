"""One run of reportd for `bench pdf`: writer, spool, rows, directory. The last line printed is its figures."""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import peak_mb
from bench.xlsx_run import COLUMNS
from reportd.render.columns import measure
from reportd.render.pdf import PDF
from reportd.render.specimen import specimen
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Column, Document, Provenance, Rows, Table
from reportd.spool import Spooled

LOCALE = "en"


def main(path: Path, rows: int, directory: Path) -> dict[str, float]:
    """Write `sales.pdf`; wall and CPU seconds, peak memory and size of the file in MiB, pages."""
    # As a daemon's template process does before any task: one tiny document, so that all is imported.
    PDF().render(specimen(directory), out=directory, settings=RenderSettings())
    gc.collect()
    gc.freeze()
    started, cpu = time.perf_counter(), time.process_time()
    file = written(path, rows, directory)
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "file_mb": round(Path(file.path).stat().st_size / 2**20, 1),
        "pages": file.pages or 0,
    }


def written(path: Path, rows: int, directory: Path) -> RenderedFile:
    """The PDF of the spool `path`, from its first reading on."""
    columns = measured(path, rows)
    table = Table("sales", "Sales", columns, Rows(str(path), rows, path.stat().st_size, ""))
    origin = Provenance("sales", "", "", {}, "0")
    document = Document("Sales", datetime(2026, 1, 1, tzinfo=UTC), "UTC", LOCALE, (table,), origin)
    [file] = PDF().render(document, out=directory, settings=RenderSettings())
    return file


def measured(path: Path, rows: int) -> tuple[Column, ...]:
    """The columns of the spool `path`, as its values make them."""
    spooled = Spooled("sales", path.name, COLUMNS, rows, path.stat().st_size, "")
    return measure(spooled, path, locale=LOCALE, timezone="UTC")


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
