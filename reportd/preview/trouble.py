"""An error as an author wants to see it: what, where, and the lines of the file around that place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reportd.errors import ReportdError

_AROUND = 3
_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file; `number` from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong. `line` and `column` count from 1 and are None where unknown; `param` names the field at fault.

    `lines` are those around the place, none where it is not in the report's own files.
    """

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    param: str | None = None
    lines: tuple[Line, ...] = ()

    def __str__(self) -> str:
        at = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{at}: {self.message}" if at else self.message


def trouble(error: ReportdError, report: Path) -> Trouble:
    """`error` of the report at `report`, its file or directory. Reads the file that the error names. Blocks."""
    detail = error.detail
    file, line, column = detail.get("file"), detail.get("line"), detail.get("column")
    path = _path(str(file), report) if file is not None else None
    at = ":".join(str(part) for part in (file, line, column) if part is not None)
    hint = detail.get("hint")
    message = error.message
    for lead in (f"{at}: ", f"{file}:{line}: ", f"{file}: "):
        message = message.removeprefix(lead)
    return Trouble(
        code=error.code,
        message=message,
        file=_shown(path, report) if path is not None else file,
        line=line,
        column=column,
        hint=None if hint is None or str(hint) in message else str(hint),
        param=detail.get("param"),
        lines=_lines(path, line) if path is not None and line is not None else (),
    )


def _path(file: str, report: Path) -> Path | None:
    """The file that an error names, whole or from the report's own folder; None where it is no part of the report."""
    for path in (Path(file), report.parent / file, report / file):
        inside = path.resolve() == report.resolve() or path.resolve().parent == report.resolve()
        if inside and path.is_file():
            return path
    return None


def _shown(path: Path, report: Path) -> str:
    """`path` from the folder of the reports on."""
    return str(path.resolve().relative_to(report.resolve().parent))


def _lines(path: Path, line: int) -> tuple[Line, ...]:
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff").split("\n")
    except OSError:
        return ()
    first, last = max(line - _AROUND, 1), min(line + _AROUND - 1, len(texts))
    return tuple(Line(number, texts[number - 1].rstrip("\r")[:_CHARACTERS]) for number in range(first, last + 1))
