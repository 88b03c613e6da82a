"""What is proved of a template before it is used. What it may not reach is attacked in `integration/security`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reportd.errors import ReportError
from reportd.render.page import THEME
from reportd.report import template
from tests.folders import DAYS, HEAD, ORDERS, TOTALS, body, report


def test_a_template_that_names_what_there_is_passes() -> None:
    text = """
    {% set total = values("orders")|sum("amount") %}
    {% for row in rows("orders") if row.region %}{{ loop.index }} {{ row.region|upper }}{% else %}none{% endfor %}
    {% macro cell(x) %}<td>{{ x|default("–") }}{{ caller() if caller }}</td>{% endmacro %}{{ cell(total) }}
    {{ block("orders") }}{% for name in blocks %}{{ block(name) }}{% endfor %}{% include "part.html" %}
    {% from "part.html" import bold as strong %}{{ strong("x") }}{{ title ~ subtitle ~ as_of ~ locale }}
    """
    files = {**body(text), "part.html": "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}{{ total }}"}
    made = report(files, ORDERS).template
    assert made is not None
    assert set(made.files) == {"template.html", "part.html"}


def test_blocks_that_code_makes_are_not_known_beforehand() -> None:
    code = "def build(params, data): ...\n"
    assert report({**body('{{ block("computed") }}'), "report.py": code}, ORDERS).template


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('\n{{ block("ordres") }}', 4, 'block("ordres"): there is none of this name; did you mean "orders"?'),
        ('{{ rows("total") }}', 3, 'rows("total"): there is none of this name; did you mean "totals"?'),
        ('{{ text("hello") }}', 3, 'text("hello"): there is none of this name (none)'),
        ('{{ asset("logo.svg") }}', 3, 'asset("logo.svg"): there is none of this name (none)'),
        ("{{ titel }}", 3, '"titel" is nothing that a template has; did you mean "title"?'),
        ("{{ title|uper }}", 3, 'there is no filter "uper"; did you mean "upper"?'),
        ("{{ title is numbr }}", 3, 'there is no test "numbr"; did you mean "number"?'),
        ("\n\n{% if %}", 5, "can't be read: Expected an expression"),
        ("{% for x in rows('orders') %}", 4, "can't be read: Encountered unknown tag 'endblock'"),
        ("{{ title }", 3, "can't be read: unexpected '}'"),
        ('{% include "par.html" %}', 3, 'by name; did you mean "part.html"? (there is: part.html)'),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ReportError) as raised:
        report({**body(text), "part.html": ""}, TOTALS, DAYS, ORDERS)
    assert re.match(rf"reports/sales/template\.html:{line}: ", raised.value.message), raised.value.message
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<p>x</p>", ':1: begins with {% extends "base.html" %}'),
        (f"{HEAD}<p>x</p>", ":2: this stands outside of the blocks, where nothing is shown"),
        (f"{HEAD}{{{{ title }}}}", ":2: this stands outside of the blocks"),
        (f"{HEAD}{{% block heder %}}{{% endblock %}}", ':2: the page has no block "heder"; did you mean "header"?'),
        ('{% extends "other.html" %}', ':1: template.html extends "base.html", and nothing else does'),
        ("{% extends title %}", ':1: template.html extends "base.html", and nothing else does'),
    ],
)
def test_what_would_show_nothing_is_told(text: str, message: str) -> None:
    with pytest.raises(ReportError) as raised:
        report({"template.html": text}, ORDERS)
    assert f"reports/sales/template.html{message}" in raised.value.message


def test_a_page_without_a_template_is_told() -> None:
    with pytest.raises(ReportError, match=r"reports/sales/part\.html: is included by nothing"):
        report({"part.html": ""}, ORDERS)
    with pytest.raises(ReportError, match=r"reports/sales/base\.html: is the name of the page"):
        report({**body(""), "base.html": ""}, ORDERS)


@pytest.mark.parametrize("base", ["base.html", "web.html"])
def test_every_page_has_the_blocks_that_a_template_may_fill(base: str) -> None:
    text = (Path(THEME) / base).read_text(encoding="utf-8")
    assert re.findall(r"{% block (\w+) %}", text) == list(template.BLOCKS)
