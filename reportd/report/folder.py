"""Reads a report from its directory: `report.toml`, `*.sql` in the order of their names, `report.py`.

```
reports/sales/
  report.toml     what a single file has as front matter
  1-totals.sql    blocks, as in a single file; without a line that opens one, the file is a table called `totals`
  2-orders.sql
  report.py       fetch(ctx) and build(params, data), where SQL alone does not do
  theme.css       colours, font and logo
  template.html   a page of its own; other .html files may be included
  orders.vl.json  a chart of the block `orders`, in Vega-Lite
  i18n/de.toml    the report in another language
  logo.svg, …     pictures and fonts that theme and template name
```
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from reportd.report import assets, blocks, frontmatter, sqlfile, template, theme, translation, vega
from reportd.report.assembly import assemble
from reportd.report.definition import Block, Code, Report, ReportSource, Specification
from reportd.report.fault import fault
from reportd.report.frontmatter import FrontMatter

TOML = "report.toml"
CODE = "report.py"
MARKS = (TOML, CODE)
"""A directory with one of these files is a report."""

HOOKS = {"fetch": ("ctx",), "build": ("params", "data")}
"""What `report.py` may define, and what each is called with."""


def belongs(file: str) -> bool:
    """Whether the text file of this name is part of the report whose directory it lies in, or has as `i18n/de.toml`."""
    return (
        file in (*MARKS, theme.FILE)
        or (file.endswith((".sql", ".html")) and not file.startswith(".") and "/" not in file)
        or translation.belongs(file)
        or vega.belongs(file)
    )


def is_asset(file: str) -> bool:
    """Whether a file of this name is one of the report's pictures and fonts."""
    return assets.is_asset(file)


def parse(source: ReportSource) -> Report:
    """The report whose directory `source` holds; its `path` is the directory's. Errors: ReportError."""
    front = FrontMatter(f"{source.path}/{TOML}", {})
    if TOML in source.files:
        front = frontmatter.read_file(front.path, source.files[TOML])
    code = _code(f"{source.path}/{CODE}", source.files[CODE]) if CODE in source.files else None
    found: list[Block] = []
    uses: list[tuple[str, int]] = []
    taken: dict[str, str] = {}
    for file, text in sorted(source.files.items()):
        if not file.endswith(".sql"):
            continue
        path = f"{source.path}/{file}"
        read = sqlfile.contents(path, text, name=_name(path, file), file=f"{source.name}/{file}", taken=taken)
        if read.front.lines:
            message = f"the front matter of a report that is a directory stands in its {TOML}"
            raise fault(path, message, line=read.front.first - 1)
        found += read.blocks
        uses += read.uses
    if not found and code is None:
        raise fault(source.path, f"holds no .sql file and no {CODE}: a report needs one")
    return _furnished(assemble(source, front, found, uses, code=code))


def _furnished(report: Report) -> Report:
    """`report` with its theme, its translations, its charts and its template."""
    source = report.source
    translations = {
        translation.tag_of(file): translation.parse(
            source.path, file, text, blocks=report.blocks, params=report.params, coded=report.code is not None
        )
        for file, text in sorted(source.files.items())
        if translation.belongs(file)
    }
    look = report.theme
    if theme.FILE in source.files:
        look = theme.parse(f"{source.path}/{theme.FILE}", source.files[theme.FILE], assets=source.assets)
    own = replace(report, theme=look, translations=translations, charts=_charts(report))
    pages = {file: text for file, text in source.files.items() if file.endswith(".html")}
    return replace(own, template=template.parse(own, pages)) if pages else own


def _charts(report: Report) -> dict[str, Specification]:
    """The charts of the author's own, by the blocks that they are named for."""
    source = report.source
    kinds = {block.name: block.kind for block in report.blocks} if report.code is None else None
    charts = {}
    for file, text in sorted(source.files.items()):
        if vega.belongs(file):
            block = file.removesuffix(vega.SUFFIX)
            path, place = f"{source.path}/{file}", f"{source.name}/{file}"
            charts[block] = vega.parse(path, text, file=place, block=block, kinds=kinds)
    return charts


def _name(path: str, file: str) -> str:
    """What the table of a file without openings is called: the file's name without the number that puts it in order."""
    name = re.sub(r"^[0-9]+[-_. ]+", "", file.removesuffix(".sql"))
    if not re.fullmatch(blocks.NAME, name):
        raise fault(path, "is named with lower-case letters, digits, _ and -, at most 63; rename it")
    return name


def _code(path: str, text: str) -> Code:
    """Which hooks `text` defines. It is read, not run: only render children run a report's code."""
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise fault(path, f"is not Python: {error.msg}", line=error.lineno, column=error.offset) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise fault(path, f"is not Python: {error}") from None
    found = set()
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in HOOKS:
            _check_hook(path, node)
            found.add(node.name)
    if not found:
        raise fault(path, "defines neither fetch(ctx) nor build(params, data)", line=1)
    return Code(CODE, fetch="fetch" in found, build="build" in found)


def _check_hook(path: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    wanted = HOOKS[node.name]
    call = f"{node.name}({', '.join(wanted)})"
    if isinstance(node, ast.AsyncFunctionDef):
        raise fault(path, f"{call} is called, not awaited: write def in place of async def", line=node.lineno)
    given = [*node.args.posonlyargs, *node.args.args]
    needed = len(given) - len(node.args.defaults)
    keywords = [a for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is None]
    if not (needed <= len(wanted) and (len(given) >= len(wanted) or node.args.vararg)) or keywords:
        raise fault(path, f"{node.name} is called as {call}", line=node.lineno)
