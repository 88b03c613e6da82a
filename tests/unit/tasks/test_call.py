"""One attempt of a task: whatever its function does ends as a result, one error, or a cancellation in time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from reportd import Job, SyncTaskContext, TaskContext, service, task
from reportd.errors import ParamsError, ReportdError, ServiceError, TaskError, TaskFatal, TaskMemory, TaskResultError
from reportd.job import error_row
from reportd.tasks import call
from reportd.tasks.failure import described, rebuilt
from reportd.tasks.services import Services

NOW = datetime(2026, 11, 2, tzinfo=UTC)


class Link:
    """Keeps what a context says."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str | None]] = []
        self.kept: dict[str, Any] = {}

    def progress(self, percent: float, message: str | None) -> None:
        self.said.append((percent, message))

    async def save(self, step: str, value: Any) -> None:
        self.kept[step] = value

    async def load(self, step: str, default: Any) -> Any:
        return self.kept.get(step, default)


def context(link: Link | None = None) -> TaskContext:
    job = Job(
        id=7, kind="it", queue="default", priority=0, run_at=NOW, created_at=NOW, attempt=1, failures=0, crashes=0,
        max_attempts=4, timeout_s=60, params={},
    )  # fmt: skip
    return TaskContext(job, link=link or Link())


class Wrong(BaseException):
    def __str__(self) -> str:
        raise RuntimeError("not even this works")


def leave() -> None:
    sys.exit(3)


def interrupt() -> None:
    raise KeyboardInterrupt


def shout() -> None:
    raise ValueError("no " * 5_000_000)


def garble() -> None:
    raise ValueError("half a pair \ud800, and \0")


def fail_badly() -> None:
    raise Wrong


def cancel_itself() -> None:
    raise asyncio.CancelledError


def exhaust() -> None:
    raise MemoryError


def look_up() -> None:
    dict[str, int]()["key"]


def group() -> None:
    raise BaseExceptionGroup("several", [SystemExit(1), ValueError("x")])


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (leave, TaskError, "SystemExit: 3"),
        (interrupt, TaskError, "KeyboardInterrupt"),
        (shout, TaskError, "15,000,000 characters"),
        (garble, TaskError, "half a pair ?, and �"),
        (fail_badly, TaskError, "Wrong"),
        (cancel_itself, TaskError, "CancelledError"),
        (exhaust, TaskMemory, "out of memory"),
        (look_up, TaskFatal, "KeyError: 'key'"),
        (group, TaskError, "several"),
    ],
)
async def test_whatever_is_raised_is_one_error(
    fault: Callable[[], None], kind: type[ReportdError], said: str, threaded: bool
) -> None:
    async def loop() -> None:
        fault()

    failing: Any = task(name="it", never_retry=[LookupError])(fault if threaded else loop)
    with pytest.raises(kind) as raised:
        await call.perform(failing, None, context(), {})
    assert type(raised.value) is kind
    assert said in raised.value.message
    row = error_row(raised.value, attempt=1)
    assert len(str(row)) < 20_000
    again = rebuilt(described(raised.value))
    assert (type(again), again.code, again.retryable) == (kind, kind.code, kind.retryable)


async def test_an_error_names_the_line_that_raised_it() -> None:
    @task
    async def it() -> None:
        look_up()

    with pytest.raises(TaskError, match=r"\(test_call.py, line \d+\)") as raised:
        await call.perform(it, None, context(), {})
    assert "in look_up" in raised.value.detail["traceback"]


async def test_a_result_that_json_can_not_hold_is_an_error_without_retry() -> None:
    @task
    async def it() -> object:
        return {"a": object()}

    with pytest.raises(TaskResultError, match="JSON can't hold"):
        await call.perform(it, None, context(), {})


async def test_a_plain_function_runs_beside_the_loop_and_speaks_through_its_context() -> None:
    @task
    def it(ctx: SyncTaskContext) -> int:
        ctx.checkpoint("n", 1)
        ctx.progress(50, "half")
        return int(ctx.restored("n", 0)) + 1

    link = Link()
    assert await call.perform(it, None, context(link), {}) == 2
    assert (link.kept, link.said) == ({"n": 1}, [(50, "half")])


async def test_a_cancelled_plain_function_ends_at_its_next_word() -> None:
    ended: list[bool] = []

    @task
    def it(ctx: SyncTaskContext) -> None:
        try:
            while True:
                ctx.progress(1)
                time.sleep(0.01)
        finally:
            ended.append(ctx.cancelled)

    await cancelled(call.perform(it, None, context(), {}))
    assert ended == [True]


# The coroutine that ignores even its close complains when it is collected, as it should.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("swallowed", [asyncio.CancelledError, BaseException])
async def test_a_function_that_swallows_its_cancellation_is_left_behind(
    swallowed: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "STOP_S", 0.1)

    @task
    async def it() -> None:
        while True:
            with suppress(swallowed):
                await asyncio.sleep(60)

    before = asyncio.all_tasks()
    await cancelled(call.perform(it, None, context(), {}))
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before, "nothing of it is left in the loop"


async def cancelled(attempt: Any) -> None:
    """Cancel `attempt` while it runs; it must end as cancelled, soon."""
    running = asyncio.create_task(attempt)
    await asyncio.sleep(0.05)
    running.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await running


class Params(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def check(cls, n: int) -> int:
        if n == 13:
            raise RuntimeError("the validator is broken")
        return n


def test_params_that_do_not_fit_name_each_field() -> None:
    @task
    async def it(params: Params) -> None: ...

    with pytest.raises(ParamsError, match=r"params.n: Input should be a valid integer"):
        call.parameters(it, {"n": "x"})
    with pytest.raises(ParamsError, match="the validator is broken"):
        call.parameters(it, {"n": 13})


async def test_a_service_is_opened_once_closed_once_and_tried_again_when_it_failed() -> None:
    said: list[str] = []

    @service
    async def flaky() -> AsyncIterator[int]:
        said.append("opening")
        if len(said) == 1:
            raise ConnectionError("not yet")
        yield 5
        said.append("closed")

    services = Services()
    with pytest.raises(ServiceError, match="service flaky: ConnectionError: not yet"):
        await services.get({"a": flaky})
    both = await asyncio.gather(services.get({"a": flaky}), services.get({"b": flaky}))
    assert list(both) == [{"a": 5}, {"b": 5}]
    await services.close()
    assert said == ["opening", "opening", "closed"]
