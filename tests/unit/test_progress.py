"""What a task says of its progress, and the end that follows from its pace."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reportd.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The reading of the monotonic clock, for the test to set."""
    readings = [0.0]
    monkeypatch.setattr("reportd.progress.time.monotonic", lambda: readings[0])
    return readings


def left_s(said: Progress) -> float:
    assert said.eta is not None
    return (said.eta - datetime.now(UTC)).total_seconds()


def test_the_end_follows_from_the_pace_since_the_start(clock: list[float]) -> None:
    clock[0] = 100.0
    said = Progress()
    clock[0] = 130.0
    said.report(10, "a tenth")
    assert left_s(said) == pytest.approx(270, abs=1)
    assert (said.percent, said.message) == (10, "a tenth")


def test_an_attempt_that_resumes_in_the_middle_counts_from_there(clock: list[float]) -> None:
    clock[0] = 100.0
    said = Progress()
    clock[0] = 101.0
    said.report(80, None)
    assert said.eta is None
    clock[0] = 111.0
    said.report(90, None)
    assert left_s(said) == pytest.approx(10, abs=1)


def test_what_is_out_of_bounds_counts_as_the_bound_and_nonsense_is_refused() -> None:
    said = Progress()
    said.report(250, None)
    assert said.percent == 100
    with pytest.raises(ValueError, match="give 0 to 100"):
        said.report(float("nan"), None)
