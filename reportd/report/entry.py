"""What people type, as the JSON that a parameter's schema asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def entered(text: str, schema: Mapping[str, Any]) -> Any:
    """The value that `text` stands for under `schema`, one property of a kind's `params_schema`.

    A list is JSON, or its items with commas between. What does not fit stays text: whoever takes it says so.
    """
    types = schema.get("type", "string")
    types = {types} if isinstance(types, str) else set(types)
    if "array" in types:
        if text.startswith("["):
            return _json(text)
        return [entered(part.strip(), schema.get("items", {})) for part in text.split(",")] if text else []
    if "string" in types:
        return text
    return _json(text.lower() if "boolean" in types else text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
