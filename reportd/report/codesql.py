"""The SQL that a report's own code asks for, as far as it stands there as a text: `ctx.query("select …")`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reportd.report.definition import Block, Report

_OPENING = re.compile(r"""[rRuU]?("{3}|'{3}|"|')""")


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in the code, and where it begins."""

    value: str
    line: int
    column: int


def code_queries(report: Report) -> tuple[Block, ...]:
    """A block for each query of `report.py` whose SQL is written out, or assigned to a name just before.

    SQL that is put together while the code runs is not found.
    """
    if report.code is None:
        return ()
    source = report.source.files[report.code.file]
    found: list[_Text] = []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and function.name == "fetch":
            found += _asked(function.body, source, {})
    file = f"{report.source.name}/{report.code.file}"
    return tuple(
        Block("data", f"query.{number}", "", text.value, text.line, file, column=text.column)
        for number, text in enumerate(found, start=1)
    )


def _asked(body: Sequence[ast.stmt], source: str, texts: dict[str, _Text]) -> Iterator[_Text]:
    """The queries of `body` in its order; `texts` are the names that hold a text by then."""
    for statement in body:
        for node in _calls(statement):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield _text(argument, source)
            elif isinstance(argument, ast.Name) and argument.id in texts:
                yield texts[argument.id]
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
            if isinstance(target, ast.Name):
                texts.pop(target.id, None)
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    texts[target.id] = _text(value, source)
        for inner in ("body", "orelse", "finalbody"):
            yield from _asked(getattr(statement, inner, ()), source, texts)


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    """The calls of `….query(…)` in a statement, without those of statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "query":
            yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _text(node: ast.Constant, source: str) -> _Text:
    """The text of a literal. Where it is written with escapes or in pieces, only its line is certain."""
    written = ast.get_source_segment(source, node) or ""
    opening = _OPENING.match(written)
    value = str(node.value)
    stripped = value.lstrip()
    lead = value[: len(value) - len(stripped)]
    sql = stripped.rstrip().rstrip(";")
    if opening is None or written[opening.end() : -len(opening[1])] != value:
        return _Text(sql, node.lineno, 1)
    if "\n" in lead:
        return _Text(sql, node.lineno + lead.count("\n"), len(lead) - lead.rindex("\n"))
    return _Text(sql, node.lineno, node.col_offset + opening.end() + len(lead) + 1)
