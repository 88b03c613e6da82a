"""Where a report uses its parameters: what `reportd check` says about placeholders."""

from __future__ import annotations

from dataclasses import dataclass

from reportd.report.definition import Block, Param, Report
from reportd.report.lexer import Lines, placeholders


@dataclass(frozen=True, slots=True)
class Use:
    """One placeholder in a block's SQL; `line` and `column` (from 1) are the file's."""

    name: str
    block: str
    line: int
    column: int


def uses(report: Report) -> tuple[Use, ...]:
    """Every placeholder of the report, in the file's order."""
    return tuple(use for block in report.queries for use in _uses(block))


def undeclared(report: Report) -> tuple[Param, ...]:
    """The parameters that the SQL uses and the front matter does not declare; `line` is the first use."""
    return tuple(param for param in report.params if param.type == "any")


def unused(report: Report) -> tuple[Param, ...]:
    """The parameters that the front matter declares and no SQL uses; `line` is the declaration.

    None for a report with code of its own: what that asks for is not known before it runs.
    """
    if report.code is not None:
        return ()
    used = {use.name for use in uses(report)}
    return tuple(param for param in report.params if used.isdisjoint(param.names))


def _uses(block: Block) -> list[Use]:
    lines = Lines(block.sql)
    found: list[Use] = []
    for token in placeholders(block.sql):
        line, column = lines.position(token.start)
        found.append(
            Use(token.name, block.name, block.line + line - 1, column + block.column - 1 if line == 1 else column)
        )
    return found
