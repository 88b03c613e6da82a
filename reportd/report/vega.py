"""A chart of the author's own: `revenue.vl.json`, a Vega-Lite specification over the rows of the block `revenue`.

Its rows come from the report's queries and from nowhere else. A specification without data of its own has those of
the block that the file is named for; `"data": {"name": "targets"}` are another block's, `values` stand in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reportd.errors import ReportError
from reportd.report.blocks import NAME
from reportd.report.definition import Specification
from reportd.report.fault import fault, nearest

SUFFIX = ".vl.json"
KINDS = ("bar", "line", "area", "pie", "table", "pivot", "data")
"""Blocks that a chart can be drawn of: each has its rows in the sheet, too."""

_VIEWS = ("layer", "concat", "hconcat", "vconcat")
_DRAWS = ("mark", *_VIEWS, "spec")
# Transforms whose new fields have names that only Vega-Lite knows.
_UNKNOWN_FIELDS = frozenset(("pivot", "fold", "density", "quantile", "regression", "loess", "lookup"))
# What a field's name may be without being a path into a value.
_PLAIN = re.compile(r"[^.\[\]\\'\"]+")
# A chart is drawn of the same rows to the same picture.
_FICKLE = re.compile(r"\b(random|now|sampleNormal|sampleUniform|sampleLogNormal)\s*\(")
_EXPRESSIONS = ("calculate", "filter", "expr", "labelExpr", "test", "signal")
_INLINE = frozenset(("values", "sequence", "sphere", "graticule"))
_DEPTH_MAX = 60


def belongs(file: str) -> bool:
    """Whether a file of this name, within its report's directory, is a chart."""
    return file.endswith(SUFFIX) and not file.startswith(".") and "/" not in file


def parse(path: str, text: str, *, file: str, block: str, kinds: Mapping[str, str] | None) -> Specification:
    """The chart of `block` in `text`, the file at `path`, later called `file` in messages; `kinds` has each block's,
    None where a report's code makes more.

    Errors: ReportError with the line and the nearest name.
    """
    spec = _json(path, text)
    read = Specification(path, block, text, spec, ())
    if "/vega/" in str(spec.get("$schema", "")):
        raise _fault(read, "is a specification for Vega; charts are written in Vega-Lite", '"$schema"')
    if not any(key in spec for key in _DRAWS):
        raise _fault(read, f"draws nothing: there is none of {', '.join(_DRAWS)}")
    if not re.fullmatch(NAME, block):
        raise _fault(read, "is named for a block: lower-case letters, digits, _ and -, at most 63; rename it")
    _check(read, spec)
    names = tuple(dict.fromkeys(_sources(spec, block)))
    if kinds is not None:
        _check_blocks(read, names, kinds)
    return Specification(file, block, text, spec, names)


def misfits(read: Specification, columns: Mapping[str, Sequence[str]]) -> Iterator[ReportError]:
    """Fields of encodings that are no columns of the block drawn; `columns` are by block, unknown ones left out."""
    made = {name for part in _within(read.spec) for name in _made(part)}
    if None in made:
        return
    for view, source in _views(read.spec, read.block):
        known = columns.get(source or "")
        if known is None:
            continue
        for field in _fields(view.get("encoding")):
            if _PLAIN.fullmatch(field) and field not in known and field not in made:
                near = nearest(field, known) or f" (it has {', '.join(known)})"
                message = f'field "{field}": the query of "{source}" has no such column{near}'
                yield _fault(read, message, '"field"', json.dumps(field, ensure_ascii=False))


def _check_blocks(read: Specification, names: Sequence[str], kinds: Mapping[str, str]) -> None:
    there = ", ".join(kinds)
    if read.block not in kinds:
        near = nearest(read.block, [block for block, kind in kinds.items() if kind in KINDS])
        raise _fault(read, f'is named for a block, and there is none called "{read.block}"{near} (there is: {there})')
    if kinds[read.block] not in KINDS:
        allowed = ", ".join(f"@{kind}" for kind in KINDS)
        raise _fault(read, f'"{read.block}" is a @{kinds[read.block]}, and a chart stands with one of {allowed}')
    for name in names:
        if name not in kinds:
            raise _fault(read, f'there is no block "{name}"{nearest(name, kinds)} (there is: {there})', f'"{name}"')


def _json(path: str, text: str) -> Mapping[str, Any]:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        spec = json.loads(text.removeprefix("\ufeff"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise fault(path, message, line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError) as error:
        raise fault(path, f"is not JSON that a chart can be made of: {error}") from None
    if not isinstance(spec, dict):
        raise fault(path, "is no JSON object: a specification begins with {", line=1)
    if _depth(spec) > _DEPTH_MAX:
        raise fault(path, f"nests more than {_DEPTH_MAX} deep")
    return spec


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        deepest = max(deepest, depth)
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += [(each, depth + 1) for each in inner]
    return deepest


def _check(read: Specification, spec: Mapping[str, Any]) -> None:
    """Errors: ReportError for what loads something, or makes another picture each time."""
    for part in _within(spec):
        if isinstance(part.get("data"), Mapping) and "url" in part["data"]:
            raise _fault(read, "a chart loads nothing: its data are the rows of blocks", '"url"')
        address = part.get("url")
        if isinstance(address, str) and not address.startswith("data:"):
            raise _fault(read, "a chart loads nothing: put the picture into the file, as data:", '"url"')
        if isinstance(part.get("sample"), int | float):
            raise _fault(read, "sample draws other rows each time; choose them in the query", '"sample"')
        for key in _EXPRESSIONS:
            written = part.get(key)
            if isinstance(written, str) and (found := _FICKLE.search(written)):
                message = f"{found[1]}() gives another value each time, and the same rows make the same chart"
                raise _fault(read, message, found[1])


def _within(spec: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in `spec`, but for rows that stand in it."""
    if isinstance(spec, Mapping):
        yield spec
        for key, value in spec.items():
            if key not in ("values", "datasets", "usermeta"):
                yield from _within(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _within(value)


def _sources(spec: Mapping[str, Any], block: str) -> Iterator[str]:
    """The names of data that have to come from blocks."""
    own = spec.get("datasets")
    inline = set(own) if isinstance(own, Mapping) else set()
    if "data" not in spec:
        yield block
    for part in _within(spec):
        match part.get("data"):
            case {"name": str(name), **rest} if name not in inline and not _INLINE & set(rest):
                yield name


def _views(spec: Mapping[str, Any], source: str | None) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """Every view of `spec`, each with the block that it draws; None where its data stand in the file."""
    if "data" in spec:
        data = spec["data"]
        named = isinstance(data, Mapping) and not _INLINE & set(data)
        source = str(data.get("name")) if named else None
    yield spec, source
    for key in _VIEWS:
        for view in spec.get(key, ()) if isinstance(spec.get(key), list) else ():
            if isinstance(view, Mapping):
                yield from _views(view, source)
    if isinstance(spec.get("spec"), Mapping):
        yield from _views(spec["spec"], source)


def _made(part: Mapping[str, Any]) -> Iterator[str | None]:
    """The names of fields that `part`, if it is a transform, makes; None where nobody here knows them."""
    given = part.get("as")
    names = given if isinstance(given, list) else [given]
    yield from (name for name in names if isinstance(name, str))
    for transform in part.get("transform", ()) if isinstance(part.get("transform"), list) else ():
        if isinstance(transform, Mapping) and (_UNKNOWN_FIELDS & set(transform)) and "as" not in transform:
            yield None


def _fields(encoding: Any) -> Iterator[str]:
    """The fields that the channels of `encoding` name."""
    channels: Iterable[Any] = encoding.values() if isinstance(encoding, Mapping) else ()
    for channel in channels:
        for each in channel if isinstance(channel, list) else (channel,):
            match each:
                case {"field": str(field)}:
                    yield field


def _fault(read: Specification, message: str, *written: str) -> ReportError:
    """The error `message`, at the first place where all of `written` follow one another, if there is one."""
    line, column = _place(read.text, written)
    return fault(read.file, message, line=line, column=column)


def _place(text: str, written: Sequence[str]) -> tuple[int | None, int | None]:
    """Line and column of what is `written`, with nothing but a colon and white space between; (None, None) for none."""
    if not written:
        return None, None
    pattern = r"\s*:\s*".join(map(re.escape, written))
    found = re.search(pattern, text)
    if found is None:
        return None, None
    start = found.end() - len(written[-1])
    return text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1
