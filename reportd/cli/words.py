"""`--param name=value`: words on a command line become the JSON that a kind's schema asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click


def params(words: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that `words` (`name=value`) give, typed by `schema`, a kind's `params_schema`.

    What the schema does not know stays text: the database refuses it in its own words. Raises click.BadParameter.
    """
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{word!r} is not NAME=VALUE, such as period='last month'", param_hint="--param")
        if name in given:
            raise click.BadParameter(f"{name} stands twice", param_hint="--param")
        given[name] = _value(text, schema.get("properties", {}).get(name, {}))
    return given


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    types = schema.get("type", "string")
    types = {types} if isinstance(types, str) else set(types)
    if "array" in types:
        if text.startswith("["):
            return _json(text)
        return [_value(part.strip(), schema.get("items", {})) for part in text.split(",")] if text else []
    if "string" in types:
        return text
    return _json(text.lower() if "boolean" in types else text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # of the wrong type: the database says so in its own words
