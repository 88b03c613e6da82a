"""`[burst]` in the front matter: one query, one document per row."""

from __future__ import annotations

from collections.abc import Sequence

from reportd.errors import ReportError
from reportd.report.definition import Block, Burst, Param
from reportd.report.fault import nearest
from reportd.report.frontmatter import FrontMatter, Table
from reportd.report.lexer import placeholders

NAME = "burst"
_KEYS = ("sql", "params", "name", "deliver")


def burst(front: FrontMatter, params: Sequence[Param]) -> Burst | None:
    """What `burst` says; `params` are the report's. Errors: ReportError with the line and the nearest name."""
    if "burst" not in front.values:
        return None
    table = Table(front, ("burst",), front.values["burst"], _KEYS)
    sql = table.text("sql")
    if sql is None:
        raise front.fault(("burst",), 'burst: sql is missing, such as sql = "select id as customer from customers"')
    provided = table.texts("params", allowed='a list of parameters, such as ["customer"]')
    if provided is None:
        raise front.fault(("burst",), 'burst: params is missing: the columns that are parameters, such as ["customer"]')
    by_name = {param.name: param for param in params}
    for name in provided:
        if name not in by_name:
            raise table.fault("params", f'the report has no parameter "{name}"{nearest(name, by_name)}')
        if by_name[name].many:
            raise table.fault("params", f'"{name}" takes a list, and a row gives one value')
    given = {name for param in params if param.name not in provided and param.type != "any" for name in param.names}
    try:
        used = [token.name for token in placeholders(sql)]
    except ReportError as error:
        raise table.fault("sql", error.message) from None
    for name in used:
        if name not in given:
            reason = "is what the rows give" if name in provided else "is no declared parameter"
            raise table.fault("sql", f":{name} {reason}{nearest(name, given) if name not in provided else ''}")
    line = front.line("burst", "sql")
    return Burst(
        block=Block("data", NAME, "", sql.strip().removesuffix(";"), line, front.path.rpartition("/")[2]),
        params=provided,
        name=table.text("name"),
        deliver=table.texts("deliver", allowed='a list of targets, such as ["file:{name}/"]') or (),
        line=front.line("burst"),
    )
