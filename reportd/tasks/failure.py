"""How what a task raises becomes one error of our own tree, here and across a child's pipe."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from reportd import errors
from reportd.errors import ReportdError, TaskError, TaskFatal, TaskMemory
from reportd.job import storable
from reportd.tasks.definition import Task

_MESSAGE_CHARACTERS = 2000
_FRAMES = 12
_OURS = "/reportd/tasks/"
"""The lines above a task's own in every traceback."""


def told(error: BaseException, task: Task[..., Any]) -> ReportdError:
    """`error`, raised by `task`, as a ReportdError: one already, TaskMemory, TaskFatal for `never_retry`, or TaskError.

    Never raises, whatever the error's own class does.
    """
    if isinstance(error, ReportdError):
        return error
    if isinstance(error, MemoryError):
        return TaskMemory(f"{task.name} ran out of memory", limit_mb=task.memory_mb)
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _OURS not in each.filename]
    place = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    kind = TaskFatal if isinstance(error, task.never_retry) else TaskError
    return kind(
        _sentence(error) + place,
        type=type(error).__name__,
        traceback=storable("".join(traceback.format_list(frames[-_FRAMES:]))),
    )


def described(error: ReportdError) -> dict[str, Any]:
    """`error` as a message for the pipe."""
    return {
        "code": error.code,
        "message": storable(error.message),
        "retryable": error.retryable,
        "detail": storable(error.detail),
    }


def rebuilt(message: Mapping[str, Any]) -> ReportdError:
    """The error that `described` made a message of; one of a class that only the child knows as TaskError or TaskFatal.

    Raises KeyError or TypeError if it is no such message.
    """
    known = _CLASSES.get(message["code"])
    if known is None or known.retryable != message["retryable"]:
        known = TaskError if message["retryable"] else TaskFatal
    return known(str(message["message"]), **{str(key): value for key, value in message["detail"].items()})


def _sentence(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  an author's own exception class may fail at this, too
        text = ""
    if len(text) > _MESSAGE_CHARACTERS:
        text = f"{text[:_MESSAGE_CHARACTERS]}… ({len(text):,} characters)"
    name = type(error).__name__
    return str(storable(f"{name}: {text}" if text else name))


_CLASSES: Mapping[str, type[ReportdError]] = {
    each.code: each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ReportdError)
}
