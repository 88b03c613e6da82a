"""`reportd check` on what a report's directory holds besides SQL: theme, languages, template, charts."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.commands import reportd

HEAD = '{% extends "base.html" %}\n'
FAULTS = {
    "a-theme": ("theme.css", ":root {\n  --accnt: teal;\n}", 'theme.css:2:3: unknown property "--accnt"; did you mean'),
    "b-words": ("i18n/de.toml", 'titel = "x"', 'i18n/de.toml:1: unknown key "titel"; did you mean "title"?'),
    "c-block": (
        "template.html",
        f'{HEAD}{{% block body %}}\n{{{{ block("ordres") }}}}\n{{% endblock %}}',
        'template.html:3: block("ordres"): there is none of this name; did you mean "orders"?',
    ),
    "d-jinja": (
        "template.html",
        f"{HEAD}{{% block body %}}{{% if %}}{{% endblock %}}",
        "template.html:2: can't be read: Expected an expression",
    ),
    "e-chart": ("orders.vl.json", '{"mark": "bar",\n "width": }', "orders.vl.json:2:11: is not JSON: expecting value"),
    "f-good": ("template.html", f'{HEAD}{{% block body %}}{{{{ block("orders") }}}}{{% endblock %}}', ""),
}


async def test_check_names_file_and_line_of_what_is_wrong_with_a_reports_look(empty_dsn: str, tmp_path: Path) -> None:
    for name, (file, text, _) in FAULTS.items():
        folder = tmp_path / "reports" / name
        (folder / "i18n").mkdir(parents=True)
        (folder / "report.toml").write_text("")
        (folder / "orders.sql").write_text("select 1 as n")
        (folder / file).write_text(text)
    said = await reportd("check", home=tmp_path, dsn=empty_dsn)
    assert said.status == 1
    wanted = [f"reports/{name}/{message}" for name, (_, _, message) in FAULTS.items() if message]
    assert len(said.out.splitlines()) == len(wanted), said.out
    for line, start in zip(said.out.splitlines(), wanted, strict=True):
        assert start in line
