"""Reports with their spools, made from Python values without a database: what a render child is given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportd.render.build import build
from reportd.render.task import RenderSettings
from reportd.report.definition import Block, BlockKind, Param, Report, ReportSource
from reportd.report.document import Document
from reportd.spool import Dataset, SpoolColumn, Spooled

AS_OF = datetime(2026, 11, 2, 7, 0, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Given:
    """One block and the rows that its query returned; `columns` maps names to Postgres types."""

    kind: BlockKind
    columns: Mapping[str, str]
    rows: Sequence[Sequence[object]]
    title: str = ""
    name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def spooled(
    directory: Path,
    *blocks: Given,
    title: str = "Sales by region",
    params: tuple[Param, ...] = (),
    values: Mapping[str, Any] | None = None,
    timezone: str = "Europe/Vienna",
    **fields: Any,
) -> tuple[Report, Dataset]:
    """A report called `sales` and the dataset that its queries left in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    found: list[Block] = []
    results: dict[str, Spooled] = {}
    for number, block in enumerate(blocks):
        name = block.name or f"{block.kind}{number}"
        found.append(Block(block.kind, name, block.title, "select 1", 10 + number, "sales.sql", block.options))
        data = csv(block.rows)
        (directory / f"{name}.csv").write_bytes(data)
        columns = tuple(SpoolColumn(*column) for column in block.columns.items())
        digest = hashlib.sha256(data).hexdigest()
        results[name] = Spooled(name, f"{name}.csv", columns, len(block.rows), len(data), digest)
    source = ReportSource("sales", {"sales.sql": "select 1"}, "reports/sales.sql")
    report = Report("sales", title, source, tuple(found), params=params, **fields)
    return report, Dataset(directory, AS_OF, timezone, source.sha256, values or {}, results)


def document(directory: Path, *blocks: Given, settings: RenderSettings | None = None, **fields: Any) -> Document:
    """The document that `build` makes of `spooled(directory, *blocks, **fields)`."""
    report, dataset = spooled(directory, *blocks, **fields)
    return build(report, dataset, settings=settings or RenderSettings())


def csv(rows: Iterable[Iterable[object]]) -> bytes:
    """`rows` as COPY writes them: None is nothing, the empty string is `""`."""
    return "".join(",".join(_cell(value) for value in row) + "\n" for row in rows).encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = {True: "t", False: "f"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"' if not text or set(text) & set(',"\r\n') else text
