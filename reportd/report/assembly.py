"""A report put together from what its files hold: front matter, blocks, placeholders, code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from reportd.errors import ParamsError, ReportError
from reportd.report import bursting, declarations, plans
from reportd.report.blocks import NAME
from reportd.report.definition import FORMATS_DEFAULT, Block, Code, Param, Report, ReportSource
from reportd.report.fault import fault, nearest
from reportd.report.formats import title_of
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.lexer import placeholders
from reportd.report.looks import looks
from reportd.report.params import check, resolve

KEYS = (
    *("title", "subtitle", "description", "author", "confidentiality", "formats", "timezone", "locale", "paper"),
    *("queue", "priority", "timeout_s", "max_rows", "params", "schedule", "schedules", "templates"),
    *("deliver", "columns", "burst", "retain", "pdf"),
)
# A key that people look for is told by name: nobody shall believe a file to be locked that is not.
_UNPROTECTED = (
    "protect: reportd encrypts no files, and the protection of a sheet keeps nobody from reading it; limit who gets the"
    " file (deliver, the rights of storage.artifacts_dir), or have the channel encrypt it"
)


def assemble(
    source: ReportSource,
    front: FrontMatter,
    blocks: Sequence[Block],
    uses: Iterable[tuple[str, int]],
    *,
    code: Code | None = None,
) -> Report:
    """The report of `source`; `uses` are its placeholders, each with the line of its first use. Errors: ReportError."""
    if "protect" in front.values:
        raise front.fault(("protect",), _UNPROTECTED)
    table = Table(front, (), front.values, KEYS)
    declared = declarations.params(front)
    timezone = declarations.timezone_of(table)
    params = (*declared, *_undeclared(uses, declared))
    found_burst = bursting.burst(front, params)
    if found_burst and found_burst.split and code and code.fetch:
        message = f"burst: split shares out the rows of .sql blocks, and fetch in {code.file} asks for rows by itself"
        raise front.fault(("burst", "split"), message)
    report = Report(
        name=source.name,
        title=table.text("title") or title_of(source.name),
        source=source,
        blocks=tuple(blocks),
        params=params,
        schedules=plans.schedules(front, source.name, timezone=timezone),
        templates=plans.templates(front),
        subtitle=table.text("subtitle"),
        description=table.text("description"),
        author=table.text("author"),
        confidentiality=table.text("confidentiality"),
        formats=declarations.formats_of(table) or FORMATS_DEFAULT,
        timezone=timezone,
        locale=table.text("locale", pattern=r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*", allowed='a locale such as "de-AT"'),
        paper=cast(Literal["A4", "Letter"] | None, table.text("paper", one_of=("A4", "Letter"))),
        queue=table.text("queue", pattern=NAME, allowed="a queue's name: lower-case letters, digits, _ and -"),
        priority=table.integer("priority", low=-9, high=9),
        timeout_s=table.seconds("timeout_s"),
        max_rows=table.integer("max_rows", low=1, high=2**63 - 1),
        code=code,
        columns=looks(front),
        burst=found_burst,
        retain_s=declarations.retain_of(table),
        attach=declarations.attached(front),
        deliver=declarations.delivering(front, blocks=None if code else [block.name for block in blocks]),
    )
    _check_values(front, report)
    _check_subs(source.path, report.blocks)
    return report


def _check_subs(path: str, blocks: Sequence[Block]) -> None:
    """Each `@sub` names a block that has rows to stand under."""
    parents = [block.name for block in blocks if block.kind in ("table", "data")]
    for block in blocks:
        of = block.options.get("of", "")
        if block.kind == "sub" and of not in parents:
            place = path if path.endswith(block.file) else f"{path}/{block.file}"
            known = ", ".join(parents) or "none"
            message = f"@sub {block.name}: of={of} is no @table or @data of this report{nearest(of, parents)} ({known})"
            raise fault(place, message, line=block.line, column=block.column)


def _check_queries(front: FrontMatter, report: Report, param: Param) -> None:
    """The queries of a parameter use other declared ones, and none whose default is asked for later."""
    known = {name for other in report.params if other.type != "any" and other != param for name in other.names}
    place = report.params.index(param)
    later = {name for other in report.params[place:] if other.default_block for name in other.names}
    for key, block in (("choices_sql", param.choices_block), ("default_sql", param.default_block)):
        for used in _used(front, param, key, block) if block else ():
            wrong = None
            if used not in known:
                wrong = f":{used} is no other declared parameter"
            elif used in later:
                wrong = f':{used} has a default_sql too and comes later; declare it before "{param.name}"'
            if wrong:
                raise front.fault(("params", param.name, key), f"params.{param.name}.{key}: {wrong}")


def _used(front: FrontMatter, param: Param, key: str, block: Block) -> list[str]:
    try:
        return [token.name for token in placeholders(block.sql)]
    except ReportError as error:
        raise front.fault(("params", param.name, key), f"params.{param.name}.{key}: {error.message}") from None


def _undeclared(uses: Iterable[tuple[str, int]], declared: Sequence[Param]) -> list[Param]:
    """A parameter for every placeholder that none of `declared` gives, in the order of their first use."""
    given = {name for param in declared for name in param.names}
    first: dict[str, int] = {}
    for name, line in uses:
        if name not in given:
            first.setdefault(name, line)
    return [Param(name, "any", title_of(name), required=True, line=line) for name, line in first.items()]


def _check_values(front: FrontMatter, report: Report) -> None:
    """Defaults, limits, templates' and schedules' params fit their declarations; period words are tried at one time."""
    now, timezone = datetime(2026, 1, 1, tzinfo=UTC), report.timezone or "UTC"
    for param in report.params:
        _check_queries(front, report, param)
        try:
            check(param, now=now, timezone=timezone)
        except ParamsError as error:
            raise front.fault(("params", param.name, error.detail["key"]), error.message) from None
    presets = {template.name: template.params for template in report.templates}
    for template in report.templates:
        # What it leaves out, the job that names it may add.
        given = [param for param in report.orderable if not param.required or param.name in template.params]
        try:
            resolve(given, template.params, now=now, timezone=timezone)
        except ParamsError as error:
            raise fault(front.path, f'template "{template.name}": {error.message}', line=template.line) from None
    for schedule in report.schedules:
        if schedule.template is not None and schedule.template not in presets:
            continue  # made by SQL: the database knows it
        params = {**presets.get(schedule.template or "", {}), **schedule.params}
        try:
            resolve(report.orderable, params, now=now, timezone=schedule.timezone or timezone)
        except ParamsError as error:
            raise fault(front.path, f'schedule "{schedule.name}": {error.message}', line=schedule.line) from None
