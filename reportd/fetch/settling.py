"""Values of params that only the source database knows: defaults that a query gives, and choices that one allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportd.errors import ParamsError
from reportd.fetch.dataset import fetch
from reportd.fetch.limits import FetchLimits
from reportd.report.definition import Block, Param, Report
from reportd.report.fault import nearest
from reportd.report.params import from_cell, resolve
from reportd.spool import head, read

if TYPE_CHECKING:
    from reportd.db.pool import Pool

_LISTED_MAX = 12


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, and how: `now` and `timezone` are the job's; the caller removes `directory`, where answers lie."""

    pool: Pool
    now: datetime
    timezone: str
    directory: Path
    limits: FetchLimits


async def settle(report: Report, given: Mapping[str, Any], asking: Asking) -> dict[str, Any]:
    """`given` (JSON, resolved) with the defaults that queries give, in the order declared, and no value but a choice.

    Errors: ParamsError that names the parameter, and what is allowed; those of `fetch`.
    """
    settled = dict(given)
    for param in report.params:
        if param.default_block is not None and settled.get(param.name) is None:
            settled[param.name] = _default(param, await _answer(report, param.default_block, settled, asking), asking)
        if param.choices_block is not None and settled.get(param.name) is not None:
            answer = await _answer(report, param.choices_block, settled, asking)
            _check_choice(param, settled[param.name], [cell for cell in _column(answer) if cell is not None])
    return settled


async def _answer(report: Report, block: Block, given: Mapping[str, Any], asking: Asking) -> Path:
    """The rows of `block`. A parameter that is required and still missing counts as NULL."""
    asked = replace(report, blocks=(block,), params=tuple(replace(param, required=False) for param in report.params))
    params = resolve(asked.params, given, now=asking.now, timezone=asking.timezone)
    directory = asking.directory / block.name
    dataset = await fetch(
        asking.pool, asked, params, directory=directory, timezone=asking.timezone, limits=asking.limits
    )
    return dataset.path(block.name)


def _default(param: Param, path: Path, asking: Asking) -> Any:
    """The first cell, or for a list those of the first column, as JSON that fits the parameter; None for no row."""
    cells = list(_column(path)) if param.many else [row[0] for row in head(path, 1)]
    raw = [from_cell(param, cell) for cell in cells if cell is not None]
    value = raw if param.many else next(iter(raw), None)
    single = replace(param, required=False)
    try:
        return resolve([single], {param.name: value}, now=asking.now, timezone=asking.timezone).as_json()[param.name]
    except ParamsError as error:
        phrase = error.message.removeprefix(f'parameter "{param.name}": ')
        raise ParamsError(f'parameter "{param.name}": what default_sql gives, {phrase}', param=param.name) from None


def _check_choice(param: Param, value: Any, allowed: Sequence[str]) -> None:
    for each in value if param.many else [value]:
        if each not in allowed:
            raise _no_choice(param, each, allowed)


def _column(path: Path) -> Iterator[str | None]:
    return (row[0] for row in read(path))


def _no_choice(param: Param, value: str, allowed: Sequence[str]) -> ParamsError:
    shown = "the value" if param.secret else f'"{value}"'
    hint = "" if param.secret else nearest(value, allowed)
    more = f" and {len(allowed) - _LISTED_MAX} more" if len(allowed) > _LISTED_MAX else ""
    some = ", ".join(allowed[:_LISTED_MAX]) + more
    return ParamsError(
        f'parameter "{param.name}": {shown} is no choice{hint} (there are: {some or "none"})', param=param.name
    )
