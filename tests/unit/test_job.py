"""What a failed attempt means for its job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reportd.errors import ParamsError, RenderError
from reportd.job import TEXT_MAX, Backoff, Failed, Job, Retried, after_failure, error_row, storable

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(
    id=1,
    kind="small",
    queue="default",
    priority=0,
    run_at=MOMENT,
    created_at=MOMENT,
    attempt=1,
    failures=0,
    crashes=0,
    max_attempts=4,
    timeout_s=300,
    params={},
)


def test_a_failure_is_retried_until_the_attempts_are_used_up() -> None:
    outcomes = [after_failure(replace(JOB, failures=done), RenderError("no"), Backoff()) for done in range(4)]
    assert [type(outcome) for outcome in outcomes] == [Retried, Retried, Retried, Failed]


def test_an_error_that_another_try_would_meet_again_fails_at_once() -> None:
    outcome = after_failure(JOB, ParamsError("params.period: unknown word"), Backoff())
    assert isinstance(outcome, Failed)
    assert outcome.error == {
        "code": "params",
        "message": "params.period: unknown word",
        "retryable": False,
        "attempt": 1,
        "detail": {},
    }


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff(delay_s=60), [60, 60, 60]),
        (Backoff(delay_s=10, factor=2, cap_s=35), [10, 20, 35]),
        (Backoff(delay_s=10, factor=2, cap_s=35, jitter=0.5), [15, 30, 52.5]),
    ],
)
def test_backoff_is_fixed_or_grows_to_its_cap(backoff: Backoff, delays: list[float]) -> None:
    assert [backoff.delay(failures, chance=1.0) for failures in (1, 2, 3)] == delays


def test_backoff_by_a_list_repeats_the_last_delay() -> None:
    backoff = Backoff().under({"delays_s": [5, 30, 600]})
    assert [backoff.delay(failures) for failures in (1, 2, 3, 4)] == [5, 30, 600, 600]


def test_a_policy_says_what_differs_from_the_configured_backoff() -> None:
    configured = Backoff(delay_s=60, factor=3, cap_s=100, jitter=0.0)
    assert configured.under(None) is configured
    assert configured.under({"delay_s": 1}) == Backoff(delay_s=1, factor=3, cap_s=100)
    outcome = after_failure(replace(JOB, backoff={"delay_s": 7}), RenderError("no"), configured)
    assert isinstance(outcome, Retried)
    assert outcome.delay_s == 7


def test_an_error_whose_code_the_kind_never_retries_fails_at_once() -> None:
    assert isinstance(
        after_failure(replace(JOB, never_retry=frozenset({"render"})), RenderError("no"), Backoff()), Failed
    )


def test_backoff_stays_finite_after_a_thousand_failures() -> None:
    assert Backoff(delay_s=1, factor=10, cap_s=3600).delay(1000) == 3600


def test_an_error_of_any_content_can_be_stored() -> None:
    error = RenderError("bad \0 \ud800 " + "x" * 20_000_000, data=b"\xff", number=float("nan"), deep={1: [object]})
    row = error_row(error, attempt=2)
    assert "\0" not in row["message"]
    assert len(row["message"]) < TEXT_MAX + 100
    assert row["message"].endswith("(20,000,008 characters)")
    assert row["detail"]["number"] == "nan"
    row["message"].encode("utf-8")


def test_storable_leaves_json_as_it_is() -> None:
    value = {"a": [1, 2.5, None, True, "é"], "b": {"c": []}}
    assert storable(value) == value
