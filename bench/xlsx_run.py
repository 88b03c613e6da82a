"""One run of one writer for `bench xlsx`: writer, spool, rows, directory. The last line printed is its figures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from xlsxwriter import Workbook

from bench.machine import peak_mb
from reportd import spool
from reportd.render.columns import measure
from reportd.render.specimen import specimen
from reportd.render.task import RenderSettings
from reportd.render.xlsx import XLSX
from reportd.report.document import Column, Document, Provenance, Rows, Table
from reportd.spool import SpoolColumn, Spooled

COLUMNS = (
    SpoolColumn("id", "bigint"),
    SpoolColumn("customer_no", "integer"),
    SpoolColumn("amount", "numeric"),
    SpoolColumn("quantity", "smallint"),
    SpoolColumn("ordered_on", "date"),
    SpoolColumn("paid_at", "timestamp with time zone"),
    SpoolColumn("customer", "text"),
    SpoolColumn("note", "text"),
    SpoolColumn("is_paid", "boolean"),
    SpoolColumn("share", "numeric"),
)


def main(writer: str, path: Path, rows: int, directory: Path) -> dict[str, float]:
    """Write the workbook; wall and CPU seconds, peak memory and size of the file in MiB.

    `measure_s` is what reportd took before to find the columns' widths, decimals and totals, which the peer is told.
    """
    started = time.perf_counter()
    columns = () if writer == "xlsxwriter" else _measured(path, rows)
    measure_s = time.perf_counter() - started
    write = (
        _prepared_xlsxwriter(path, directory)
        if writer == "xlsxwriter"
        else _prepared_reportd(path, rows, columns, directory)
    )
    started, cpu = time.perf_counter(), time.process_time()
    made = write()
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "measure_s": measure_s,
        "peak_mb": peak_mb(),
        "file_mb": round(made.stat().st_size / 2**20, 1),
    }


def _measured(path: Path, rows: int) -> tuple[Column, ...]:
    spooled = Spooled("sales", path.name, COLUMNS, rows, path.stat().st_size, "")
    return measure(spooled, path, locale="en", timezone="UTC")


def _prepared_reportd(path: Path, rows: int, columns: tuple[Column, ...], directory: Path) -> Callable[[], Path]:
    # As a daemon's template process does before any task: one tiny document, so that all is imported.
    XLSX().render(specimen(directory), out=directory, settings=RenderSettings())
    table = Table("sales", "Sales", columns, Rows(str(path), rows, path.stat().st_size, ""))
    origin = Provenance("sales", "", "", {}, "0")
    document = Document("Sales", datetime(2026, 1, 1, tzinfo=UTC), "UTC", "en", (table,), origin)

    def write() -> Path:
        [file] = XLSX().render(document, out=directory, settings=RenderSettings())
        return Path(file.path)

    return write


def _prepared_xlsxwriter(path: Path, directory: Path) -> Callable[[], Path]:
    made = directory / "peer.xlsx"

    def write() -> Path:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        book = Workbook(made, options)
        sheet = book.add_worksheet("Sales")
        header = book.add_format({"bold": True})
        money, day, moment, share = (
            book.add_format({"num_format": text}) for text in ("#,##0.00", "dd mmm yyyy", "dd mmm yyyy hh:mm", "0.0%")
        )
        sheet.set_column(0, len(COLUMNS) - 1, 16)
        sheet.write_row(0, 0, [column.name for column in COLUMNS], header)
        sheet.freeze_panes(1, 0)
        number, text, when, flag = sheet.write_number, sheet.write_string, sheet.write_datetime, sheet.write_boolean
        line = 0
        for line, row in enumerate(spool.read(path), start=1):
            (id, customer_no, amount, quantity, ordered_on, paid_at, customer, note, is_paid, part) = row
            number(line, 0, int(id or 0))
            number(line, 1, int(customer_no or 0))
            number(line, 2, float(amount or 0), money)
            number(line, 3, int(quantity or 0))
            when(line, 4, date.fromisoformat(ordered_on or ""), day)
            when(line, 5, datetime.fromisoformat(paid_at or "").replace(tzinfo=None), moment)
            text(line, 6, customer or "")
            if note is not None:
                text(line, 7, note)
            flag(line, 8, is_paid == "t")
            number(line, 9, float(part or 0), share)
        sheet.autofilter(0, 0, line, len(COLUMNS) - 1)
        book.close()
        return made

    return write


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
