"""Reports as rows. From here come the names that authors of `report.py` and of plugins work with.

- `report.py`: `Context` (what `fetch(ctx)` is given), `Results` and `Result` (what `build(params, data)` is given),
  `Document` and its parts. See `reportd.report.authoring`.
- A format (entry point `reportd.formats`): a `Renderer`, which makes `RenderedFile`s of a `Document`; `read` gives the
  rows of a `Table`, `display` a value as a reader sees it.
- A kind of job (entry point `reportd.kinds`): a `Kind`, which gets a `Job` and returns `Completed`; it raises an error
  of `reportd.errors`, whose class says whether another try can help.
- A task (a function that is a kind of job): `task`, `TaskContext` or `SyncTaskContext`, `service`, `Backoff`. See
  `reportd.tasks.definition`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportd.job import Artifact, Backoff, Completed, Delivery, Job
    from reportd.kinds.kind import Kind
    from reportd.progress import Progress
    from reportd.render.task import RenderedFile, Renderer, RenderSettings
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
    from reportd.report.formats import display
    from reportd.spool import read
    from reportd.tasks.context import SyncTaskContext, TaskContext
    from reportd.tasks.definition import service, task

__all__ = [
    "Artifact",
    "Backoff",
    "Chart",
    "Column",
    "Completed",
    "Context",
    "Data",
    "Delivery",
    "Document",
    "Format",
    "Job",
    "Kind",
    "Kpi",
    "Kpis",
    "Param",
    "Progress",
    "Provenance",
    "RenderSettings",
    "RenderedFile",
    "Renderer",
    "Report",
    "Result",
    "Results",
    "Rows",
    "Section",
    "SyncTaskContext",
    "Table",
    "TaskContext",
    "Text",
    "display",
    "read",
    "service",
    "task",
]

_MODULES = (
    "reportd.report.document",
    "reportd.report.authoring",
    "reportd.report.definition",
    "reportd.report.formats",
    "reportd.job",
    "reportd.spool",
    "reportd.render.task",
    "reportd.progress",
    "reportd.kinds.kind",
    "reportd.tasks.definition",
    "reportd.tasks.context",
)


def __getattr__(name: str) -> Any:
    """The names above, found when they are asked for: `reportd enqueue` must not pay for what reports are made of."""
    if name in __all__:
        for place in _MODULES:
            if hasattr(module := import_module(place), name):
                return getattr(module, name)
    raise AttributeError(f"module 'reportd' has no attribute {name!r}")
