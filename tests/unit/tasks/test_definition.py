"""What can be a task or a service, and what its author is told of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from reportd import Backoff, SyncTaskContext, TaskContext, service, task
from reportd.tasks.loading import BrokenModule, BrokenTask, LoadedTask, load


class Params(BaseModel):
    n: int = 1


class Client:
    pass


@service
async def client() -> AsyncIterator[Client]:
    yield Client()


def test_arguments_are_known_by_their_annotations() -> None:
    @task(name="it", queue="q", priority=3, backoff=5, never_retry=[KeyError])
    async def something(client: Client, ctx: TaskContext, params: Params, other: int = 3) -> int:
        """Do something.

        And more.
        """
        return params.n + other

    assert (something.name, something.title) == ("it", "Do something")
    assert (something.params, something.params_argument, something.context_argument) == (Params, "params", "ctx")
    assert something.wants == {"client": Client, "other": int}
    assert something.optional == {"other"}
    assert something.backoff == Backoff(delay_s=5.0)


async def test_a_task_is_called_like_any_function() -> None:
    @task
    async def double_it(params: Params) -> int:
        return 2 * params.n

    assert double_it.name == "double-it"
    assert double_it.title == "Double it"
    assert await double_it(Params(n=2)) == 4


def yields() -> Iterator[int]:
    yield 1


def takes_any(*args: int) -> None: ...


async def wrong_context(ctx: SyncTaskContext) -> None: ...


async def fine() -> None: ...


def plain_function() -> None: ...


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        (yields, {}, "yields"),
        (takes_any, {}, r"\*args"),
        (wrong_context, {}, "must be a TaskContext"),
        (fine, {"name": "Fine!"}, "can't name a kind"),
        (fine, {"name": "deliver"}, "can't name a kind"),
        (fine, {"queue": "No"}, "no queue's name"),
        (fine, {"priority": 10}, "between -9 and 9"),
        (fine, {"timeout_s": 0}, "above 0"),
        (fine, {"max_attempts": 0}, "1 to 1000"),
        (fine, {"isolation": "thread"}, "isolation must be"),
        (fine, {"memory_mb": 100}, "need isolation"),
        (fine, {"isolation": "process", "memory_mb": 1}, "64 or more"),
        (fine, {"isolation": "process", "brief": True}, "brief task is async"),
        (plain_function, {"brief": True}, "brief task is async"),
    ],
)
def test_what_can_not_be_a_task_is_refused_at_its_line(
    function: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        task(**options)(function)


def test_what_can_not_be_a_service_is_refused_at_its_line() -> None:
    with pytest.raises(TypeError, match="yields the service once"):
        service(fine)  # type: ignore[arg-type]


HEAD = """
from collections.abc import AsyncIterator
from reportd import service, task

class Client: ...

@service
async def first() -> AsyncIterator[Client]:
    yield Client()
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a module of tasks that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(HEAD + text)
        return name

    return write


def test_services_fill_arguments_by_name_or_type(module: Callable[[str, str], str]) -> None:
    text = "@task\nasync def one(first, other: Client, optional: int = 1): ...\n"
    (loaded,) = load([module("filled_jobs", text)])
    assert isinstance(loaded, LoadedTask)
    assert {argument: each.name for argument, each in loaded.services.items()} == {"first": "first", "other": "first"}


def test_what_is_broken_is_named_and_the_rest_is_loaded(module: Callable[[str, str], str]) -> None:
    found = load(
        [
            module("half_jobs", "@task\nasync def lacking(nobody: int): ...\n@task\nasync def good(): ...\n"),
            module("raising_jobs", "raise SystemExit('no')\n"),
            module("twice_jobs", "@task(name='good')\nasync def other(): ...\n"),
            "missing_jobs",
        ]
    )
    tasks = {each.name: each for each in found if not isinstance(each, BrokenModule)}
    modules = {each.module: each.error.message for each in found if isinstance(each, BrokenModule)}
    assert isinstance(tasks["lacking"], BrokenTask)
    assert "argument nobody can't be filled" in tasks["lacking"].error.message
    assert isinstance(tasks["good"], BrokenTask)
    assert "half_jobs, twice_jobs" in tasks["good"].error.message
    assert "SystemExit: no (raising_jobs.py, line 10)" in modules["raising_jobs"]
    assert "put its folder on PYTHONPATH" in modules["missing_jobs"]
