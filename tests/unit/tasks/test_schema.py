"""The trigger's schema of a task's params never refuses what pydantic takes, and refuses early what it can."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr

from reportd.tasks.schema import NOTHING, schema_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    sku: str
    count: int = Field(gt=0)


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


def of(annotation: Any) -> dict[str, Any]:
    """The schema of one required member `x`."""
    schema = schema_of(type("Params", (BaseModel,), {"__annotations__": {"x": annotation}}))
    assert schema["type"] == "object"
    assert schema["required"] == ["x"]
    assert schema["additionalProperties"] is False
    found: dict[str, Any] = schema["properties"]["x"]
    return found


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (int | None, {"type": ["integer", "null"]}),
        (Colour, {"type": "string", "enum": ["red", "blue"]}),
        (Colour | None, {"type": ["string", "null"], "enum": ["red", "blue", None]}),
        (Literal["a"] | None, {"type": ["string", "null"], "enum": ["a", None]}),
        (Literal["a"] | int, {"type": ["string", "integer"]}),
        (Annotated[int, Field(gt=0, lt=10)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[float, Field(gt=0, le=1)], {"type": "number", "minimum": 0, "maximum": 1}),
        (Annotated[int, Field(ge=3)] | None, {"type": ["integer", "null"], "minimum": 3}),
        (Annotated[int, Field(ge=3)] | Annotated[float, Field(ge=1)], {"type": ["integer", "number"], "minimum": 1}),
        (Annotated[int, Field(ge=3)] | float, {"type": ["integer", "number"]}),
        (date, {"type": "string", "format": "date"}),
        (SecretStr, {"type": "string", "format": "password", "writeOnly": True}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (list[int] | None, {"type": ["array", "null"], "items": {"type": "integer"}}),
        (tuple[int, str], {"type": "array"}),
        (Any, {}),
        (Cat | Dog, {"type": "object"}),
        (Annotated[Cat | Dog, Field(discriminator="kind")], {"type": "object"}),
        (
            list[Item],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
                    "required": ["sku", "count"],
                    "additionalProperties": False,
                },
            },
        ),
    ],
)
def test_an_annotation_in_the_words_of_the_trigger(annotation: Any, schema: dict[str, Any]) -> None:
    assert of(annotation) == schema


def test_a_decimal_may_be_a_number_or_a_text() -> None:
    assert set(of(Decimal)["type"]) == {"number", "string"}


def test_a_model_that_holds_itself_is_checked_down_to_the_circle() -> None:
    schema = schema_of(Tree)
    assert schema["properties"]["children"]["items"] == {}


def test_a_model_says_itself_whether_others_may_be_named() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="ignore")
        x: int = 1

    assert "additionalProperties" not in schema_of(Open)


def test_names_that_the_schema_does_not_tell_are_not_refused() -> None:
    class Renamed(BaseModel):
        x: int = Field(validation_alias=AliasChoices("x", "y"))

    schema = schema_of(Renamed)
    assert "required" not in schema
    assert "additionalProperties" not in schema


def test_a_task_without_parameters_takes_none() -> None:
    assert schema_of(None) == NOTHING
