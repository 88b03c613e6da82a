"""A report's template over its document: what it shows in a browser, and what it says when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reportd.errors import ReportError
from reportd.render.html import html_of
from reportd.render.task import RenderSettings
from reportd.render.view import view_of
from reportd.render.webpage import HTML
from tests.folders import DAYS, HEAD, ORDERS, TOTALS, body, document
from tests.spooled import Given
from tests.unit.render.test_webpage import Page

LETTER = """
{% block style %}.letter { margin: 9pt }{% endblock %}
{% block body %}
<div class="letter"><p>{{ text("dear", name=rows("orders")[0].customer) }}<br>
{% for row in values("orders") if row.amount is not none %}{{ loop.index }}: {{ "%.1f" % row.amount }};{% endfor %}</p>
<p title="{{ title }}">{{ rows("totals")[0].revenue }}, {{ values("orders")|length }} rows</p></div>
{{ block("orders") }}
<!-- a note -->
<img src="{{ asset("logo.svg") }}" alt="ACME">
{% endblock %}
"""
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def web(directory: Path, files: Mapping[str, str | bytes], *blocks: Given, locale: str = "en") -> str:
    """The HTML file of the report of `files`."""
    made = document(directory / "spool", files, *blocks, locale=locale)
    (file,) = HTML().render(made, out=directory, settings=RenderSettings())
    return Path(file.path).read_text(encoding="utf-8")


def test_a_template_shows_its_words_and_the_standard_table(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "template.html": HEAD + LETTER,
        "logo.svg": LOGO,
        "i18n/en.toml": '[texts]\ndear = "Dear {name}!"\n',
    }
    text = web(tmp_path, files)
    page = Page(text)
    assert "Dear Ann <b>!" in page.texts
    assert "1: 1234.5;2: -2.0;" in text
    assert "1,232.50, 3 rows" in page.texts
    assert ["North", "Ann <b>", "1,234.50"] in page.rows
    assert "a note" not in text
    assert 'src="data:image/svg+xml;base64,' in text
    assert "By region" not in text  # the chart, which the template leaves out
    assert text.index("Dear") < text.index("<table") < text.index("<img")
    assert ".letter { margin: 9pt }" in text


def test_a_page_that_went_through_the_list_is_what_a_browser_reads(tmp_path: Path) -> None:
    """A template that changes nothing makes the page that there is without one."""
    blocks = (TOTALS, DAYS, ORDERS)
    plain = Page(web(tmp_path / "plain", {}, *blocks))
    own = Page(web(tmp_path / "own", {"template.html": HEAD}, *blocks))
    assert own.rows == plain.rows
    assert [text for text in own.texts if text] == [text for text in plain.texts if text]


def test_rows_past_what_fits_in_memory_stand_in_a_block(tmp_path: Path) -> None:
    many = Given("table", {"n": "integer"}, [(n,) for n in range(3000)], name="orders")
    text = web(tmp_path, body('{{ block("orders") }}'), many)
    assert text.count("<tr>") > 3000


def test_a_marker_that_a_template_makes_up_is_nothing(tmp_path: Path) -> None:
    text = web(tmp_path, body('<div data-of="99"></div><p>{{ title }}</p>'), ORDERS)
    assert "<p>Sales</p>" in text


def test_a_theme_colours_page_and_charts(tmp_path: Path) -> None:
    css = ':root { --accent: #0b6a4a; --font: "Brand", serif; --logo: url(logo.svg) }'
    text = web(tmp_path, {"theme.css": css, "logo.svg": LOGO})
    assert "--accent: #0b6a4a;" in text
    assert 'fill="#0b6a4a"' in text
    ours, own = 'html { font-family: "Source Sans 3"', 'html { font-family: "Brand", serif, "Source Sans 3"'
    assert text.index(ours) < text.index(own), "the later rule holds"
    assert '<img class="logo" src="data:image/svg+xml;base64,' in text
    assert "#1f5c99" not in text


def test_a_page_speaks_the_language_of_its_locale(tmp_path: Path) -> None:
    de = 'title = "Umsätze"\n[blocks]\norders = "Bestellungen"\n[columns]\namount = "Betrag"\n'
    page = Page(web(tmp_path, {"i18n/de.toml": de}, locale="de"))
    assert "Umsätze" in page.texts
    assert "Bestellungen" in page.texts
    assert ["Region", "Customer", "Betrag"] in page.rows
    assert "1.234,50" in page.rows[1]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('\n{{ rows("orders")[0].custmer }}', 4, 'there is no "custmer"; did you mean "customer"?'),
        ('{{ rows("orders")[9].customer }}', 3, "list object has no element 9"),
        ("{{ params.perod }}", 3, 'there is no "perod"'),
        ('{% set name = "ordres" %}\n\n{{ block(name) }}', 5, 'there is no block "ordres"; did you mean "orders"?'),
        ('{% set name = "ordres" %}{{ rows(name) }}', 3, 'there are no rows of "ordres"; did you mean "orders"?'),
        ('{% set name = "x.svg" %}{{ asset(name) }}', 3, 'the report has no file "x.svg"; did you mean "a.svg"?'),
        ('{% set name = "heloo" %}{{ text(name) }}', 3, 'there is no text "heloo"; did you mean "hello"?'),
        ('{{ values("orders")|sum("customer") }}', 3, "unsupported operand"),
        ("{{ title() }}", 3, "'str' object is not callable"),
        ('{% include "part.html" %}', None, 'there is no "nothing"'),
    ],
)
def test_what_goes_wrong_is_told_with_its_line(text: str, line: int | None, message: str, tmp_path: Path) -> None:
    files = {**body(text), "part.html": "\n\n{{ params.nothing }}", "a.svg": LOGO, "i18n/en.toml": '[texts]\nhello="x"'}
    with pytest.raises(ReportError) as raised:
        html_of(view_of(document(tmp_path, files, ORDERS), rows_max=10))
    place = f"template.html:{line}: " if line else "part.html:3: "
    assert raised.value.message.startswith(f"reports/sales/{place}"), raised.value.message
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<script>alert(1)</script>', "template.html:3: <script> can't stand in a document"),
        ('<p onclick="x()">x</p>', "template.html:3: <p> has no onclick in a document"),
        ('\n<img src="a.svg">', 'template.html:4: a document loads nothing: pictures are the report\'s own files; '
         'write {{ asset("a.svg") }}'),
        ('<p style="background: url(//x/y)">', "template.html:3: a document loads nothing"),
    ],
)  # fmt: skip
def test_what_may_not_stand_in_a_document_is_told_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ReportError) as raised:
        web(tmp_path, {**body(text), "a.svg": LOGO}, ORDERS)
    assert f"reports/sales/{message}" in raised.value.message
