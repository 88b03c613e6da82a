"""The JSON Schema of a task's parameters, cut down to what the INSERT trigger checks.

The trigger knows type, required, enum, minimum, maximum, items, properties and additionalProperties, and no references.
Whatever can't be said in these words is left open here, never refused: pydantic checks the whole when the job runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

Schema = dict[str, Any]

_TOLD = ("description", "default", "format", "pattern", "examples", "writeOnly")
"""Kept for whoever reads the schema; the trigger takes `writeOnly` as a word to hide the value."""

NOTHING: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def schema_of(model: type[BaseModel] | None) -> Schema:
    """What the trigger shall check of params for `model`; None is a task without parameters.

    Members that the model does not name are refused, unless it says `extra="allow"` or `"ignore"`.
    """
    if model is None:
        return dict(NOTHING)
    try:
        full = model.model_json_schema(mode="validation")
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {"type": "object"}
    reduced = _reduced(full, full.get("$defs", {}), (), closed=not _is_open(model))
    if _has_other_names(model):
        # One name of several is in the schema: none can be demanded, and no other can be refused.
        reduced.pop("required", None)
        reduced.pop("additionalProperties", None)
    return reduced


def _is_open(model: type[BaseModel]) -> bool:
    return model.model_config.get("extra") in ("allow", "ignore")


def _has_other_names(model: type[BaseModel]) -> bool:
    config = model.model_config
    if config.get("populate_by_name") or config.get("validate_by_name"):
        return True
    return any(isinstance(each.validation_alias, AliasChoices | AliasPath) for each in model.model_fields.values())


def _reduced(schema: Any, defs: Mapping[str, Any], above: tuple[str, ...], *, closed: bool) -> Schema:
    """`schema` in the trigger's words. `above` are the references that lead here; a circle is left open."""
    if not isinstance(schema, dict):
        return {}
    if isinstance(reference := schema.get("$ref"), str):
        name = reference.rpartition("/")[2]
        if name in above or name not in defs:
            return {}
        told = {key: schema[key] for key in _TOLD if key in schema}
        return _reduced(defs[name], defs, (*above, name), closed=closed) | told
    told = {key: schema[key] for key in _TOLD if key in schema}
    variants = schema.get("anyOf") or schema.get("oneOf")
    if variants:
        return _union([_reduced(each, defs, above, closed=closed) for each in variants]) | told
    if isinstance(every := schema.get("allOf"), list):
        return (_reduced(every[0], defs, above, closed=closed) if len(every) == 1 else {}) | told
    made: Schema = {}
    if "type" in schema:
        made["type"] = schema["type"]
    if "const" in schema:
        made["enum"] = [schema["const"]]
    elif "enum" in schema:
        made["enum"] = list(schema["enum"])
    made |= _bounds(schema)
    if "items" in schema and "prefixItems" not in schema:
        made["items"] = _reduced(schema["items"], defs, above, closed=closed)
    if schema.get("type") == "object":
        made |= _members(schema, defs, above, closed=closed)
    return made | told


def _members(schema: Schema, defs: Mapping[str, Any], above: tuple[str, ...], *, closed: bool) -> Schema:
    made: Schema = {}
    if "properties" in schema:
        made["properties"] = {
            name: _reduced(each, defs, above, closed=closed) for name, each in schema["properties"].items()
        }
    if schema.get("required"):
        made["required"] = list(schema["required"])
    others = schema.get("additionalProperties")
    if isinstance(others, dict) and "patternProperties" not in schema:
        made["additionalProperties"] = _reduced(others, defs, above, closed=closed)
    elif others is False or (others is None and closed and "patternProperties" not in schema):
        made["additionalProperties"] = False
    return made


def _bounds(schema: Schema) -> Schema:
    """`minimum` and `maximum`, whole numbers' exclusive ones included; other exclusive ones let their bound through."""
    whole = schema.get("type") == "integer"
    made: Schema = {}
    for bound, exclusive, step in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        if isinstance(value := schema.get(bound), int | float):
            made[bound] = value
        elif isinstance(value := schema.get(exclusive), int | float):
            made[bound] = value + step if whole and value == int(value) else value
    return made


def _union(variants: Sequence[Schema]) -> Schema:
    """A schema that takes whatever one of `variants` takes, and maybe more."""
    made: Schema = {}
    types = [_types(each) for each in variants]
    if all(types):
        merged = list(dict.fromkeys(word for each in types for word in each))
        made["type"] = merged[0] if len(merged) == 1 else merged
    if all("enum" in each or each == {"type": "null"} for each in variants):
        made["enum"] = _unique(value for each in variants for value in each.get("enum", [None]))
    numbers = [
        each for each, words in zip(variants, types, strict=True) if not words or {"integer", "number"} & set(words)
    ]
    for bound, loosest in (("minimum", min), ("maximum", max)):
        if numbers and all(bound in each for each in numbers):
            made[bound] = loosest(each[bound] for each in numbers)
    for word, keys in (("array", ("items",)), ("object", ("properties", "required", "additionalProperties"))):
        able = [each for each, words in zip(variants, types, strict=True) if not words or word in words]
        if len(able) == 1:
            made |= {key: able[0][key] for key in keys if key in able[0]}
    if any(each.get("writeOnly") for each in variants):
        made["writeOnly"] = True
    return made


def _types(schema: Schema) -> list[str]:
    words = schema.get("type", [])
    return [words] if isinstance(words, str) else list(words)


def _unique(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        # True == 1 in Python, not in JSON.
        if not any(value == other and type(value) is type(other) for other in found):
            found.append(value)
    return found
