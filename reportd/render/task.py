"""What passes between the daemon and a render child: a task down, files up. JSON both ways, for pickles are code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from reportd.report.definition import Block, ReportSource
from reportd.report.document import Document
from reportd.report.params import Value
from reportd.spool import Spooled


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What the operator decides about documents; a report's own front matter wins over locale, paper and timezone."""

    locale: str = "en"
    paper: str = "A4"
    timezone: str = "UTC"
    pdf_rows_max: int = 1_000_000
    pdf_pages_max: int = 100_000


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One job's rendering: the report's text, its typed params and spool, the formats asked, and where files go.

    `params` are the resolved values (`Params.as_json()`); `directory` is the spool; `out` is an empty directory that
    the child writes into and nobody else; `title` overrides the report's title (a job's `name`).
    """

    source: ReportSource
    params: Mapping[str, Any]
    directory: str
    out: str
    formats: tuple[str, ...]
    settings: RenderSettings = field(default_factory=RenderSettings)
    title: str | None = None
    job: int | None = None
    locale: str | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON object that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> RenderTask:
        """The task that `as_json` wrote."""
        return cls(
            **{
                **raw,
                "source": ReportSource(**raw["source"]),
                "settings": RenderSettings(**raw["settings"]),
                "formats": tuple(raw["formats"]),
            }
        )


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file that a renderer wrote. `path` is absolute, inside the task's `out`; `name` is for whoever gets it.

    `notes` are sentences about what is amiss in it, for the operator's log; the file says so itself as well.
    """

    format: str
    name: str
    path: str
    content_type: str
    rows: int | None = None
    pages: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a child cost: CPU seconds (user + system), peak resident bytes, wall seconds per step."""

    cpu_s: float
    peak_bytes: int
    steps_s: Mapping[str, float] = field(default_factory=dict)


BOUND_TYPES = frozenset(
    {"boolean", "date", "daterange", "double precision", "numeric", "time", "timestamp", "timestamptz", "uuid"}
)
"""The types that a bound value, or the elements of a bound list, may name; without one PREPARE decides."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query that a report's own code asks for: `block` has its SQL and its place, `values` what is bound to names."""

    block: Block
    values: Mapping[str, Value]


class Inquiry(Protocol):
    """Who answers the questions of one task. Errors are ReportdErrors; the child gets them as its own."""

    async def ask(self, question: Question) -> Spooled:
        """Run the query; `file` of what is given back is relative to the task's `directory`."""
        ...

    async def close(self, names: Mapping[str, str]) -> None:
        """No question will come any more; `names` says what the report calls the results that it keeps."""
        ...


class Renderer(Protocol):
    """A format: one leaf module each, found by the `reportd.formats` entry points."""

    format: str

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write the document into `out`; one file, or one per table where the format holds a single table.

        Raises RenderError (or a subclass) with a message that a report's author understands.
        """
        ...
