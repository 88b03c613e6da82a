"""What is installed and what lies in the report directories, by name. A broken report is named, not fatal.

Formats and kinds come by entry points, our own like anybody's; a report is a `.sql` file, or a directory with a
`report.toml` or a `report.py`.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from reportd.errors import ConfigError, ReportdError, ReportError
from reportd.report import folder, reader, sqlfile, targets, translation
from reportd.report.definition import Report, ReportSource
from reportd.report.fault import fault

SOURCE_BYTES_MAX = 1024 * 1024
"""No report is longer than this; its text travels to every render."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A report that can't be used. `name` is a legal kind name always, also where the file's own is not."""

    name: str
    path: str
    error: ReportdError


LoadedReport = Report | Broken


def formats() -> Mapping[str, str]:
    """The installed renderers: format → `module:class`. Nothing is imported: render children do that.

    Raises ConfigError if two packages offer different ones under one name.
    """
    return _places("reportd.formats")


def kinds() -> Mapping[str, str]:
    """The installed kinds of job: name → `module:class`. Raises ConfigError as `formats` does."""
    return _places("reportd.kinds")


def channels() -> Mapping[str, str]:
    """The installed channels: name → `module:attribute`. Raises ConfigError as `formats` does."""
    return _places("reportd.channels")


def reports(directories: Sequence[Path]) -> list[LoadedReport]:
    """Every report right inside `directories`, read and parsed, in order of name.

    Reports of one name in two directories are one Broken report: none of them is obeyed. Raises ConfigError for a
    directory that can't be listed.
    """
    by_name: dict[str, list[LoadedReport]] = {}
    for path in _files(directories):
        loaded = load(path)
        by_name.setdefault(loaded.name, []).append(loaded)
    return [_the_only(name, found) for name, found in sorted(by_name.items())]


def load(path: Path) -> LoadedReport:
    """The report at `path`, a `.sql` file or a directory."""
    try:
        report = reader.read(_source(path))
        targets.check(report, channels())
        return report
    except ReportError as error:
        name = re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-")[:63] or "report"
        return Broken(name, str(path), error)


class Watch:
    """Tells when somebody has worked on the report directories since they were last read."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories
        self._seen = self._read = stamp(directories)

    async def settled_change(self) -> bool:
        """Whether they differ from what was read, and have stood still since the last look."""
        before, self._seen = self._seen, await asyncio.to_thread(stamp, self._directories)
        return self._seen == before and self._seen != self._read

    async def reading(self) -> None:
        """Say, before it is done, that they are about to be read."""
        self._read = await asyncio.to_thread(stamp, self._directories)


def stamp(directories: Sequence[Path]) -> frozenset[tuple[str, int, int, int]]:
    """What tells one state of the report directories from another: path, time of change, size, number of each file."""
    found = set()
    for directory in directories:
        for path in (
            directory,
            *directory.glob("*"),
            *directory.glob("*/*"),
            *directory.glob(f"*/{translation.FOLDER}*"),
        ):
            with suppress(OSError):  # it has gone since it was listed: the next stamp is without it
                status = path.stat()
                if not path.is_dir():
                    found.add((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


def tasks() -> Mapping[str, str]:
    """The installed modules of tasks: name → dotted module. Raises ConfigError as `formats` does."""
    return _places("reportd.tasks")


def _places(group: str) -> dict[str, str]:
    places: dict[str, str] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        other = places.setdefault(entry.name, entry.value)
        if other != entry.value:
            raise ConfigError(f"Two packages offer {entry.name!r} in {group}: {other} and {entry.value}; uninstall one")
    return places


def _files(directories: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for directory in directories:
        if directory.resolve() in seen:
            continue
        seen.add(directory.resolve())
        try:
            entries = sorted(directory.iterdir())
        except OSError as error:
            raise ConfigError(f"The report directory {directory} can't be read: {error.strerror}") from error
        # Hidden ones are what editors keep beside the file that is being written.
        yield from (path for path in entries if path.name[0] != "." and _is_report(path))


def _is_report(path: Path) -> bool:
    if path.is_dir():
        return any((path / mark).is_file() for mark in folder.MARKS)
    return path.suffix == ".sql"


def _source(path: Path) -> ReportSource:
    """The report's text: a name and the content of each of its files."""
    name = sqlfile.kind_name(path.name)
    if not path.is_dir():
        return ReportSource(name, {path.name: _text(path, _content(path))}, str(path))
    texts: dict[str, str] = {}
    assets: dict[str, str] = {}
    spent = 0
    for file in _parts(path):
        content = _content(path / file, spent=spent)
        spent += len(content)
        if folder.is_asset(file):
            assets[file] = b64encode(content).decode("ascii")
        else:
            texts[file] = _text(path / file, content)
    return ReportSource(name, texts, str(path), assets)


def _parts(directory: Path) -> list[str]:
    """The files of the report in `directory`, by their names within it. Errors: ReportError for one that leads out."""
    try:
        found = [*directory.iterdir(), *directory.glob(f"{translation.FOLDER}*")]
    except OSError as error:
        raise fault(str(directory), f"can't be read: {error.strerror}") from error
    parts = []
    for path in sorted(found):
        name = path.relative_to(directory).as_posix()
        if not (folder.belongs(name) or folder.is_asset(name)) or path.is_dir():
            continue
        if not path.resolve().is_relative_to(directory.resolve()):
            raise fault(str(path), "is a link that leads out of the report's directory; copy the file here")
        parts.append(name)
    return parts


def _content(path: Path, *, spent: int = 0) -> bytes:
    """The content of one file, after `spent` bytes of the same report."""
    try:
        with path.open("rb") as file:
            data = file.read(SOURCE_BYTES_MAX + 1)
    except OSError as error:
        raise fault(str(path), f"can't be read: {error.strerror}") from error
    if len(data) + spent > SOURCE_BYTES_MAX:
        raise fault(str(path), f"is larger than {SOURCE_BYTES_MAX // 1024} kB{', the others included' * bool(spent)}")
    return data


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fault(str(path), "is not UTF-8 from here on", line=line) from error


def _the_only(name: str, found: list[LoadedReport]) -> LoadedReport:
    if len(found) == 1:
        return found[0]
    paths = [each.path if isinstance(each, Broken) else each.source.path for each in found]
    message = f"several places hold the report {name!r}: {', '.join(paths)}; rename all but one"
    return Broken(name, paths[0], fault(paths[0], message))
