"""What the formats of one table per file share: memory that does not grow with the rows."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from reportd.render.csv import CSV
from reportd.render.csvexcel import ExcelCSV
from reportd.render.ndjson import NDJSON
from reportd.render.parquet import Parquet
from reportd.render.task import Renderer, RenderSettings
from reportd.render.tsv import TSV
from tests.unit.render.sheets import column, data, document

ROWS = 20_000
COLUMNS = [
    column("id", "bigint"),
    column("amount", "numeric"),
    column("at", "timestamp with time zone"),
    column("note"),
]


@pytest.mark.parametrize(
    ("leaf", "locale"),
    [(CSV, "en"), (ExcelCSV, "en"), (ExcelCSV, "de"), (TSV, "en"), (NDJSON, "en"), (Parquet, "en")],
)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, leaf: type[Any], locale: str) -> None:
    renderer: Renderer = leaf()
    note = "x" * 300
    small, large = (
        data(
            tmp_path,
            COLUMNS,
            [[str(n), f"{n}.25", f"2026-10-31 12:34:{n % 60:02d}+01", f"{note} {n}"] for n in range(count)],
            title=title,
        )
        for count, title in ((10, "Small"), (ROWS, "Large"))
    )
    # What is loaded at the first time is not the rows'.
    renderer.render(document(small, locale=locale), out=tmp_path, settings=RenderSettings())

    tracemalloc.start()
    [file] = renderer.render(document(large, locale=locale), out=tmp_path, settings=RenderSettings())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert file.rows == ROWS
    assert large.rows.bytes > 6_000_000
    assert peak < 5_000_000
