"""Reports that are directories, with rows made from Python values: theme, languages and template without a database."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reportd.render.build import build
from reportd.render.task import RenderSettings
from reportd.report import translation
from reportd.report.definition import Report, ReportSource
from reportd.report.document import Document
from reportd.report.reader import read
from tests.spooled import Given, spooled

ORDERS = Given(
    "table",
    {"region": "text", "customer": "text", "amount": "numeric"},
    [("North", "Ann <b>", "1234.50"), ("North", "Łukasz", "-2.00"), ("South", None, None)],
    "Orders",
    name="orders",
)
TOTALS = Given("kpi", {"revenue": "numeric"}, [("1232.50",)], name="totals")
DAYS = Given("bar", {"region": "text", "amount": "numeric"}, [("North", 5), ("South", 7)], "By region", name="days")
HEAD = '{% extends "base.html" %}\n'


def source(files: Mapping[str, str | bytes], *blocks: Given) -> ReportSource:
    """The report `sales` of these files (bytes are assets), with an `.sql` file for each block."""
    texts = {name: text for name, text in files.items() if isinstance(text, str)}
    assets = {name: b64encode(content).decode() for name, content in files.items() if isinstance(content, bytes)}
    sql = {
        f"{number}-{block.name}.sql": f'-- @{block.kind} {block.name} "{block.title}" {_options(block)}\nselect 1;\n'
        for number, block in enumerate(blocks)
    }
    return ReportSource("sales", {"report.toml": 'title = "Sales"\n', **sql, **texts}, "reports/sales", assets)


def _options(block: Given) -> str:
    return " ".join(f"{name}={value}" for name, value in block.options.items())


def report(files: Mapping[str, str | bytes], *blocks: Given) -> Report:
    """The report of `source`, read as every report is. Errors: ReportError."""
    return read(source(files, *(blocks or (TOTALS, DAYS, ORDERS))))


def body(text: str) -> dict[str, str | bytes]:
    """The files of a report whose template has `text` for its body."""
    return {"template.html": f"{HEAD}{{% block body %}}\n{text}\n{{% endblock %}}"}


def document(
    directory: Path, files: Mapping[str, str | bytes], *blocks: Given, locale: str = "en", title: str | None = None
) -> Document:
    """What a render child builds of the report in `locale`; words of its own are for `speaking`."""
    blocks = blocks or (TOTALS, DAYS, ORDERS)
    read_report = replace(translation.localised(report(files, *blocks), locale), locale=locale)
    _, dataset = spooled(directory, *blocks)
    return build(read_report, dataset, settings=RenderSettings(), title=title)
