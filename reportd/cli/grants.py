"""`reportd grants`: the SQL that makes the roles which reportd's parts and users should connect as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

import click

from reportd.cli.output import emit_json

_ROLES = ("owner", "worker", "report", "producer", "reader")
_VARIABLE = re.compile(r""":(?:"(?P<name>[a-z]+)"|'(?P<text>[a-z]+)'|(?P<list>schemas)\b)""")


@click.command()
@click.option("--prefix", default="reportd", show_default=True, help="What the roles' names begin with.")
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    default=("public",),
    show_default=True,
    help="What reports may read; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="The roles' names and the SQL as JSON.")
def grants(*, prefix: str, schemas: tuple[str, ...], as_json: bool) -> None:
    """Print the SQL that makes roles for owner, worker, report, producer and reader; changes nothing by itself.

    Apply it after `reportd migrate`, as a superuser: reportd grants | psql -v ON_ERROR_STOP=1 DATABASE
    """
    roles = {role: f"{prefix}_{role}" for role in _ROLES}
    if max(map(len, roles.values())) > 63 or "\0" in prefix:
        raise click.BadParameter("a role's name has at most 63 characters", param_hint="--prefix")
    statements = sql(roles, schemas=schemas)
    if as_json:
        emit_json({"roles": roles, "schemas": schemas, "sql": statements})
    else:
        click.echo(statements, nl=False)


def sql(roles: Mapping[str, str], *, schemas: tuple[str, ...]) -> str:
    """The script with names filled in: `roles` by what they are for, `schemas` that reports may read."""
    text = resources.files("reportd.cli").joinpath("grants.sql").read_text(encoding="utf-8")

    def filled(match: re.Match[str]) -> str:
        if match["list"]:
            return f"array[{', '.join(map(_literal, schemas))}]"
        return _identifier(roles[match["name"]]) if match["name"] else _literal(roles[match["text"]])

    return _VARIABLE.sub(filled, text)


def _identifier(name: str) -> str:
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name)
    return name if plain else '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    # A backslash means itself only where standard_conforming_strings is on; E'' means the same everywhere.
    quoted = text.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"
