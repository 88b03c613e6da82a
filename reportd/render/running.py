"""One task in a render child's hands, as the daemon sees it: what the child has said, and how it ended.

A child runs a report author's code, so nothing that it says is believed: shapes are checked, lists are bounded, and a
file counts only once the child is dead and the path is a plain file inside the task's directory.
"""

from __future__ import annotations

import asyncio
import re
import signal
import stat
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from reportd.children.confine import ChildLimits
from reportd.errors import ChildDied, RenderError, ReportdError
from reportd.job import Step
from reportd.render.failure import readable, rebuilt
from reportd.render.task import BOUND_TYPES, Question, RenderedFile, RenderTask, Usage
from reportd.report.blocks import NAME
from reportd.report.definition import Block
from reportd.report.params import Value

_FILES_MAX = 1000
# A child waits for each answer, and has few steps: more than this unread is no child of ours.
_UNSEEN_MAX = 2 * len(Step)
_NAMES_MAX = 1000
_STDERR_CHARACTERS = 4096
_MB = 2**20
# What C libraries say on stderr before they abort for want of memory.
_MEMORY_WORDS = ("memory", "alloc")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a task came to: its files, in the order of the formats asked for, and what they cost."""

    files: tuple[RenderedFile, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """The child waits for the answer to `question`."""

    question: Question


@dataclass(frozen=True, slots=True)
class Closed:
    """The child asks nothing more, and waits for a word that this was heard; `names` as `Inquiry.close` has them."""

    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The child waits for the SVG of the chart that `request` describes."""

    request: str


Event = Step | Asked | Closed | Drawn


class Running:
    """State of one task: `hear` and `end` are fed from the template's frames, `next_event` and `rendered` read."""

    def __init__(self, task: RenderTask, limits: ChildLimits) -> None:
        self.pid: int | None = None
        self.ended = asyncio.Event()
        self._out = Path(task.out)
        self._limits = limits
        self._step: Step | None = None
        self._unseen: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._files: list[RenderedFile] = []
        self._steps_s: dict[str, float] | None = None
        self._failure: ReportdError | None = None
        self._end: Mapping[str, Any] = {}

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what the child says. Raises KeyError, TypeError or ValueError if it makes no sense."""
        match message:
            case {"step": str(step)} if len(self._unseen) < _UNSEEN_MAX:
                self._step = Step(step)
                self._unseen.append(self._step)
            case {"query": dict(query)} if len(self._unseen) < _UNSEEN_MAX:
                self._unseen.append(Asked(question(query)))
            case {"draw": str(request)} if len(self._unseen) < _UNSEEN_MAX:
                self._unseen.append(Drawn(request))
            case {"fetched": dict(names)} if len(self._unseen) < _UNSEEN_MAX:
                self._unseen.append(Closed(_names(names)))
            case {"file": dict(file)} if len(self._files) < _FILES_MAX:
                self._files.append(_file(file))
            case {"done": {"steps_s": dict(steps_s)}}:
                self._steps_s = {Step(step).value: float(seconds) for step, seconds in steps_s.items()}
            case {"error": dict(error)}:
                self._failure = rebuilt(error)
            case _:
                raise ValueError("no message of a render child")
        self._changed.set()

    def disbelieve(self, why: Exception) -> None:
        """Whatever else comes, this task has failed: the child said something that no child of ours says."""
        reason = readable(repr(why), characters=500)
        self._failure = RenderError("The render child sent what can't be understood", reason=reason)

    def end(self, how: Mapping[str, Any]) -> None:
        """The child is reaped. `how` is the payload of ENDED, or `{"lost": reason}` when the template died."""
        self._end = how
        self.ended.set()
        self._changed.set()

    async def next_event(self) -> Event | None:
        """The next step that the child enters, or what it asks; None once it has ended."""
        while not self._unseen and not self.ended.is_set():
            self._changed.clear()
            await self._changed.wait()
        while self._unseen:
            event = self._unseen.popleft()
            if isinstance(event, Step) or not self.ended.is_set():
                return event  # nobody waits for the answer of a question from the grave
        return None

    def rendered(self) -> Rendered:
        """What the ended task came to. Raises the child's own error, or ChildDied if it could not say one."""
        if self._failure is not None:
            raise self._failure
        if self._steps_s is None:
            raise self._death()
        for file in self._files:
            _check(file, self._out)
        usage = Usage(self._end.get("cpu_s", 0.0), self._end.get("peak_bytes", 0), self._steps_s)
        return Rendered(tuple(self._files), usage)

    def _death(self) -> ChildDied:
        at = f" at {self._step}" if self._step else ""
        stderr = self._end.get("stderr", "")
        detail = {**self._end, "step": self._step, "stderr": readable(stderr, characters=_STDERR_CHARACTERS)}
        match self._end:
            case {"lost": reason}:
                return ChildDied(f"The render child was lost{at}: {reason}", **detail)
            case {"refused": reason}:
                return ChildDied(f"The render child did not start: {reason}", **detail)
            case {"fault": reason}:
                return ChildDied(f"The render child was killed{at}: it {reason}", **detail)
            case {"signal": int(number), "peak_bytes": int(peak)}:
                name = _signal_name(number)
                reason = self._likely_reason(name, stderr)
                message = f"The render child was killed by {name}{reason}{at}, peak {peak // _MB} MB"
                return ChildDied(message, **{**detail, "signal": name})
            case _:
                status = self._end.get("exit_status")
                return ChildDied(f"The render child ended{at} with status {status} and without an answer", **detail)

    def _likely_reason(self, name: str, stderr: str) -> str:
        if name == "SIGXCPU":
            return f" (past its limit of {self._limits.cpu_s} CPU seconds)"
        if name == "SIGKILL" or any(word in stderr.lower() for word in _MEMORY_WORDS):
            return " (possibly out of memory)"
        return ""


def _file(raw: Mapping[str, Any]) -> RenderedFile:
    file = RenderedFile(**{**raw, "notes": tuple(raw.get("notes", ()))})
    texts = (file.format, file.name, file.path, file.content_type, *file.notes)
    counts = (file.rows, file.pages)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(n, int | None) for n in counts):
        raise TypeError("a file whose fields are of the wrong types")
    if PurePath(file.name).name != file.name:
        raise ValueError("a file whose name is a path")
    return file


def question(raw: Mapping[str, Any]) -> Question:
    """The question that a child's message `{"query": raw}` asks. Raises KeyError, TypeError or ValueError."""
    sql, file, line, column = raw["sql"], raw["file"], raw["line"], raw["column"]
    if not (isinstance(sql, str) and isinstance(file, str) and isinstance(line, int) and isinstance(column, int)):
        raise TypeError("a query whose fields are of the wrong types")
    values = {}
    for name, (text, kind) in dict(raw["values"]).items():
        if not isinstance(text, str | None) or not isinstance(kind, str | None):
            raise TypeError("a value that is no text")
        # The name of a type is the one thing from a child that stands in a statement as it is.
        if kind is not None and kind.removesuffix("[]") not in BOUND_TYPES:
            raise ValueError("a value of a type that no query is bound to")
        values[name] = Value(text, kind)
    return Question(Block("data", "query", "", sql, line, file, column=column), values)


def _names(raw: Mapping[str, Any]) -> Mapping[str, str]:
    if len(raw) > _NAMES_MAX or not all(re.fullmatch(NAME, name) and isinstance(raw[name], str) for name in raw):
        raise ValueError("results whose names no block could have")
    return raw


def _check(file: RenderedFile, out: Path) -> None:
    """Raises RenderError unless `file` is a plain file inside `out`: a link would hand out whatever it points at."""
    path = Path(file.path)
    try:
        is_plain = stat.S_ISREG(path.lstat().st_mode) and path.parent.resolve().is_relative_to(out.resolve())
    except (OSError, ValueError):
        is_plain = False
    if not is_plain:
        raise RenderError(f"The {file.format} renderer named {file.name}, which is no file of its own", path=file.path)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
