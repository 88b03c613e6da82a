"""Reports for tests, from text."""

from __future__ import annotations

from textwrap import dedent

from reportd.report.definition import Report, ReportSource
from reportd.report.sqlfile import parse


def source(text: str, *, name: str = "sales") -> ReportSource:
    """The source of a one-file report; `text` may be indented."""
    return ReportSource(name, {f"{name}.sql": dedent(text).lstrip("\n")}, f"reports/{name}.sql")


def report(text: str, *, name: str = "sales") -> Report:
    """The report that `text` describes."""
    return parse(source(text, name=name))


def with_front(front: str, *, sql: str = "select 1 as n") -> str:
    """A report's text with `front` (TOML) as its front matter; line 2 of the file is its first line."""
    lines = dedent(front).strip("\n").splitlines()
    return "\n".join(["-- /// report", *(f"-- {line}".rstrip() for line in lines), "-- ///", sql])
