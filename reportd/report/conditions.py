"""`[deliver] when = "rows(orders) > 0 and changed()"`: whether a finished document is worth sending.

A tiny language, read with Python's grammar and held against a list of what may occur; nothing is ever executed:
`rows(block)`, `value(block.column)` (of the first row), `changed()`, numbers, texts, `== != < <= > >=`, `and or not`.
A block whose name has a hyphen stands in quotes: `rows("by-day")`, `value("by-day", "revenue")`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from reportd.report.fault import nearest

Operand: TypeAlias = Decimal | str | bool | None

_LENGTH_MAX = 1000
_FUNCTIONS = {"rows": "rows(block)", "value": "value(block.column)", "changed": "changed()"}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the data. `block` and `column` are empty where the function takes none."""

    function: Literal["rows", "value", "changed"]
    block: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that could be read; `asks` are the questions it puts."""

    text: str
    asks: tuple[Asked, ...]

    def holds(self, answers: Callable[[Asked], Operand]) -> bool:
        """Whether the condition is true of `answers`. Errors: ValueError where a text is compared with a number."""
        try:
            return _truth(_evaluate(_tree(self.text), answers))
        except TypeError:
            raise ValueError(f"“{self.text}” compares a text with a number") from None


def parse(text: str, *, blocks: Collection[str] | None) -> Condition:
    """The condition `text` about `blocks` (None: not known yet). Errors: ValueError with a phrase about the text."""
    if len(text) > _LENGTH_MAX:
        raise ValueError(f"is longer than {_LENGTH_MAX} characters")
    asks = tuple(_asked(node) for node in ast.walk(_tree(text)) if isinstance(node, ast.Call))
    for asked in asks:
        if asked.block and blocks is not None and asked.block not in blocks:
            known = ", ".join(blocks) or "none"
            raise ValueError(f'there is no block "{asked.block}"{nearest(asked.block, blocks)} (blocks: {known})')
    # Evaluated once on made-up answers, every part is held against what may occur.
    with suppress(TypeError):
        _truth(_evaluate(_tree(text), lambda asked: True if asked.function == "changed" else Decimal(0)))
    return Condition(text, asks)


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"can't be read: {getattr(error, 'msg', None) or error}") from None


def _evaluate(node: ast.expr, answers: Callable[[Asked], Operand]) -> Operand:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            truths = [_truth(_evaluate(value, answers)) for value in values]  # all of them: `parse` looks at each
            return all(truths)
        case ast.BoolOp(op=ast.Or(), values=values):
            truths = [_truth(_evaluate(value, answers)) for value in values]
            return any(truths)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _truth(_evaluate(operand, answers))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -Decimal(str(number))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [_evaluate(each, answers) for each in (left, *comparators)]
            pairs = zip(ops, operands, operands[1:], strict=False)
            truths = [_compared(op, first, second) for op, first, second in pairs]
            return all(truths)
        case ast.Constant(value=bool() | str() as value):
            return value
        case ast.Constant(value=int() | float() as number):
            return Decimal(str(number))
        case ast.Call():
            return answers(_asked(node))
        case _:
            raise ValueError(
                f"“{ast.unparse(node)}” is not understood; there are {', '.join(_FUNCTIONS)}, comparisons, and, or, not"
            )


def _compared(op: ast.cmpop, first: Operand, second: Operand) -> bool:
    compare = _COMPARE.get(type(op))
    if compare is None:
        raise ValueError("compare with ==, !=, <, <=, > or >=")
    if first is None or second is None:
        # As in SQL: nothing is known about NULL. Written so that == None can't be asked by accident.
        return False
    return compare(first, second)


def _truth(value: Operand) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("a condition compares something, such as rows(orders) > 0")


def _asked(node: ast.Call) -> Asked:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in _FUNCTIONS:
        raise ValueError(f'unknown function "{name}"{nearest(name, _FUNCTIONS)} (known: {", ".join(_FUNCTIONS)})')
    words = [_words(argument) for argument in node.args]
    if not node.keywords and all(words):
        match name, [part for word in words for part in word]:
            case "changed", []:
                return Asked("changed")
            case "rows", [block]:
                return Asked("rows", block)
            case "value", [block, column]:
                return Asked("value", block, column)
    raise ValueError(f"“{ast.unparse(node)}” is not understood; write {_FUNCTIONS[name]}")


def _words(argument: ast.expr) -> tuple[str, ...]:
    """The names that an argument gives; none where it is not made of names."""
    match argument:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=ast.Name(id=block), attr=column):
            return (block, column)
        case ast.Constant(value=str() as text):
            return (text,)
        case _:
            return ()
