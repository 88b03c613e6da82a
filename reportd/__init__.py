"""Reports as rows. From here come the names that authors of `report.py` and of plugins work with.

- `report.py`: `Context` (what `fetch(ctx)` is given), `Results` and `Result` (what `build(params, data)` is given),
  `Document` and its parts. See `reportd.report.authoring`.
- A format (entry point `reportd.formats`): a class with `format` and `render(document, *, out, settings)`; it gets a
  `Document`. See `reportd.render.task.Renderer`.
- A kind of job (entry point `reportd.kinds`): a class with the methods of `reportd.kinds.kind.Kind`; it gets a `Job`
  and returns `Completed`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportd.job import Artifact, Completed, Delivery, Job
    from reportd.report.authoring import Context, Result, Results
    from reportd.report.definition import Param, Report
    from reportd.report.document import (
        Chart,
        Column,
        Data,
        Document,
        Format,
        Kpi,
        Kpis,
        Provenance,
        Rows,
        Section,
        Table,
        Text,
    )

__all__ = [
    "Artifact",
    "Chart",
    "Column",
    "Completed",
    "Context",
    "Data",
    "Delivery",
    "Document",
    "Format",
    "Job",
    "Kpi",
    "Kpis",
    "Param",
    "Provenance",
    "Report",
    "Result",
    "Results",
    "Rows",
    "Section",
    "Table",
    "Text",
]

_MODULES = ("reportd.report.document", "reportd.report.authoring", "reportd.report.definition", "reportd.job")


def __getattr__(name: str) -> Any:
    """The names above, found when they are asked for: `reportd enqueue` must not pay for what reports are made of."""
    if name in __all__:
        for place in _MODULES:
            if hasattr(module := import_module(place), name):
                return getattr(module, name)
    raise AttributeError(f"module 'reportd' has no attribute {name!r}")
