"""Where a report's template runs: Jinja's sandbox, with less in it than Jinja has, and a bound to what it may take.

A template reaches plain data and the functions that it is given; filters that switch escaping off, load files or make
objects are not there. What is left could still take all memory or all time: powers, repetitions and widths are bounded
here, the number of characters and the seconds by whoever renders, and the rest by the process's limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.filters import do_center, do_format
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from reportd.report.definition import Template
from reportd.report.fault import nearest

__all__ = ["Sandbox", "SecurityError", "SyntaxFault", "environment"]

SyntaxFault = TemplateSyntaxError

_FILTERS = (
    *("abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "first", "float"),
    *("format", "groupby", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject"),
    *("rejectattr", "replace", "reverse", "round", "select", "selectattr", "slice", "sort", "string", "sum", "title"),
    *("trim", "truncate", "unique", "upper", "wordcount"),
)
_GLOBALS = ("range", "namespace")
_PLAIN = (str, int, float, Decimal, date, time, timedelta, Mapping, list, tuple)
_OWN = (LoopContext, Macro, BlockReference, TemplateReference, TemplateModule, Namespace)
_POWER_BITS_MAX = 4096
_REPEATED_MAX = 1_000_000
_WIDTH_MAX = 1000
_WIDTH = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\d+|\*)?(?:\.(\d+|\*))?")


class Sandbox(ImmutableSandboxedEnvironment):
    """Plain data only: of functions and types not even a name can be asked."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr in ("format", "format_map") or not isinstance(obj, (*_PLAIN, *_OWN)):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        return (not isinstance(obj, type) or obj is Namespace) and super().is_safe_callable(obj)

    def wrap_str_format(self, value: Any) -> None:
        """No wrapper that makes `str.format` safe: it walks attributes, and `%` and `~` do what is needed."""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        match operator:
            case "**" if _power_bits(left, right) > _POWER_BITS_MAX:
                _refuse(f"{left} ** {right} is larger than any figure of a report")
            case "*" if _repeated(left, right) > _REPEATED_MAX:
                _refuse("a text or list can't be repeated so often")
            case "%" if isinstance(left, str) and _is_wide(left):
                _refuse(f"{left[:50]!r} sets texts wider than {_WIDTH_MAX} characters")
        return super().call_binop(context, operator, left, right)


class _Named(StrictUndefined):
    """What is not there; its error has the nearest name that is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name, holder = self._undefined_name, self._undefined_obj
        if isinstance(holder, Mapping) and isinstance(name, str) and self._undefined_hint is None:
            known = [str(key) for key in holder]
            return f'there is no "{name}"{nearest(name, known)} (there is: {", ".join(known[:30])})'
        message: str = super()._undefined_message
        return message


class _Files(BaseLoader):
    """The report's own files, and ours; there is no other place to load from."""

    def __init__(self, template: Template, ours: Mapping[str, str]) -> None:
        self._template, self._ours = template, ours

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        if template in self._template.files:
            return self._template.files[template], f"{self._template.path}/{template}", None
        if template in self._ours:
            return self._ours[template], None, None
        raise TemplateNotFound(template)


def environment(template: Template, ours: Mapping[str, str] | None = None) -> Sandbox:
    """Where `template` can be parsed and rendered; `ours` are the pages that it extends, by name."""
    made = Sandbox(
        loader=_Files(template, ours or {}),
        autoescape=True,
        undefined=_Named,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters = {name: made.filters[name] for name in _FILTERS} | {"format": _format, "center": _center}
    made.globals = {name: made.globals[name] for name in _GLOBALS}
    return made


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    if _is_wide(str(value)):
        _refuse(f"{str(value)[:50]!r} sets texts wider than {_WIDTH_MAX} characters")
    return do_format(value, *args, **kwargs)


def _center(value: str, width: int = 80) -> str:
    if width > _WIDTH_MAX:
        _refuse(f"center({width}) is wider than {_WIDTH_MAX} characters")
    return do_center(value, width)


def _refuse(message: str) -> NoReturn:
    raise SecurityError(message)


def _power_bits(base: Any, exponent: Any) -> float:
    try:
        return abs(int(base)).bit_length() * abs(float(exponent))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _repeated(left: Any, right: Any) -> int:
    for thing, times in ((left, right), (right, left)):
        if isinstance(thing, str | list | tuple) and isinstance(times, int):
            return len(thing) * times
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right.bit_length()
    return 0


def _is_wide(pattern: str) -> bool:
    return any(
        size == "*" or (size.isdigit() and int(size) > _WIDTH_MAX)
        for match in _WIDTH.findall(pattern)
        for size in match
    )
