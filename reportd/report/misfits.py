"""Options of blocks, and fields of charts, that name columns which the query does not give, with each name's place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reportd.errors import ReportError
from reportd.report import vega
from reportd.report.blocks import BLOCKS
from reportd.report.definition import Block, Report
from reportd.report.fault import fault, nearest

# Whose columns an option of a subreport names: its own, the parent's, or both.
_OF_THE_PARENT = {("sub", "head"): (False, True), ("sub", "by"): (True, True)}


def misfits(report: Report, columns: Mapping[str, Sequence[str]]) -> Iterator[ReportError]:
    """What is wrong with the options of `report`'s blocks, and with its charts; the queries give `columns` (by block;
    unknown ones left out). The errors' files are as the blocks name them.
    """
    for block in report.blocks:
        for option, takes in BLOCKS[block.kind].options.items():
            if takes not in ("column", "columns") or option not in block.options:
                continue
            own, parents = _OF_THE_PARENT.get((block.kind, option), (True, False))
            for name in block.options[option].split(","):
                for of in (*([block.name] if own else []), *([block.options["of"]] if parents else [])):
                    if of in columns and name not in columns[of]:
                        yield _misfit(report, block, option, name, of=of, columns=columns[of])
    for chart in report.charts.values():
        yield from vega.misfits(chart, columns)


def _misfit(report: Report, block: Block, option: str, name: str, *, of: str, columns: Sequence[str]) -> ReportError:
    line, column = _place(report, block, option, name)
    has = nearest(name, columns) or f" (it has {', '.join(columns)})"
    query = "the query" if of == block.name else f'the query of "{of}"'
    return fault(block.file, f'{option}={name}: {query} has no column "{name}"{has}', line=line, column=column)


def _place(report: Report, block: Block, option: str, name: str) -> tuple[int, int | None]:
    """Line and column of `name` in the line that opens `block`; the query's line where that can't be found."""
    lines = report.source.files.get(block.file.rpartition("/")[2], "").split("\n")
    opening = re.compile(rf"\s*--\s*@{block.kind}\b")
    for number in range(min(block.line, len(lines)), 0, -1):
        if opening.match(lines[number - 1]):
            found = re.search(rf"\s{option}=.*?(?<![\w]){re.escape(name)}(?![\w])", lines[number - 1])
            return number, (found.end() - len(name) + 1 if found else None)
    return block.line, None
