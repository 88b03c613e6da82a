"""What a task returns or keeps, as JSON that a jsonb column can hold."""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

BYTES_MAX = 1024 * 1024
DEPTH_MAX = 64


def plain(value: Any, *, what: str) -> Any:
    """`value` as JSON types; models, dataclasses, dates, decimals and sets are turned into them.

    `what` begins the message. Raises TypeError for what JSON, or Postgres' jsonb, can't hold.
    """
    if value is None:
        return None
    try:
        made = to_jsonable_python(value, inf_nan_mode="constants")
        wrong = _wrong(made, what, 0)
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise TypeError(f"{what} is {_a(value)}, which JSON can't hold: {error}") from error
    if wrong:
        raise TypeError(wrong)
    if (size := len(to_json(made))) > BYTES_MAX:
        raise TypeError(f"{what} has {size:,} bytes of JSON; at most {BYTES_MAX:,} are kept")
    return made


def _wrong(value: Any, path: str, depth: int) -> str | None:
    """What jsonb would refuse in `value`, or None."""
    if depth > DEPTH_MAX:
        return f"{path[:200]} is nested deeper than {DEPTH_MAX} levels"
    match value:
        case float() if not math.isfinite(value):
            return f"{path} is {value}, which JSON can't hold"
        case str():
            return _wrong_text(value, path)
        case dict():
            for key, each in value.items():
                if wrong := _wrong_text(key, f"a key of {path}") or _wrong(each, f"{path}.{key[:60]}", depth + 1):
                    return wrong
        case list():
            for place, each in enumerate(value):
                if wrong := _wrong(each, f"{path}[{place}]", depth + 1):
                    return wrong
    return None


def _wrong_text(text: str, path: str) -> str | None:
    if "\0" in text:
        return f"{path} has a NUL character, which Postgres can't hold"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return f"{path} is not valid Unicode: it has half of a surrogate pair"
    return None


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
