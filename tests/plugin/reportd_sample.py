"""A format and a kind of job, as a package of somebody else's would bring them: from `reportd`'s public names alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportd import Artifact, Completed, Document, Job, Progress, RenderedFile, RenderSettings, display, read
from reportd.errors import ParamsError


class Markdown:
    """Format `md`: one file per table, values as on the page, between bars."""

    format = "md"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        """Write `<report>-<table>.md` for each table."""
        files = []
        for table in document.tables:
            path = out / f"{document.provenance.report}-{table.name}.md"
            with path.open("w", encoding="utf-8") as file:
                file.write(" | ".join(column.title for column in table.columns) + "\n")
                file.write(" | ".join("---" for _ in table.columns) + "\n")
                for row in read(table.rows.path):
                    shown = (display(row[c.index], c.format, document.locale) for c in table.columns)
                    file.write(" | ".join(shown) + "\n")
            files.append(RenderedFile("md", path.name, str(path), "text/markdown", rows=table.rows.count))
        return files


class Greet:
    """Kind `greet`: says hello in `jobs.result`."""

    name = "greet"
    title = "Say hello"
    brief = False
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"whom": {"type": "string"}},
        "required": ["whom"],
        "additionalProperties": False,
    }

    def resolve(self, job: Job) -> Mapping[str, Any] | None:
        """Nothing to settle."""
        return None

    async def run(self, job: Job, progress: Progress) -> Completed:
        """Greet, but not nobody."""
        if not job.params["whom"]:
            raise ParamsError("there is nobody to greet", param="whom")
        return Completed(result={"said": f"Hello, {job.params['whom']}!"})

    async def discard(self, artifacts: tuple[Artifact, ...]) -> None:
        """There are no files."""

    async def forget(self, job: Job) -> None:
        """Nothing is kept."""
