"""What a render child may say, and what is no message of one: it runs an author's code, so nothing is believed."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from reportd.job import Step
from reportd.render.pool import ChildLimits
from reportd.render.running import Asked, Closed, Running
from reportd.render.task import RenderTask
from reportd.report.definition import ReportSource
from reportd.report.params import Value

QUERY: dict[str, Any] = {"sql": "select :n", "values": {"n": ["1", None]}, "file": "a.py", "line": 3, "column": 1}


def running() -> Running:
    return Running(RenderTask(ReportSource("a", {}, "a"), {}, "/spool", "/out", ("csv",)), ChildLimits())


async def test_questions_come_in_the_order_asked() -> None:
    task = running()
    task.hear({"step": "fetching-data"})
    task.hear({"query": {**QUERY, "values": {"n": ["{1}", "date[]"], "m": [None, None]}}})
    task.hear({"fetched": {"orders": "query.1"}})
    assert await task.next_event() == Step.FETCHING
    asked = await task.next_event()
    assert isinstance(asked, Asked)
    assert (asked.question.block.sql, asked.question.block.file, asked.question.block.line) == ("select :n", "a.py", 3)
    assert asked.question.values == {"n": Value("{1}", "date[]"), "m": Value(None, None)}
    assert await task.next_event() == Closed({"orders": "query.1"})


async def test_a_dead_childs_question_is_not_answered() -> None:
    task = running()
    task.hear({"query": QUERY})
    task.end({"signal": 9, "peak_bytes": 0})
    assert await task.next_event() is None


@pytest.mark.parametrize(
    "message",
    [
        {"query": {}},
        {"query": {**QUERY, "sql": 1}},
        {"query": {**QUERY, "line": "3"}},
        {"query": {**QUERY, "values": 7}},
        {"query": {**QUERY, "values": ["n"]}},
        {"query": {**QUERY, "values": {"n": None}}},
        {"query": {**QUERY, "values": {"n": ["1"]}}},
        {"query": {**QUERY, "values": {"n": [1, None]}}},
        {"query": {**QUERY, "values": {"n": ["1", 1]}}},
        {"query": {**QUERY, "values": {"n": ["1", "text) from secrets --"]}}},
        {"fetched": {"../x": "query.1"}},
        {"fetched": {"orders": 1}},
        {"fetched": {f"n{number}": "query.1" for number in range(1001)}},
        {"steps": "none"},
    ],
)
def test_what_no_child_of_ours_says_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        running().hear(message)


def test_a_child_that_asks_without_waiting_for_answers_is_refused() -> None:
    task = running()
    messages = iter([{"query": QUERY}] * 100)
    with pytest.raises(ValueError, match="no message"):
        deque(map(task.hear, messages), maxlen=0)
