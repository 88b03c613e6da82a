"""What a template tries: to leave its sandbox, to print unescaped, to take all time or all memory.

Each ends in an error that names the line, or prints as the text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import Environment

from reportd.errors import LimitExceeded, ReportError
from reportd.render import markup, page
from reportd.render.html import html_of
from reportd.render.view import View, view_of
from reportd.report.definition import Template
from reportd.report.theme import Theme
from tests.folders import ORDERS, TOTALS, body, document, report
from tests.spooled import Given

HOSTILE = "<script>x</script>"
STYLED = "} body { background: url(http://127.0.0.1:9/x) } {"
ORDER = Given("table", {"customer": "text", "style": "text", "amount": "numeric"}, [(HOSTILE, STYLED, "1.5")], name="o")

# Attributes and items of everything that a template can lay its hands on.
WALKS = [
    "{{ title.__class__ }}",
    '{{ title["__class__"] }}',
    '{{ title["__cla" ~ "ss__"] }}',
    '{{ title["\\x5f\\x5fclass\\x5f\\x5f"] }}',
    "{{ title.__init__.__objclass__ }}",
    "{{ ().__class__.__base__.__subclasses__() }}",
    "{{ {}.__class__.__mro__ }}",
    "{{ (1).__class__ }}",
    "{{ none.__class__ }}",
    "{{ true.__class__ }}",
    "{{ block.__globals__ }}",
    '{{ block["__globals__"] }}',
    "{{ block.__code__.co_consts }}",
    "{{ block.__closure__ }}",
    "{{ block.__module__ }}",
    "{{ rows.func }}",
    "{{ rows.func.__globals__ }}",
    "{{ rows.args }}",
    "{{ rows.args[0].provenance }}",
    "{{ text.keywords }}",
    "{{ range.mro }}",
    "{{ range.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{{ namespace(a=1).__class__ }}",
    "{{ namespace(a=1)._Namespace__attrs }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.body.__class__ }}",
    "{{ self.body._context }}",
    "{% for x in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__class__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{% macro m() %}{% endmacro %}{{ m._environment }}",
    "{% macro m() %}{{ caller.__class__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% macro m() %}{{ varargs.__class__ }}{% endmacro %}{{ m(1) }}",
    '{{ (title|map("upper")).gi_frame }}',
    '{{ ([title]|map(attribute="__class__")|list)[0] }}',
    '{{ ([title]|groupby("__class__"))[0].grouper }}',
    '{{ [title]|sum("__class__") }}',
    '{{ [title]|unique(attribute="__class__")|list }}',
    '{{ [title]|selectattr("__class__")|list }}',
    '{{ [title]|rejectattr("__class__")|list }}',
    '{{ "{0.__class__}".format(title) }}',
    '{{ "{0.__class__.__mro__}".format_map({"0": title}) }}',
    '{% set f = "{0.__class__}".format %}{{ f(title) }}',
    '{{ ("{0." ~ "__class__}").format(title) }}',
    '{{ "%s"|format(block.__globals__) }}',
    '{{ values("o")[0].amount.__class__ }}',
    '{{ values("o")[0].amount.__reduce__() }}',
    '{{ block("o").__html__.__globals__ }}',
    '{{ block("o").__class__ }}',
    "{{ params.__class__ }}",
]
# What isn't there at all, told when the report is loaded.
MISSING = [
    ('{{ title|attr("__class__") }}', 'there is no filter "attr"'),
    ("{{ title|safe }}", 'there is no filter "safe"'),
    ("{% filter safe %}{{ title }}{% endfilter %}", 'there is no filter "safe"'),
    ("{{ title|xmlattr }}", 'there is no filter "xmlattr"'),
    ("{{ title|urlize }}", 'there is no filter "urlize"'),
    ("{{ title|tojson }}", 'there is no filter "tojson"'),
    ("{{ title|pprint }}", 'there is no filter "pprint"'),
    ('{{ cycler("a").__init__.__globals__ }}', '"cycler" is nothing that a template has'),
    ("{{ lipsum.__globals__.os }}", '"lipsum" is nothing that a template has'),
    ("{{ joiner.__init__ }}", '"joiner" is nothing that a template has'),
    ("{{ dict.mro() }}", '"dict" is nothing that a template has'),
    ("{{ config }}", '"config" is nothing that a template has'),
    ("{{ parts().gi_frame }}", '"parts" is nothing that a template has'),
    ("{{ metadata }}", '"metadata" is nothing that a template has'),
    ("{{ __builtins__ }}", '"__builtins__" is nothing that a template has'),
    ("{% autoescape false %}{{ title }}{% endautoescape %}", "autoescape can't be changed"),
    ('{% include "/etc/passwd" %}', "included are .html files of the report"),
    ('{% include "../../secret.html" %}', "included are .html files of the report"),
    ('{% include ["/etc/passwd", "base.html"] %}', "included are .html files of the report"),
    ("{% include title %}", "included are .html files of the report"),
    ('{% include "template.html" %}', "included are .html files of the report"),
    ('{% import "base.html" as b %}', "included are .html files of the report"),
    ('{% from "/etc/passwd" import x %}', "included are .html files of the report"),
    ("{% do title %}", "can't be read: Encountered unknown tag 'do'"),
    ("{% debug %}", "can't be read: Encountered unknown tag 'debug'"),
    ('{{ asset("../../etc/passwd") }}', "there is none of this name"),
    ('{{ rows("secrets") }}', "there is none of this name"),
]
# What would change the data that others see.
CHANGES = [
    '{{ params.update({"a": 1}) }}',
    "{{ params.clear() }}",
    '{{ params.pop("a", 1) }}',
    '{{ params.setdefault("a", 1) }}',
    "{{ blocks.append(1) }}",
    "{{ blocks.sort() }}",
    "{{ blocks.reverse() }}",
    '{{ rows("o")[0].clear() }}',
    "{{ filters.extend([1]) }}",
]
# What would take all memory or all time.
HUNGRY = [
    ("{{ range(10**9)|list }}", "Range too big"),
    ("{{ 10**(10**10) }}", "is larger than any figure"),
    ("{{ 9**(9**9) }}", "is larger than any figure"),
    ('{{ "x" * 10**9 }}', "can't be repeated so often"),
    ('{{ 10**9 * "x" }}', "can't be repeated so often"),
    ("{{ [0] * 10**9 }}", "can't be repeated so often"),
    ('{{ "%999999999d" % 1 }}', "wider than 1000 characters"),
    ('{{ "%.999999999f" % 1 }}', "wider than 1000 characters"),
    ('{{ "%*d" % (10**9, 1) }}', "wider than 1000 characters"),
    ('{{ "%(a)999999999d" % {"a": 1} }}', "wider than 1000 characters"),
    ('{{ "%999999999d"|format(1) }}', "wider than 1000 characters"),
    ('{{ "x"|center(10**9) }}', "is wider than 1000 characters"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself without an end"),
    ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "calls itself without an end"),
    ("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}", "calls itself without an end"),
    ("{{ self.body() }}", "calls itself without an end"),
    ("{{ 1 / 0 }}", "division by zero"),
]
# Ways round the escaping: `c` is a text of the data that would be a script.
ESCAPES = [
    "{{ c }}",
    '{{ "<p>" ~ c }}',
    '{{ "<p>%s</p>"|format(c) }}',
    '{{ "<p>%s</p>" % c }}',
    '{{ block("o") ~ c }}',
    '{{ block("o") % c if false else c }}',
    '{{ block("o").join([c, c]) }}',
    '{{ [block("o"), c]|join }}',
    '{{ [c, c]|join("<br>") }}',
    '{{ block("o").replace("Customer", c) }}',
    '{{ block("o")|replace("Customer", c) }}',
    '{{ block("o").unescape() }}',
    '{{ c|e|replace("&lt;", "<") }}',
    "{{ (c|e).unescape() }}",
    '{{ (c|e).replace("&lt;", "<").replace("&gt;", ">") }}',
    "{{ (c|e).striptags() }}",
    "{% for letter in c|e %}{{ letter }}{% endfor %}",
    '{{ (c|e)|truncate(9, true, "<script>") }}',
    '{{ c|default("<script>"|e) }}',
    "{% set kept %}{{ c }}{% endset %}{{ kept }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(c) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ c }}{% endcall %}",
    "{% filter upper %}{{ c }}{% endfilter %}",
    "{{ c|title }}{{ c|trim }}{{ c|list|join }}{{ c|reverse }}",
    '{{ [c]|map("escape")|map("string")|join }}',
    '{{ text("greeting", name=c) }}',
    "<!-- {{ c }} -->",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Renders a body's text over one document, and gives the page; what is wrong is raised."""
    made = document(tmp_path_factory.mktemp("spool"), {}, ORDER, title=HOSTILE)
    view = view_of(replace(made, theme=Theme()), rows_max=100)

    def render(text: str) -> str:
        files = {**body(text), "i18n/en.toml": '[texts]\ngreeting = "<p>{name}</p>"\n'}
        own = report(files, ORDER).template
        assert own is not None
        return _rendered(view, replace(own, texts={"greeting": "<p>{name}</p>"}))

    return render


def _rendered(view: View, own: Template) -> str:
    return html_of(replace(view, document=replace(view.document, template=own)))


@pytest.mark.parametrize("payload", WALKS)
def test_nothing_leads_out_of_the_data(payload: str, shown: Callable[[str], str]) -> None:
    with pytest.raises(ReportError, match=r"reports/sales/template\.html:3: ") as raised:
        shown(payload)
    assert "<class" not in raised.value.message
    assert " at 0x" not in raised.value.message


def test_the_same_walks_lead_out_of_jinja_without_its_sandbox() -> None:
    """Or else they would prove nothing."""
    led = 0
    for payload in WALKS:
        context = {"title": "x", "params": {}, "block": _rendered, "rows": _rendered, "text": _rendered}
        try:
            Environment(autoescape=True).from_string(payload).render(context, values=None)
        except Exception:  # noqa: BLE001  some need what only our own page has
            continue
        led += 1
    assert led > 30


@pytest.mark.parametrize(("payload", "message"), MISSING)
def test_what_is_not_there_is_told_before_anything_is_rendered(payload: str, message: str) -> None:
    with pytest.raises(ReportError) as raised:
        report(body(payload), ORDER)
    assert raised.value.message.startswith("reports/sales/template.html:3: ")
    assert message in raised.value.message


@pytest.mark.parametrize("payload", CHANGES)
def test_nothing_is_changed(payload: str, shown: Callable[[str], str]) -> None:
    with pytest.raises(ReportError, match=r"template\.html:3: .*unsafe"):
        shown(payload)


@pytest.mark.parametrize(("payload", "message"), HUNGRY)
def test_what_would_take_everything_is_refused(payload: str, message: str, shown: Callable[[str], str]) -> None:
    with pytest.raises(ReportError) as raised:
        shown(payload)
    assert raised.value.message.startswith("reports/sales/template.html:3: ")
    assert message in raised.value.message


@pytest.mark.parametrize("payload", ESCAPES)
def test_what_the_data_says_is_never_markup(payload: str, shown: Callable[[str], str]) -> None:
    page_of = shown(f'{{% set c = rows("o")[0].customer %}}\n{payload}')
    own = Template("reports/sales", {"template.html": ""})
    tree = markup.read(page_of, own)
    assert not [element.tag for element in tree.iter() if element.tag == "script"]
    assert "<script" not in page_of.lower().replace("<!--", "").partition("<body>")[2] or payload.startswith("<!--")


def test_a_filter_named_by_a_text_is_no_other_filter(shown: Callable[[str], str]) -> None:
    with pytest.raises(ReportError, match=r"template\.html:3: No filter named 'safe'"):
        shown('{{ [title]|map("safe")|list }}')


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (
            '<p class={{ rows("o")[0].customer|replace("<", " onclick=x ") }}>x</p>',
            "<p> has no script&gt;x in a document",
        ),
        ('<p style="{{ rows("o")[0].style }}">x</p>', "a document loads nothing"),
        ('<style>p {{ "{" }} {{ rows("o")[0].style }}</style>', "a document loads nothing"),
    ],
)
def test_data_in_an_attribute_or_a_style_gets_no_further(
    payload: str, message: str, shown: Callable[[str], str]
) -> None:
    with pytest.raises(ReportError, match=re.escape(message)):
        markup.read(shown(payload), Template("reports/sales", {"template.html": payload}))


def test_a_loop_without_an_end_is_stopped(shown: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SECONDS_MAX", 0.2)
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(LimitExceeded, match=r"template\.html does not end: it computed for"):
        shown(loops)


def test_a_page_without_an_end_is_stopped(shown: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CHARACTERS_MAX", 100_000)
    with pytest.raises(LimitExceeded, match="makes more than 100,000 characters"):
        shown("{% for a in range(99999) %}{{ title }}{% endfor %}")


def test_rows_without_an_end_are_a_block(tmp_path: Path) -> None:
    many = Given("table", {"n": "integer"}, [(n,) for n in range(2001)], name="o")
    made = document(tmp_path, body('{{ rows("o")|length }}'), many)
    with pytest.raises(ReportError, match=r'"o" has 2,001 rows, and at most 2,000 fit here: use block\("o"\)'):
        html_of(view_of(made, rows_max=10))


def test_what_is_included_runs_under_the_same_rules() -> None:
    files = {**body('{% include "part.html" %}'), "part.html": "\n{{ title|safe }}"}
    with pytest.raises(ReportError, match=r'reports/sales/part\.html:2: there is no filter "safe"'):
        report(files, TOTALS)


def test_an_included_file_that_includes_itself_ends(tmp_path: Path) -> None:
    files = {**body('{% include "part.html" %}'), "part.html": '{% include "part.html" %}'}
    with pytest.raises(ReportError, match=r"part\.html:1: calls itself without an end"):
        html_of(view_of(document(tmp_path, files, ORDERS), rows_max=10))
