"""One attempt of a task: its function called with parameters, context and services, and stopped within a second.

The same in the daemon's loop and in a child's. Whatever the function raises, SystemExit and KeyboardInterrupt too, ends
here as one ReportdError.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from reportd.errors import ParamsError, ReportdError, TaskError, TaskResultError
from reportd.job import storable
from reportd.tasks.context import SyncTaskContext, TaskContext
from reportd.tasks.definition import Task
from reportd.tasks.failure import told
from reportd.tasks.values import plain

log = structlog.get_logger()

STOP_S = 1.0
"""How long a function may go on once its attempt must end; then it is left behind."""


def parameters(task: Task[..., Any], raw: Mapping[str, Any]) -> BaseModel | None:
    """`raw` as the task's model. Raises ParamsError naming each field."""
    if task.params is None:
        if raw:
            raise ParamsError(f"{task.name} takes no parameters; it was given {', '.join(sorted(raw))[:200]}")
        return None
    try:
        return task.params.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        said = "; ".join(f"{'.'.join(['params', *map(str, each['loc'])])}: {each['msg']}" for each in details[:5])
        raise ParamsError(said, fields=storable([list(each["loc"]) for each in details[:50]])) from None
    except Exception as error:
        failure = told(error, task)
        raise ParamsError(failure.message, **failure.detail) from error


async def perform(
    task: Task[..., Any], params: BaseModel | None, context: TaskContext, services: Mapping[str, Any]
) -> Any:
    """Call the function and return its result as JSON.

    Cancelled, it returns within STOP_S even where the function swallows its cancellation: then the function is closed,
    or, being in a thread, left alone. Raises what the function's failure means.
    """
    coroutine = _run(task, params, context, services)
    running = asyncio.create_task(coroutine, name=f"task {task.name} {context.job.id}")
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not running.done():
            context.cancelled.set()
            await _stop(running, coroutine, task, context)
        raise


async def _run(
    task: Task[..., Any], params: BaseModel | None, context: TaskContext, services: Mapping[str, Any]
) -> Any:
    arguments = dict(services)
    if task.params_argument:
        arguments[task.params_argument] = params
    try:
        if task.is_async:
            if task.context_argument:
                arguments[task.context_argument] = context
            value = await task.function(**arguments)
        else:
            if task.context_argument:
                arguments[task.context_argument] = SyncTaskContext(context, loop=asyncio.get_running_loop())
            value = await _in_thread(partial(task.function, **arguments), name=task.name)
    except GeneratorExit:
        raise  # closed by `_stop`
    except asyncio.CancelledError:
        if context.cancelled.is_set():
            raise
        raise TaskError("CancelledError: something that the task waited for was cancelled") from None
    except ReportdError:
        raise
    except BaseException as error:  # noqa: BLE001  here the author's code ends: SystemExit would end the daemon
        raise told(error, task) from None
    try:
        return plain(value, what="the result")
    except TypeError as error:
        raise TaskResultError(str(error)) from None


async def _stop(
    running: asyncio.Task[Any], coroutine: Coroutine[Any, Any, Any], task: Task[..., Any], context: TaskContext
) -> None:
    """End `running` within STOP_S, by force if it must be; another cancellation meanwhile changes nothing."""
    running.cancel()
    deadline = time.monotonic() + STOP_S
    while not running.done() and (left := deadline - time.monotonic()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait({running}, timeout=left)
    if running.done():
        with suppress(asyncio.CancelledError):
            running.exception()  # looked at, so that nobody complains
        return
    log.warning("task.unstoppable", kind=task.name, job=context.job.id, limit_s=STOP_S, threaded=not task.is_async)
    # It swallowed its cancellation: it goes no further than where it waits now.
    with suppress(BaseException):
        coroutine.close()
    running.cancel()


async def _in_thread(function: Callable[[], Any], *, name: str) -> Any:
    """Call `function` in a thread of its own, which never keeps the process from ending."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def deliver(value: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def run() -> None:
        value, failure = None, None
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001  carried over to the loop
            failure = error
        with suppress(RuntimeError):  # the loop has ended before the function
            loop.call_soon_threadsafe(deliver, value, failure)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name=f"task {name}", daemon=True).start()
    try:
        value, error = await asyncio.shield(ended)
    except asyncio.CancelledError:
        # The function knows by now; its end is waited for, as long as `_stop` gives it.
        value, error = await ended
        raise
    if error is not None:
        raise error
    return value
