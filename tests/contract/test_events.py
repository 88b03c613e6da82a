"""Every event that the code logs is in `telemetry.EVENTS`, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import reportd
from reportd.telemetry import EVENTS

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged() -> Iterator[str]:
    """First arguments of `log.info(…)` and its like, and texts assigned to `event`, in every module."""
    for module in Path(reportd.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[first, *_]) if (
                    level in LEVELS
                ):
                    yield from texts(first)
                case ast.Assign(targets=[ast.Name(id="event")], value=value):
                    yield from texts(value)
                case ast.Assign(
                    targets=[ast.Tuple(elts=[ast.Name(id="event"), *_])], value=ast.Tuple(elts=[first, *_])
                ):
                    yield from texts(first)


def texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def test_the_list_of_events_is_what_the_code_logs() -> None:
    found = set(logged())
    assert found - set(EVENTS) == set(), "logged, but not in telemetry.EVENTS"
    assert set(EVENTS) - found == set(), "in telemetry.EVENTS, but logged nowhere"


def test_every_event_has_one_line_of_meaning() -> None:
    for name, meaning in EVENTS.items():
        assert meaning
        assert "\n" not in meaning, name
    assert list(EVENTS) == sorted(EVENTS)
