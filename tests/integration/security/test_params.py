"""Hostile values of params: each arrives as what it is, or is refused before the database hears of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reportd.db.pool import Pool, create_pool
from reportd.errors import ParamsError
from reportd.report.params import resolve
from tests.integration.security.asking import NOW, ZONE, fetched, report, rows
from tests.integration.security.conftest import Connection, Ground

HEAD = """
    params.text   = { type = "text" }
    params.secret = { type = "text", secret = true }
    params.many   = { type = "text", many = true }
    params.dark   = { type = "text", many = true, secret = true }
    params.choice = { type = "enum", choices_sql = "select 'north' as name" }
"""
SQL = """\
select :text as a, (:secret) as b, (:many)[1] as c, (:dark)[2] as d, :choice as e, :undeclared || '' as f,
  :'text' as g, ':text' as h, $q$:text$q$ as i, "h:text" as j /* :text */ -- :text
from (select ':secret' as "h:text") as t
where :text = :undeclared and not :text = :text || '.' and array_length(:many, 1) = 1
"""

HOSTILE = {
    "a statement": "'; drop table orders; --",
    "a statement after a backslash": "\\'; drop table orders; --",
    "one quote": "'",
    "two quotes": "''",
    "many quotes": "'" * 9_999,
    "a backslash": "\\",
    "backslashes and quotes": "\\\\'\\''\\",
    "a double quote": '"',
    "braces and commas of an array": '{"a",NULL,\\"b\\"}',
    "an escape string": "E'\\''",
    "a unicode escape": "\\0027 \\u0027 U&'\\0027; drop table orders; --'",
    "a typographic apostrophe": "’ʼ＇; drop table orders; --",
    "a byte that could eat a backslash": "Á\\'; drop table orders; --",
    "a dollar quote": "$$; drop table orders; $$",
    "a tagged dollar quote": "$q$; drop table orders; $q$",
    "a positional parameter": "$1 $2 ${3}",
    "a placeholder": ":text :'secret' ::int",
    "a comment": "-- /* */",
    "an opened comment": "/*",
    "a closed comment": "*/ ; drop table orders",
    "COPY's end": "\\.",
    "COPY's parenthesis": ") to program 'touch /tmp/reportd-was-here' --",
    "a line break": "\r\n; drop table orders\n",
    "a line break before a comment": "\n--",
    "control characters": "\x01\x08\x1a\x1b\x7f\u0085\u2028",
    "a zero-width space and a mark": "\u200b\ufeff\u202e",
    "an emoji of four bytes": "😀'😀\\",
    "a format": "%s %(text)s {0} {text} %1$s",
    "NULL": "NULL",
    "default": "default",
    "nothing but space": " \t ",
    "an expression": "1 or 1=1",
    "a call": "pg_sleep(10)",
    "a million characters": "x'" * 500_000,
}

TYPED: dict[str, tuple[str, Any]] = {
    "int": ("", 1),
    "numeric": ("", 1),
    "bool": ("", True),
    "date": ("", "2026-01-01"),
    "timestamp": ("", "2026-01-01"),
    "daterange": ("", "2026-01"),
    "uuid": ("", "0a1b2c3d-0000-4000-8000-000000000000"),
    "enum": (', choices = ["1", "north"]', "north"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_text_is_a_text(
    ground: Ground, pool: Pool, admin: Connection, tmp_path: Path, name: str
) -> None:
    value = HOSTILE[name]
    raw = {"text": value, "secret": value, "many": [value], "dark": ["", value], "choice": value, "undeclared": value}
    before = await ground.state(admin)

    made = await fetched(pool, tmp_path / "1", report(SQL, head=HEAD), raw)

    assert rows(made) == [[value] * 7 + [":text", ":text", ":secret"]]
    assert await ground.state(admin) == before


@pytest.mark.parametrize("scs", ["off", "on"])
async def test_backslashes_mean_themselves_whatever_the_server_says(
    ground: Ground, admin: Connection, tmp_path: Path, scs: str
) -> None:
    value = "\\'; drop table orders; --"
    await admin.execute(f"alter role {ground.report_role} set standard_conforming_strings = {scs}")
    pool = await create_pool(
        ground.report_dsn, min_size=0, max_size=1, application_name="reportd report", statement_cache_size=0
    )
    asked = report("select :text as a, 'a\\' as b, :secret as c", head=HEAD)
    try:
        made = await fetched(pool, tmp_path / "1", asked, {"text": value, "secret": value})
    finally:
        await pool.close()
        await admin.execute(f"alter role {ground.report_role} reset standard_conforming_strings")

    assert rows(made) == [[value, "a\\", value]]


@pytest.mark.parametrize("type", TYPED)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_a_hostile_value_of_another_type_is_refused_by_name(type: str, many: bool) -> None:
    more, good = TYPED[type]
    asked = report("select :p as p", head=f'params.p = {{ type = "{type}"{more}, many = {str(many).lower()} }}')
    resolve(asked.params, {"p": [good] if many else good}, now=NOW, timezone=ZONE)

    for value in (*HOSTILE.values(), "1; select 2", "1'", "1--", "١", "0x1", "1e9999", "", {"a": 1}, [["1"]]):
        with pytest.raises(ParamsError) as refused:
            resolve(asked.params, {"p": [value] if many else value}, now=NOW, timezone=ZONE)
        assert 'parameter "p"' in refused.value.message
        assert len(refused.value.message) < 500


@pytest.mark.parametrize("type", ["text", "any", "enum"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["NUL", "half a pair"])
def test_what_is_no_text_is_refused_by_name(type: str, value: str) -> None:
    declared = {
        "text": 'params.p = { type = "text" }',
        "enum": 'params.p = { type = "enum", choices_sql = "select 1::text as n" }',
    }
    asked = report("select :p as p", head=declared.get(type, ""))

    with pytest.raises(ParamsError, match='parameter "p"'):
        resolve(asked.params, {"p": value}, now=NOW, timezone=ZONE)
