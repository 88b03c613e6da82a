"""What a document says, as JSON for tests: tiles, cells, totals and how they are shown, whatever the format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Chart, Document, Kpi, Kpis, Section, Table, Text
from reportd.report.formats import canonical, display
from reportd.spool import head

ROWS_MAX = 1000
"""Rows of a section that are told; what a test can say is about the first ones."""


class Facts:
    """The format `facts`: no reader ever sees it, `reportd test` does."""

    format = "facts"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `facts.json`: `title`, `as_of`, and by name the sections with `columns`, `rows`, `cells`, `totals`.

        Cells are texts as Postgres wrote them, None for NULL. `tiles` and `shown` are as a reader sees them.
        """
        path = out / "facts.json"
        facts = {
            "title": document.title,
            "as_of": document.as_of.isoformat(),
            "filters": [list(each) for each in document.filters],
            "sections": {section.name: _section(section, document.locale) for section in document.sections},
        }
        path.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        return [RenderedFile(self.format, path.name, str(path), "application/json", rows=document.rows)]


def _section(section: Section, locale: str) -> Mapping[str, Any]:
    facts: dict[str, Any] = {
        "kind": _kind(section),
        "title": section.title,
        "columns": [[column.name, canonical(column.type), column.title] for column in section.columns],
        "rows": 0 if section.rows is None else section.rows.count,
    }
    if section.rows is not None:
        rows = head(section.rows.path, ROWS_MAX)
        facts["cells"] = [[row[column.index] for column in section.columns] for row in rows]
        if rows:
            facts["shown"] = [display(rows[0][column.index], column.format, locale) for column in section.columns]
    match section:
        case Kpis():
            facts["tiles"] = [_tile(tile, locale) for tile in section.items]
        case Table():
            facts["totals"] = {c.name: f"{c.total:f}" for c in section.columns if c.total is not None}
            facts["groups"] = [column.name for column in section.groups]
        case Text():
            facts["paragraphs"] = list(section.paragraphs)
        case Chart():
            facts["x"], facts["y"] = section.x.name, [column.name for column in section.y]
        case _:
            pass
    return facts


def _kind(section: Section) -> str:
    return section.kind if isinstance(section, Chart) else type(section).__name__.lower()


def _tile(tile: Kpi, locale: str) -> Mapping[str, Any]:
    value = tile.value
    raw = None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
    delta = None if tile.delta is None else f"{tile.delta:f}"
    return {"label": tile.label, "value": raw, "delta": delta, "shown": display(raw, tile.format, locale)}
