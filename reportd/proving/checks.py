"""What can be told of a file without making it again: its data against its digests, its bytes against the row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reportd.db import artifacts, jobs
from reportd.db.artifacts import ArtifactRow
from reportd.db.queries import Connection
from reportd.errors import UnknownJob
from reportd.proving import unspool
from reportd.proving.origin import Digest, Origin

State = Literal["holds", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `subject` in a word, how it stands, and what was found; `more` are details."""

    subject: str
    state: State
    found: str
    more: tuple[str, ...] = ()


def told(origin: Origin) -> Check:
    """The origin itself, in words."""
    job = f", job {origin.job}" if origin.job else ""
    return Check(
        "origin", "holds", f"{origin.report}, data as of {origin.as_of.isoformat()}, by reportd {origin.version}{job}"
    )


def data(path: Path, format: str, origin: Origin | None) -> Check | None:
    """The file's rows against the digests that it, or its job, tells; None where the format does not hold them all."""
    if origin is None:
        return None
    match format:
        case "json":
            try:
                blocks = unspool.of_json(path)
            except (ValueError, KeyError, IndexError) as error:
                return Check("data", "differs", f"the file has been changed: it is not as reportd writes it ({error})")
            return _compared(origin, {name: Digest(each.rows, each.sha256) for name, each in blocks.items()})
        case "csv":
            return _one_of(origin, unspool.of_csv(path), path.stem)
        case _:
            return None


async def recorded(
    connection: Connection, path: Path, origin: Origin | None, *, job: int | None
) -> tuple[Check, Origin | None]:
    """The file's bytes against `reportd.artifacts`; with the origin that its job tells, where the file tells none.

    `job` is the one that made it, where the file does not say. Errors: UnknownJob for that one.
    """
    digest, size = _digest(path)
    rows = await artifacts.alike(connection, sha256=digest)
    if rows:
        row = rows[0]
        said = f"every byte is that of {row.name}, made by job {row.job_id} on {row.created_at:%Y-%m-%d %H:%M:%S} UTC"
        return Check("file", "holds", said), origin or await _origin_of(connection, row.job_id)
    id = job or (origin.job if origin else None)
    if not id:
        return Check("file", "unknown", "no job in this database has made a file with these bytes"), origin
    origin = origin or await _origin_of(connection, id)
    made = [row for row in await artifacts.of_job(connection, id) if _fits(row, path)]
    if not made:
        return Check("file", "unknown", f"job {id} has no such file in this database (any more)"), origin
    was = next((row for row in made if path.name.endswith(row.name)), made[0])
    said = f"job {id} made {was.name} with other bytes: {was.bytes:,} then, {size:,} now"
    more = (f"sha256 then {was.sha256}", f"       now  {digest}")
    return Check("file", "differs", said, more), origin


async def key(connection: Connection, origin: Origin) -> tuple[str, ...] | None:
    """Whose rows the file has, as one of a split burst: what its job says, if it is this database's."""
    try:
        job = await jobs.get(connection, origin.job or 0)
    except UnknownJob:
        return None
    if (job["result"] or {}).get("data_sha256") != origin.data_sha256:
        return None
    match (job["metadata"] or {}).get("reportd"):
        case {"key": [*values]}:
            return tuple(values)
        case _:
            return None


def _fits(row: ArtifactRow, path: Path) -> bool:
    return Path(row.name).suffixes == path.suffixes or Path(row.name).suffix == path.suffix


async def _origin_of(connection: Connection, id: int) -> Origin | None:
    """What the job `id` says of the origin of its files; None where it keeps no such thing. Errors: UnknownJob."""
    job = await jobs.get(connection, id)
    result: Mapping[str, Any] = job["result"] or {}
    if "data_sha256" not in result:
        return None
    digests = result.get("sha256", {})
    return Origin.from_json(
        {
            "report": job["kind"],
            "title": job["name"],
            "as_of": result["as_of"],
            "timezone": "",
            "locale": None,
            "params": job["params_resolved"] or {},
            "job": id,
            "version": None,
            "report_sha256": result.get("report_sha256", ""),
            "sql_sha256": "",
            "data_sha256": result["data_sha256"],
            "blocks": {
                name: {"rows": rows, "sha256": digests[name]}
                for name, rows in result["rows"].items()
                if name in digests
            },
        }
    )


def _compared(origin: Origin, blocks: Mapping[str, Digest]) -> Check:
    """Each block's digest against what is told of it."""
    wrong: list[str] = []
    for name in dict.fromkeys((*origin.blocks, *blocks)):
        then, now = origin.blocks.get(name), blocks.get(name)
        if then is None or now is None:
            wrong.append(f'block "{name}" {"was not there" if then is None else "is missing"}')
        elif then.rows != now.rows:
            wrong.append(f'block "{name}" had {then.rows:,} rows, and has {now.rows:,}')
        elif then.sha256 != now.sha256:
            wrong.append(f'block "{name}": a cell is not what the database said')
    if wrong:
        return Check("data", "differs", "the file has been changed", tuple(wrong))
    rows = sum(each.rows for each in blocks.values())
    return Check("data", "holds", f"{rows:,} rows in {len(blocks)} blocks have the digests that were noted")


def _one_of(origin: Origin, sha256: str, stem: str) -> Check:
    """The digest of a file that holds one block, which its name tells where there are several."""
    for name, digest in origin.blocks.items():
        if digest.sha256 == sha256:
            return Check("data", "holds", f'{digest.rows:,} rows of block "{name}" have the digest that was noted')
    if not origin.blocks:
        return Check("data", "unknown", "nobody has noted the digests of its rows")
    return Check(
        "data", "unknown", f"no block's rows were noted with the digest of {stem}: computed columns, or a change"
    )


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
