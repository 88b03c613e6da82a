"""`--param name=value` as JSON."""

from __future__ import annotations

import click
import pytest

from reportd.cli import words

SCHEMA = {
    "properties": {
        "period": {"type": ["string", "null"]},
        "top": {"type": ["integer", "null"]},
        "share": {"type": "number"},
        "open": {"type": ["boolean", "null"]},
        "regions": {"type": ["array", "null"], "items": {"type": "string"}},
        "years": {"type": "array", "items": {"type": "integer"}},
    }
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("period=last quarter", "last quarter"),
        ("period=2026", "2026"),
        ("period=", ""),
        ("period=a=b", "a=b"),
        ("top=12", 12),
        ("top=twelve", "twelve"),
        ("share=0.25", 0.25),
        ("open=true", True),
        ("open=False", False),
        ("regions=north,south", ["north", "south"]),
        ("regions=", []),
        ('regions=["a,b"]', ["a,b"]),
        ("years=2025, 2026", [2025, 2026]),
        ("unheard_of=7", "7"),
    ],
)
def test_a_word_becomes_what_the_schema_asks_for(word: str, value: object) -> None:
    name = word.partition("=")[0]
    assert words.params([word], SCHEMA) == {name: value}


@pytest.mark.parametrize("word", ["period", "=x", ""])
def test_a_word_without_a_name_or_a_value_is_wrong_usage(word: str) -> None:
    with pytest.raises(click.BadParameter, match="NAME=VALUE"):
        words.params([word], SCHEMA)


def test_a_parameter_given_twice_is_wrong_usage() -> None:
    with pytest.raises(click.BadParameter, match="top stands twice"):
        words.params(["top=1", "top=2"], SCHEMA)
