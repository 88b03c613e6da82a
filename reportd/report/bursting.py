"""`[burst]` in the front matter: one query, one document per row; or one snapshot, one document per key."""

from __future__ import annotations

from collections.abc import Sequence

from reportd.errors import ReportError
from reportd.report.definition import Block, Burst, Param
from reportd.report.fault import nearest
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.lexer import placeholders

NAME = "burst"
_KEYS = ("sql", "params", "split", "name", "deliver")


def burst(front: FrontMatter, params: Sequence[Param]) -> Burst | None:
    """What `burst` says; `params` are the report's. Errors: ReportError with the line and the nearest name."""
    if "burst" not in front.values:
        return None
    table = Table(front, ("burst",), front.values["burst"], _KEYS)
    sql = table.text("sql")
    split = _split(table)
    if sql is None and not split:
        raise front.fault(("burst",), 'burst: sql is missing, such as sql = "select id as customer from customers"')
    provided = table.texts("params", allowed='a list of parameters, such as ["customer"]')
    if split and provided is not None:
        raise table.fault("params", "split shares out the rows of one run, and params run each document by itself")
    if provided is None and not split:
        raise front.fault(("burst",), 'burst: params is missing: the columns that are parameters, such as ["customer"]')
    by_name = {param.name: param for param in params}
    for name in provided or ():
        if name not in by_name:
            raise table.fault("params", f'the report has no parameter "{name}"{nearest(name, by_name)}')
        if by_name[name].many:
            raise table.fault("params", f'"{name}" takes a list, and a row gives one value')
    provided = provided or ()
    given = {name for param in params if param.name not in provided and param.type != "any" for name in param.names}
    try:
        used = [token.name for token in placeholders(sql or "")]
    except ReportError as error:
        raise table.fault("sql", error.message) from None
    for name in used:
        if name not in given:
            reason = "is what the rows give" if name in provided else "is no declared parameter"
            raise table.fault("sql", f":{name} {reason}{nearest(name, given) if name not in provided else ''}")
    file, line = front.path.rpartition("/")[2], front.line("burst", "sql") if sql else 0
    return Burst(
        block=Block("data", NAME, "", sql.strip().removesuffix(";"), line, file) if sql else None,
        params=provided,
        name=table.text("name"),
        deliver=table.texts("deliver", allowed='a list of targets, such as ["file:{name}/"]') or (),
        split=split,
        line=front.line("burst"),
    )


def _split(table: Table) -> tuple[str, ...]:
    """The key columns: `split = "customer_id"`, or a list."""
    if isinstance(table.any("split"), str):
        return (table.text("split") or "",)
    allowed = 'the column that says whose a row is, such as "customer_id", or a list of columns'
    return table.texts("split", allowed=allowed) or ()
