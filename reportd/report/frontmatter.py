"""Front matter: the TOML in a report's leading comments, and where in the file each of its keys stands.

```
-- /// report
-- title = "Sales by region"
-- params.period = { type = "daterange", default = "last month" }
-- ///
```
Line comments only, because a block comment would end at the first `*/5` of a cron expression. `tomllib` tells no
positions, so a key's line is looked up in the text when an error needs it.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportd.errors import ReportError
from reportd.report.fault import fault, listed, nearest

_OPENING = re.compile(r"--\s*///(.*)")
_PREFIX = re.compile(r"\s*--[ \t]?")
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_HEADER = re.compile(rf"\s*\[{{1,2}}\s*({_DOTTED})\s*\]{{1,2}}")
_TOML_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


def opens(comment: str) -> str | None:
    """The word after `-- ///`, empty for the closing line; None where `comment` is no such line."""
    match = _OPENING.match(comment)
    return match[1].strip() if match else None


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the front matter says. `lines` are its TOML, `first` the number of the first in the file at `path`."""

    path: str
    values: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    first: int = 1

    def line(self, *keys: str | int) -> int:
        """The line where the value at `keys` is written; where that can't be told, the line of what encloses it."""
        wanted = [key for key in keys if isinstance(key, str)]
        repeat = next((key for key in keys if isinstance(key, int)), 0)
        places = self._places()
        found = max(places, key=lambda place: _shared(place.keys, wanted), default=None)
        if found is None or _shared(found.keys, wanted)[0] == 0:
            return max(self.first - 1, 1)
        if _shared(found.keys, wanted)[0] < len(wanted):
            return self._inside(found.line, wanted[-1], repeat)
        same = [place for place in places if place.keys == found.keys]
        return same[min(repeat, len(same) - 1)].line

    def fault(self, keys: Sequence[str | int], message: str) -> ReportError:
        """The error `message` about the value at `keys`."""
        return fault(self.path, message, line=self.line(*keys))

    def _places(self) -> list[_Place]:
        places: list[_Place] = []
        header: tuple[str, ...] = ()
        for number, line in enumerate(self.lines, start=self.first):
            if match := _HEADER.match(line):
                header = _split(match[1])
                places.append(_Place(header, number))
            elif match := _ASSIGNMENT.match(line):
                places.append(_Place((*header, *_split(match[1])), number))
        return places

    def _inside(self, line: int, key: str, repeat: int) -> int:
        """The line that writes `key` inside the inline tables from `line` on, for the `repeat`-th time (from 0)."""
        written = re.compile(rf"""[{{,\s]["']?{re.escape(key)}["']?\s*=""")
        found: list[int] = []
        for number, text in enumerate(self.lines[line - self.first :], start=line):
            if number > line and (_HEADER.match(text) or _ASSIGNMENT.match(text)):
                break
            found += [number] * len(written.findall(text))
        return found[min(repeat, len(found) - 1)] if found else line


def read(path: str, raw: Sequence[str], *, first: int) -> FrontMatter:
    """The front matter whose comment lines are `raw`, the first being line `first` of the file. Errors: ReportError."""
    return _read(path, raw, tuple(_PREFIX.sub("", line, count=1) for line in raw), first=first)


def read_file(path: str, text: str) -> FrontMatter:
    """The front matter that is a file of its own, TOML from its first line to its last. Errors: ReportError."""
    lines = text.removeprefix("\ufeff").splitlines()
    return _read(path, lines, tuple(lines), first=1)


def _read(path: str, raw: Sequence[str], lines: tuple[str, ...], *, first: int) -> FrontMatter:
    """`raw` is as the file has it, `lines` the TOML in it."""
    try:
        values = tomllib.loads("".join(f"{line}\n" for line in lines))
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: numbers and nesting past Python's limits
        place = _TOML_PLACE.match(str(error))
        message = f"the front matter is not TOML: {place[1] if place else error}"
        if place is None or place[2] is None:
            raise fault(path, message, line=first + max(len(lines) - 1, 0)) from None
        line, column = int(place[2]), int(place[3])
        shift = len(raw[line - 1]) - len(lines[line - 1]) if line <= len(lines) else 0
        raise fault(path, message, line=first + line - 1, column=column + shift) from None
    return FrontMatter(path, values, lines, first)


class Table:
    """A TOML table while it is read: each key must be known, each value of its type, else ReportError with the line."""

    def __init__(self, front: FrontMatter, keys: Sequence[str | int], values: Any, known: Iterable[str]) -> None:
        self.front = front
        self.keys = tuple(keys)
        names = list(known)
        if not isinstance(values, dict):
            raise front.fault(keys, f"{self.at} must be a table, such as {{ {names[0]} = … }}")
        self._values: dict[str, Any] = values
        for key in values:
            if key not in names:
                message = f'unknown key "{key}"{self._of()}{nearest(key, names)}'
                raise front.fault((*keys, key), f"{message} (known: {', '.join(names)})")

    @property
    def at(self) -> str:
        """Where the table stands, as the file would write it: `params.period`."""
        return ".".join(map(str, self.keys))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def any(self, key: str) -> Any:
        """The value as TOML has it, None where it is missing."""
        return self._values.get(key)

    def text(self, key: str, *, one_of: Sequence[str] = (), pattern: str = "", allowed: str = "") -> str | None:
        """A string that is not blank; one of `one_of`, or all of it like `pattern`, which `allowed` puts in words."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self.wrong(key, "a text in quotes")
        if one_of and value not in one_of:
            raise self.fault(key, f'"{value}" is not {listed(one_of)}{nearest(value, one_of)}')
        if pattern and not re.fullmatch(pattern, value):
            raise self.wrong(key, allowed)
        return value

    def texts(self, key: str, *, pattern: str = "", allowed: str = "a list of texts") -> tuple[str, ...] | None:
        """A list of different strings with at least one."""
        value = self._values.get(key)
        if value is None:
            return None
        fits = isinstance(value, list) and value and all(isinstance(item, str) and item for item in value)
        if not fits or (pattern and not all(re.fullmatch(pattern, item) for item in value)):
            raise self.wrong(key, allowed)
        if len(set(value)) < len(value):
            raise self.fault(key, f"a value stands twice in {value!r}")
        return tuple(value)

    def integer(self, key: str, *, low: int, high: int) -> int | None:
        """A whole number between `low` and `high`."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"a whole number from {low} to {high}")
        return value

    def seconds(self, key: str) -> float | None:
        """A length of time above zero."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not (math.isfinite(value) and value > 0):
            raise self.wrong(key, "a number of seconds above 0")
        return float(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def fault(self, key: str, message: str) -> ReportError:
        """The error about `key`."""
        return self.front.fault((*self.keys, key), f"{'.'.join((*map(str, self.keys), key))}: {message}")

    def wrong(self, key: str, allowed: str) -> ReportError:
        """The error that the value of `key` is not what is `allowed`."""
        return self.fault(key, f"{str(self._values[key])!r} is not {allowed}")

    def _of(self) -> str:
        return f" in {self.at}" if self.keys else ""


@dataclass(frozen=True, slots=True)
class _Place:
    keys: tuple[str, ...]
    line: int


def _shared(keys: Sequence[str], wanted: Sequence[str]) -> tuple[int, int]:
    """How well a place with `keys` encloses `wanted`: by the keys shared from the start, then by the fewer keys."""
    shared = 0
    for ours, theirs in zip(keys, wanted, strict=False):
        if ours != theirs:
            break
        shared += 1
    return shared, -len(keys)


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, dotted))
