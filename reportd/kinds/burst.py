"""One query, one document per row: a report's job becomes the parent of a job for each row of its `[burst]` query.

Each child is a job like any other: it fails and retries alone, and fetches its own snapshot, unless the burst is
`split`. A column called like one of the burst's params gives its value; `locale`, `formats` (with commas) and `name`
(the document's title) are taken from columns of these names; every column is a placeholder in the targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reportd import fetch
from reportd.errors import LimitExceeded
from reportd.job import Child, Divided, Job, Step
from reportd.kinds import split
from reportd.pipeline import Parts
from reportd.progress import Progress
from reportd.report.definition import Burst, Param, Report
from reportd.report.fault import fault, nearest
from reportd.report.params import resolve, schema_of
from reportd.report.targets import safe
from reportd.spool import read

CHILDREN_MAX = 10_000
LOCALE = "locale"
"""The key in `jobs.metadata -> 'reportd'` that says a child's locale."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def divides(job: Job, report: Report) -> bool:
    """Whether `job` is to be one document per row. One that gives the burst's params itself is a single document."""
    if report.burst is not None and report.burst.split:
        return split.key_of(job) is None
    return report.burst is not None and not any(name in job.params for name in report.burst.params)


async def divide(job: Job, report: Report, parts: Parts, progress: Progress) -> Divided:
    """Run the burst's query and make a child of each row. Errors: QueryError …; ReportError for columns that lack."""
    burst = report.burst
    assert burst is not None, "the caller has asked divides()"
    if burst.split:
        given = {name: value for name, value in (job.params_resolved or {}).items() if value is not None}
        documents = await split.divide(job, report, parts, progress)
        _check_number(report, len(documents))
        return Divided(tuple(_children(job, report, burst, given, documents)))
    assert burst.block is not None, "without split it has a query"
    progress.enter(Step.FETCHING)
    timezone = report.timezone or parts.settings.timezone
    own = [param for param in report.params if param.name not in burst.params]
    params = resolve(own, job.params_resolved or {}, now=job.slot or job.created_at, timezone=timezone)
    # The query alone, in the job's own directory: its children have theirs.
    only = replace(report, blocks=(burst.block,))
    directory = parts.spool / str(job.id)
    dataset = await fetch.fetch(parts.source, only, params, directory=directory, timezone=timezone, limits=parts.limits)
    spooled = dataset.blocks[burst.block.name]
    _check_number(report, spooled.rows)
    names = [column.name for column in spooled.columns]
    for name in burst.params:
        if name not in names:
            message = f'burst: the query has no column "{name}" for the param of this name{nearest(name, names)}'
            raise fault(report.source.front, message, line=burst.line)
    given = {name: value for name, value in params.as_json().items() if value is not None}
    rows = (dict(zip(names, row, strict=True)) for row in read(dataset.path(burst.block.name)))
    return Divided(tuple(_children(job, report, burst, given, rows)))


def _check_number(report: Report, documents: int) -> None:
    if documents > CHILDREN_MAX:
        raise LimitExceeded(f"the burst of {report.name} has {documents:,} rows; at most {CHILDREN_MAX:,} are made")


def _children(
    job: Job, report: Report, burst: Burst, given: Mapping[str, Any], rows: Iterable[Mapping[str, str | None]]
) -> Iterable[Child]:
    declared = {param.name: param for param in report.params}
    targets = job.deliver or burst.deliver or (report.deliver.to if report.deliver else ())
    for row in rows:
        formats = (row.get("formats") or "").strip("{} ")
        name = burst.name and _filled(burst.name, row, plain=True)
        yield Child(
            params={**given, **{name: _value(declared[name], row[name]) for name in burst.params}},
            formats=tuple(part.strip() for part in formats.split(",")) if formats else job.formats,
            name=name or row.get("name") or job.name,
            deliver=tuple(_filled(str(target), row) for target in targets),
            metadata={"reportd": own} if (own := _own(burst, row)) else {},
        )


def _own(burst: Burst, row: Mapping[str, str | None]) -> dict[str, Any]:
    """What a child's metadata say of this document alone."""
    own: dict[str, Any] = {LOCALE: row["locale"]} if row.get("locale") else {}
    return {**own, split.KEY: [row[column] for column in burst.split]} if burst.split else own


def _filled(text: str, row: Mapping[str, str | None], *, plain: bool = False) -> str:
    """`text` with the placeholders that `row` has; others are the child's own."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in row:
            return match[0]
        found = row[match[1]]
        return (found or "") if plain else safe(found if found is not None else "none")

    return _PLACEHOLDER.sub(value, text)


def _value(param: Param, raw: str | None) -> Any:
    """A cell as the JSON that the parameter takes."""
    if raw is None:
        return None
    types = schema_of([param])["properties"][param.name].get("type", "string")
    if "string" in types:
        return raw
    if "boolean" in types:
        return raw in ("t", "true")
    return int(raw) if re.fullmatch(r"-?\d+", raw) else float(raw)
