"""What becomes of an exception on its way from a child to a row."""

from __future__ import annotations

import errno
import json
import math
from typing import Any

import pytest

from reportd.children.confine import ChildLimits
from reportd.errors import (
    LimitExceeded,
    PdfEngineMissing,
    RenderError,
    RenderMemory,
    ReportdError,
    ReportError,
    StoreFull,
)
from reportd.render.failure import described, readable, rebuilt

LIMITS = ChildLimits(memory_bytes=100 * 2**20, cpu_s=10, file_bytes=5 * 2**20)


def crossed(error: BaseException) -> ReportdError:
    """`error` as the daemon sees it, after the wire."""
    return rebuilt(json.loads(json.dumps(described(error, limits=LIMITS), allow_nan=False)))


@pytest.mark.parametrize(
    "error",
    [
        ReportError("orders.sql:3: no such option", file="orders.sql", line=3),
        PdfEngineMissing("apt-get install libpango-1.0-0"),
        LimitExceeded("too many pages", pages=5000),
    ],
)
def test_an_error_of_our_own_arrives_as_it_was_raised(error: ReportdError) -> None:
    arrived = crossed(error)
    assert (type(arrived), arrived.message, arrived.detail) == (type(error), error.message, error.detail)


def test_an_error_of_a_plugins_own_class_arrives_as_its_nearest_known_parent() -> None:
    class TooWideError(LimitExceeded):
        code = "too-wide"

    assert type(crossed(TooWideError("40 columns"))) is LimitExceeded


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (MemoryError(), RenderMemory),
        (OSError(errno.ENOSPC, "No space left on device"), StoreFull),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), StoreFull),
        (OSError(errno.EFBIG, "File too large"), LimitExceeded),
    ],
)
def test_what_the_system_refused_is_found_behind_a_librarys_own_error(
    cause: BaseException, kind: type[ReportdError]
) -> None:
    wrapped = RuntimeError("zip error")
    wrapped.__cause__ = cause
    handled = ValueError("while cleaning up")
    handled.__context__ = wrapped
    for error in (cause, wrapped, handled):
        assert type(crossed(error)) is kind


def test_a_cause_that_was_dealt_with_does_not_count() -> None:
    error = ValueError("a new start")
    error.__context__ = MemoryError()
    error.__suppress_context__ = True
    assert type(crossed(error)) is RenderError


def test_causes_that_go_in_a_circle_come_to_an_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert crossed(first).message == "ValueError: first"


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**70, b"bytes", {1, 2}, "\0\ud800", [[[[[[1]]]]]], {2: object()}]
)
def test_a_detail_becomes_json_that_a_jsonb_column_takes(value: Any) -> None:
    detail = crossed(RenderError("failed", value=value, kept=[1, None, True, 0.5, "x"])).detail
    assert detail["kept"] == [1, None, True, 0.5, "x"]
    text = json.dumps(detail, allow_nan=False, ensure_ascii=False).encode("utf-8")
    assert b"\\u0000" not in text


def test_a_message_of_any_length_is_cut() -> None:
    assert len(crossed(RenderError("x" * 10**6)).message) <= 2000
    assert len(crossed(ValueError("x" * 10**6)).message) <= 2000


def test_text_is_readable_everywhere() -> None:
    assert readable("Übung", characters=10) == "Übung"
    assert readable("abcdef", characters=4) == "abc…"
    assert readable("a\0b\udcff", characters=10) == "a\\x00b\\udcff"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"code": "render"},
        {"code": "unheard-of", "message": "", "detail": {}},
        {"code": "render", "message": "", "detail": []},
    ],
)
def test_what_is_no_error_is_not_rebuilt(message: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        rebuilt(message)
