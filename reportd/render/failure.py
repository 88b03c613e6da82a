"""How a failure crosses from a render child to the daemon: described there, rebuilt here.

Whatever is raised becomes one error of our own tree, with text that a terminal, a log and a jsonb column can hold.
"""

from __future__ import annotations

import errno
import math
import traceback
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from reportd import errors
from reportd.children.confine import ChildLimits
from reportd.errors import LimitExceeded, RenderError, RenderMemory, ReportdError, StoreFull

_MESSAGE_CHARACTERS = 2000
_TRACEBACK_CHARACTERS = 4000
_FRAMES = 8
_OURS = "/reportd/render/child.py"  # the lines above the report's and the renderer's, the same in every traceback
_DETAIL_ITEMS = 50
_DETAIL_DEPTH = 4


def described(error: BaseException, *, limits: ChildLimits) -> dict[str, Any]:
    """`error` as a message: `code`, `message`, `detail`. For use in the child; never raises."""
    known = _as_reportd_error(error, limits)
    return {
        "code": _public_code(type(known)),
        "message": readable(known.message, characters=_MESSAGE_CHARACTERS),
        "detail": _plain(known.detail),
    }


def rebuilt(message: Mapping[str, Any]) -> ReportdError:
    """The error that `described` made a message of. Raises KeyError or TypeError if it is no such message."""
    detail = message["detail"]
    if not isinstance(detail, dict):
        raise TypeError("detail is no object")
    return _CLASSES[message["code"]](str(message["message"]), **{str(key): value for key, value in detail.items()})


def readable(text: str, *, characters: int) -> str:
    """`text` without what UTF-8 or jsonb can't hold, cut to `characters`."""
    if len(text) > characters:
        text = text[: characters - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _as_reportd_error(error: BaseException, limits: ChildLimits) -> ReportdError:
    for cause in _causes(error):
        if isinstance(cause, MemoryError):
            return RenderMemory(
                f"The report needs more memory than a render may use, {limits.memory_bytes // 2**20} MB{_notes(error)}",
                limit_bytes=limits.memory_bytes,
            )
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreFull(f"No space is left for the report's files{_notes(error)}", reason=_sentence(cause))
        if isinstance(cause, OSError) and cause.errno == errno.EFBIG:
            return LimitExceeded(
                f"A file grew past its limit of {limits.file_bytes // 2**20} MB{_notes(error)}",
                limit_bytes=limits.file_bytes,
            )
    if isinstance(error, ReportdError):
        return error
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(_OURS)][
        -_FRAMES:
    ]
    place = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return RenderError(
        f"{_sentence(error)}{place}{_notes(error)}",
        type=type(error).__name__,
        traceback=readable(
            "".join(traceback.format_list(frames))[-_TRACEBACK_CHARACTERS:], characters=_TRACEBACK_CHARACTERS
        ),
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, nearest first."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _notes(error: BaseException) -> str:
    return "".join(f", {note}" for note in getattr(error, "__notes__", ()))


def _sentence(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  an author's own exception class may fail at this, too
        text = ""
    text = readable(text, characters=_MESSAGE_CHARACTERS // 2)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _plain(value: Any, *, depth: int = 0) -> Any:
    """`value` as JSON that jsonb takes, with a cap on everything that could grow."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) < 2**63 else str(value)[:_MESSAGE_CHARACTERS]
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return readable(value, characters=_TRACEBACK_CHARACTERS)
        case dict() if depth < _DETAIL_DEPTH:
            items = list(value.items())[:_DETAIL_ITEMS]
            return {readable(str(key), characters=100): _plain(item, depth=depth + 1) for key, item in items}
        case list() | tuple() if depth < _DETAIL_DEPTH:
            return [_plain(item, depth=depth + 1) for item in value[:_DETAIL_ITEMS]]
        case _:
            return readable(f"<{type(value).__name__}>", characters=100)


def _public_code(kind: type[ReportdError]) -> str:
    """The code of the nearest class that the daemon knows: a plugin's own errors are errors of their parent to it."""
    return next(
        each.code for each in kind.__mro__ if issubclass(each, ReportdError) and _CLASSES.get(each.code) is each
    )


_CLASSES: Mapping[str, type[ReportdError]] = {
    each.code: each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ReportdError)
}
