"""Secret params stay out of what others read: errors, whoever found the words for them, and the rows of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from reportd.errors import ReportdError
from reportd.report.definition import Param
from reportd.report.params import MASK


@contextmanager
def discreet(params: Sequence[Param], given: Mapping[str, Any]) -> Iterator[None]:
    """A ReportdError that passes through repeats no value of a secret one of `params`; `given` are values as JSON.

    What the server, or a report's own code, has made of a secret beforehand can't be recognised.
    """
    texts = sorted(set(_texts(params, given)), key=len, reverse=True)
    try:
        yield
    except ReportdError as error:
        if texts:
            error.message = _without(error.message, texts)
            error.detail = _without(error.detail, texts)
            error.args = (error.message,)
        raise


def hidden(given: Mapping[str, Any] | None, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Params as JSON, without the values that `schema`, the kind's, marks as secret."""
    properties = schema.get("properties", {})
    if given is None:
        return None
    return {
        name: MASK if value is not None and properties.get(name, {}).get("writeOnly") else value
        for name, value in given.items()
    }


def _texts(params: Sequence[Param], given: Mapping[str, Any]) -> Iterator[str]:
    for param in params:
        value = given.get(param.name) if param.secret else None
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None and not isinstance(item, bool) and str(item):
                yield str(item)


def _without(said: Any, texts: Sequence[str]) -> Any:
    match said:
        case str():
            for text in texts:
                said = said.replace(text, MASK)
            return said
        case Mapping():
            return {key: _without(value, texts) for key, value in said.items()}
        case list() | tuple():
            return [_without(value, texts) for value in said]
        case _:
            return said
