"""What a probe of `reportd doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]
SIGNS: dict[State, str] = {"ok": "✓", "warning": "!", "fault": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do; None where there is nothing to do."""

    subject: str
    state: State
    found: str
    remedy: str | None = None


def ok(subject: str, found: str) -> Finding:
    """All is well."""
    return Finding(subject, "ok", found)


def warning(subject: str, found: str, remedy: str) -> Finding:
    """It works, and there is something to know."""
    return Finding(subject, "warning", found, remedy)


def fault(subject: str, found: str, remedy: str) -> Finding:
    """It does not work, or data can be lost."""
    return Finding(subject, "fault", found, remedy)
