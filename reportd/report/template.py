"""A report's own page: `template.html` fills blocks of ours, and is proved before it is used.

```html
{% extends "base.html" %}
{% block body %}
<p>{{ text("greeting") }}, {{ rows("customer")[0].name }}</p>
{{ block("orders") }}
{% endblock %}
```
`block("orders")` is what the block is without a template, long tables included. Everything else is plain data: a
template calls what is in `NAMES` and reaches nothing else, and what it prints is escaped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reportd.errors import ReportError
from reportd.report.definition import Report, Template
from reportd.report.fault import fault, nearest

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

FILE = "template.html"
BASE = "base.html"
BLOCKS = ("style", "header", "body", "footer")
"""The blocks of the page that a template may fill."""
NAMES: Mapping[str, str] = {
    "title": "the document's title, a job's name if it has one",
    "subtitle": "empty where there is none",
    "as_of": "“Data as of …”, in the document's language",
    "filters": "the parameters in words, each with label and value",
    "params": "the parameters' values by name, without the secret ones",
    "locale": "such as de-AT",
    "banners": "what was left out, in sentences",
    "blocks": "the names of all blocks",
    "block": 'block("orders"): the block as it is shown without a template',
    "rows": 'rows("orders"): its rows as texts, each by column; 2,000 at most',
    "values": 'values("orders"): the same as numbers, dates and texts, to compute with',
    "asset": 'asset("logo.png"): a picture or font of the report\'s directory, as an address',
    "text": 'text("greeting"): a text of the language\'s i18n file',
}
"""What a template finds, and what it is."""

_OF_BLOCKS = ("block", "rows", "values")
_ITS_OWN = ("self", "super", "loop", "caller", "varargs", "kwargs")


def parse(report: Report, files: Mapping[str, str]) -> Template:
    """The template that `files` (name → text) are, proved to compile and to name only what there is.

    Errors: ReportError with file, line and the nearest name.
    """
    path = report.source.path
    if FILE not in files:
        raise fault(f"{path}/{min(files)}", f"is included by nothing: a page begins in {FILE}")
    if BASE in files:
        raise fault(f"{path}/{BASE}", f"is the name of the page that {FILE} extends; rename it")
    texts = {key: text for each in report.translations.values() for key, text in each.texts.items()}
    template = Template(path, files, report.source.assets, texts)
    from reportd.report import sandbox  # Jinja, for the reports that have a template

    environment = sandbox.environment(template)
    blocks = None if report.code else [block.name for block in report.blocks]
    for file, text in sorted(files.items()):
        try:
            tree = environment.parse(text, file, f"{path}/{file}")
        except sandbox.SyntaxFault as error:
            raise fault(f"{path}/{file}", f"can't be read: {error.message}", line=error.lineno) from None
        _Proof(template, file, blocks, environment).check(tree)
        try:
            environment.compile(text, file, f"{path}/{file}")
        except (SyntaxError, RecursionError, sandbox.SyntaxFault) as error:
            raise fault(f"{path}/{file}", f"can't be compiled: {error}") from None
    return template


class _Proof:
    """Looks through the tree of one file for what would fail, or would do nothing, when it is rendered."""

    def __init__(self, template: Template, file: str, blocks: Collection[str] | None, environment: Environment) -> None:
        self._template, self._file, self._blocks = template, file, blocks
        self._filters, self._tests = environment.filters, environment.tests
        self._known = {*NAMES, *environment.globals, *_ITS_OWN}

    def check(self, tree: nodes.Template) -> None:
        """Errors: ReportError."""
        from jinja2 import nodes

        if self._file == FILE:
            self._check_frame(tree)
        for node in _all(tree):
            match node:
                case nodes.Extends(template=nodes.Const(value=value)) if value == BASE and self._file == FILE:
                    pass
                case nodes.Extends():
                    raise self._fault(node, f'{FILE} extends "{BASE}", and nothing else does')
                case nodes.Include(template=named) | nodes.Import(template=named) | nodes.FromImport(template=named):
                    self._check_included(node, named)
                case nodes.ScopedEvalContextModifier() | nodes.EvalContextModifier():
                    raise self._fault(node, "what a document shows is escaped always: autoescape can't be changed")
                case nodes.Filter(name=name) if name not in self._filters:
                    said = (
                        "; what a document shows is escaped always" if name == "safe" else nearest(name, self._filters)
                    )
                    raise self._fault(node, f'there is no filter "{name}"{said}')
                case nodes.Test(name=name) if name not in self._tests:
                    raise self._fault(node, f'there is no test "{name}"{nearest(name, self._tests)}')
                case nodes.Call(node=nodes.Name(name=called), args=[nodes.Const(value=str(value)), *_]):
                    self._check_call(node, called, value)
        if self._file == FILE:  # what is included also has the names of where it is
            self._check_names(tree)

    def _check_frame(self, tree: nodes.Template) -> None:
        """What lies outside of the base's blocks would not appear."""
        from jinja2 import nodes

        if not any(isinstance(node, nodes.Extends) for node in tree.body):
            raise fault(self._path, f'begins with {{% extends "{BASE}" %}}', line=1)
        for node in tree.body:
            if isinstance(node, nodes.Block) and node.name not in BLOCKS:
                known = ", ".join(BLOCKS)
                message = f'the page has no block "{node.name}"{nearest(node.name, BLOCKS)} (there is: {known})'
                raise self._fault(node, message)
            if isinstance(node, nodes.Output):
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData) or part.data.strip():
                        raise self._fault(part, "this stands outside of the blocks, where nothing is shown")

    def _check_names(self, tree: nodes.Template) -> None:
        from jinja2 import nodes

        given = {node.name for node in _all(tree) if isinstance(node, nodes.Name) and node.ctx != "load"}
        given |= {node.name for node in _all(tree) if isinstance(node, nodes.Macro)}
        given |= {node.target for node in _all(tree) if isinstance(node, nodes.Import)}
        for node in _all(tree):
            if isinstance(node, nodes.FromImport):
                given |= {name[1] if isinstance(name, tuple) else name for name in node.names}
        for node in _all(tree):
            if isinstance(node, nodes.Name) and node.name not in self._known | given:
                hint = nearest(node.name, {*NAMES, *given})
                message = f'"{node.name}" is nothing that a template has{hint} (there is: {", ".join(NAMES)})'
                raise self._fault(node, message)

    def _check_included(self, node: Any, named: nodes.Expr) -> None:
        from jinja2 import nodes

        others = sorted(set(self._template.files) - {FILE})
        if not isinstance(named, nodes.Const) or named.value not in others:
            name = named.value if isinstance(named, nodes.Const) else ""
            there = ", ".join(others) or "no other"
            hint = nearest(str(name), others)
            raise self._fault(node, f"included are .html files of the report, by name{hint} (there is: {there})")

    def _check_call(self, node: Any, called: str, value: str) -> None:
        known: Collection[str] | None = None
        if called in _OF_BLOCKS:
            known = self._blocks
        elif called == "asset":
            known = self._template.assets
        elif called == "text":
            known = self._template.texts
        if known is not None and value not in known:
            there = ", ".join(known) or "none"
            raise self._fault(node, f'{called}("{value}"): there is none of this name{nearest(value, known)} ({there})')

    @property
    def _path(self) -> str:
        return f"{self._template.path}/{self._file}"

    def _fault(self, node: Any, message: str) -> ReportError:
        return fault(self._path, message, line=node.lineno)


def _all(node: Any) -> Iterator[Any]:
    """`node` and everything below it."""
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)
