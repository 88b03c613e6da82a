"""Makes a file again, as of its own time and for the same parameters, and says what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reportd import fetch, pipeline, spool
from reportd.job import Artifact, Job
from reportd.kinds import split
from reportd.kinds.pieces import Key
from reportd.press import Press
from reportd.progress import Progress
from reportd.proving import apart
from reportd.proving.checks import Check
from reportd.proving.origin import Digest, Origin, origin_of
from reportd.report.definition import Report
from reportd.report.params import Params, resolve
from reportd.spool import Dataset

_JSON = "json"


@dataclass(frozen=True, slots=True)
class _Again:
    """What was made: the files of the format, and the digests of all rows, as fetched and as shown."""

    files: Mapping[str, Path]
    data_sha256: str
    blocks: Mapping[str, tuple[Digest, ...]]


async def rerun(
    press: Press,
    report: Report,
    path: Path,
    format: str,
    origin: Origin,
    *,
    given: Mapping[str, Any],
    key: Key | None = None,
) -> list[Check]:
    """Make the file at `path` again by `report`; how report, data and bytes compare.

    `given` are parameters that the file does not tell, because they are secret; `key` says whose rows a document of a
    split burst has, where that is known. Errors: those of a job's stages.
    """
    params = _params(press, report, origin, given)
    job = _job(report, origin, params, format)
    try:
        zoned = replace(report, timezone=origin.timezone or report.timezone)
        again = await _made(press, zoned, origin, job, params, key=key)
        checks = [_version(origin), _report(report, origin), _data(origin, again)]
        return [*(check for check in checks if check is not None), _bytes(path, format, again)]
    finally:
        await asyncio.to_thread(pipeline.clear, job, press.parts)


def _params(press: Press, report: Report, origin: Origin, given: Mapping[str, Any]) -> Params:
    timezone = origin.timezone or report.timezone or press.config.reports.timezone
    return resolve(report.params, {**origin.params, **given}, now=origin.as_of, timezone=timezone)


def _job(report: Report, origin: Origin, params: Params, format: str) -> Job:
    return Job(
        id=origin.job or 0,
        kind=report.name,
        queue="default",
        priority=0,
        run_at=origin.as_of,
        created_at=origin.as_of,
        attempt=1,
        failures=0,
        crashes=0,
        max_attempts=1,
        timeout_s=report.timeout_s or 300.0,
        name=origin.title if origin.title != report.title else None,
        params=params.as_json(),
        params_resolved=params.as_json(),
        formats=tuple(dict.fromkeys((format, _JSON))),
        metadata={"reportd": {"locale": origin.locale}} if origin.locale else {},
    )


async def _made(press: Press, report: Report, origin: Origin, job: Job, params: Params, *, key: Key | None) -> _Again:
    parts = press.parts
    fetched = own = None
    if report.burst is not None and report.burst.split:
        fetched = await split.again(job, report, parts, key=key, data_sha256=origin.data_sha256)
        own = await asyncio.to_thread(_dated, fetched, origin)
    elif report.code is None or not report.code.fetch:
        timezone = report.timezone or press.config.reports.timezone
        directory = parts.spool / str(job.id)
        fetched = await fetch.fetch(
            parts.source, report, params, directory=directory, timezone=timezone, limits=parts.limits
        )
        await asyncio.to_thread(_dated, fetched, origin)
    completed = await pipeline.produce(job, replace(report, deliver=None), parts, Progress(), dataset=own)
    shown = origin_of(_place(next(each for each in completed.artifacts if each.format == _JSON)), _JSON)
    assert shown is not None
    blocks = {name: (digest,) for name, digest in shown.blocks.items()}
    for name, block in (fetched.blocks if fetched else {}).items():
        blocks[name] = (*blocks.get(name, ()), Digest(block.rows, block.sha256))
    files = {each.name: _place(each) for each in completed.artifacts if each.format == job.formats[0]}
    return _Again(files, shown.data_sha256, blocks)


def _dated(fetched: Dataset, origin: Origin) -> Dataset:
    """What the job finds: today's data, dated as the file is."""
    dated = replace(fetched, as_of=origin.as_of)
    (dated.directory / spool.MANIFEST).write_text(dated.manifest(), encoding="utf-8")
    return dated


def _version(origin: Origin) -> Check | None:
    ours = version("reportd")
    if origin.version in (None, ours):
        return None
    return Check(
        "version", "unknown", f"reportd {origin.version} made it, this is {ours}: bytes may differ, values not"
    )


def _report(report: Report, origin: Origin) -> Check:
    if origin.report_sha256 == report.source.sha256:
        return Check("report", "holds", f"{report.source.path} is the same version")
    what = {"": "its text differs", report.sql_sha256: "its queries are the same"}
    said = what.get(origin.sql_sha256, "its queries differ")
    return Check("report", "differs", f"{report.source.path} is another version of the report: {said}")


def _data(origin: Origin, again: _Again) -> Check:
    if origin.data_sha256 == again.data_sha256:
        return Check("data", "holds", "the database says the same today")
    return Check("data", "differs", "the database says something else today", tuple(_moved(origin, again)))


def _moved(origin: Origin, again: _Again) -> Iterator[str]:
    for name, then in origin.blocks.items():
        now = again.blocks.get(name)
        if now is None:
            yield f'block "{name}" is not there any more'
        elif then not in now:
            rows = f"{then.rows:,} rows, now {now[0].rows:,}" if then.rows != now[0].rows else "other values"
            yield f'block "{name}": {rows}'


def _bytes(path: Path, format: str, again: _Again) -> Check:
    content = path.read_bytes()
    for made in again.files.values():
        if made.read_bytes() == content:
            return Check("again", "holds", "made again, every byte is the same")
    names = sorted(again.files, key=lambda name: (not path.name.endswith(name), name))
    closest = again.files[names[0]]
    more = apart.differences(format, path, closest)
    said = "made again, it differs" if more else "made again, its bytes differ, and nothing that a reader sees"
    return Check("again", "differs", said, more)


def _place(artifact: Artifact) -> Path:
    return Path(unquote(urlsplit(artifact.uri).path))
