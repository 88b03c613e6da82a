"""What a channel is: something that brings a job's files to a place, and can be asked twice without harm."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

from reportd.errors import ConfigError

Receipt: TypeAlias = Mapping[str, Any]
"""What a channel can say of a delivery: JSON, kept in `deliveries.receipt`."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One file to deliver. `open` gives its content, to be closed by whoever asked; FileNotFoundError if it is gone."""

    name: str
    format: str
    content_type: str
    bytes: int
    sha256: str
    open: Callable[[], Awaitable[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What the operator gives to channels. `directory` is where targets of `file:` begin."""

    directory: Path


class Channel(Protocol):
    """A way of delivery. It is made with a `Setup`."""

    async def deliver(self, files: Sequence[Enclosure], *, target: str, key: str) -> Receipt:
        """Bring `files` to `target`, which is in the channel's own words and has no placeholders left.

        `key` is the same for every try of one delivery: after a crash the same files come again, and a receiver tells
        it by the key. Errors: ReportdErrors; each says whether another try can help. Cancellation ends it at once.
        """
        ...


def load(places: Mapping[str, str], setup: Setup) -> dict[str, Channel]:
    """The channels of `places` (name → `module:attribute`, called with the setup). Errors: ConfigError."""
    channels: dict[str, Channel] = {}
    for name, place in places.items():
        module, _, attribute = place.partition(":")
        try:
            channels[name] = getattr(importlib.import_module(module), attribute)(setup)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise ConfigError(f"The channel {name!r} ({place}) can't be used: {error}") from error
    return channels
