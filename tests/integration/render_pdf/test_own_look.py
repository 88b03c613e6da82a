"""A report's own look on paper: theme, languages and template, with tables of any length."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from pypdf import PdfReader

from reportd.errors import ReportError
from reportd.render import pdf as renderer
from reportd.render.engine import OPTIONS
from reportd.render.fonts import faces
from reportd.render.html import printable
from reportd.render.layout import arrange, slotted
from reportd.render.stream import book
from reportd.render.stream.setting import Typesetter
from reportd.render.stream.survey import surveyed
from reportd.render.view import Grid, view_of
from reportd.report.document import Document
from reportd.report.locales import speaking
from tests.folders import HEAD, ORDERS, TOTALS, body, document
from tests.integration.render_pdf.pages import printed
from tests.spooled import Given

THEME = ':root { --accent: #0b6a4a; --ink: #300; --tile: #eef6f2; --logo: url("logo.svg"); --font: "Brand" }'
FONT = '@font-face { font-family: "Brand"; src: url("brand.ttf") }'
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 30"><rect width="30" height="30" fill="#00f"/></svg>'
# A font that is on no host: one face of our own, under another family's name.
FILES = {"logo.svg": LOGO, "brand.ttf": next(face.content for face in faces() if face.weight == 400)}
ROWS = [(("North", "South")[n // 80], f"Customer {n}", None if n % 9 == 0 else f"{n * 7 % 990}.50") for n in range(160)]
LONG = Given("table", ORDERS.columns, ROWS, "Orders", name="orders", options={"group": "region", "subtotal": "amount"})
LETTER = """
{% block style %}
.letter { margin: 0 40pt; line-height: 1.5 } .letter h2 { color: #700 } td { background: #fbf7ee }
{% endblock %}
{% block body %}
<div class="letter"><p>Dear {{ rows("orders")[0].customer }}, these are your orders.</p>{{ block("orders") }}</div>
<p>Yours sincerely</p>
<table><tr><td>Our</td><td>own</td></tr></table>
{{ block("totals") }}
{% endblock %}
"""


def pictures(path: Path, *, mode: str = "RGB") -> list[Image.Image]:
    subprocess.run(["pdftoppm", "-r", "80", path, path.with_suffix("")], check=True)
    return [Image.open(page).convert(mode) for page in sorted(path.parent.glob(f"{path.stem}-*.ppm"))]


def colours(picture: Image.Image) -> set[str]:
    """Every colour that covers ten pixels or more."""
    counted = picture.getcolors(1 << 24) or []
    return {f"#{r:02x}{g:02x}{b:02x}" for count, (r, g, b) in counted if count >= 10}  # type: ignore[misc]


def test_a_theme_reaches_rules_figures_charts_tables_and_the_logo(tmp_path: Path) -> None:
    made = document(tmp_path, {"theme.css": THEME, "logo.svg": LOGO})
    sheet = printed(made, tmp_path / "out")
    [page] = pictures(sheet.path)
    found = colours(page)
    assert {"#0b6a4a", "#eef6f2", "#0000ff"} <= found  # accent, tiles, logo
    assert "#1f5c99" not in found
    inks = {operator for operator in _content(sheet.path, 0) if operator.endswith(" rg")}
    assert "0.200 0.000 0.000 rg" in inks  # the cells of the table, which are drawn by us


def test_a_streamed_table_has_the_colours_of_its_theme(tmp_path: Path) -> None:
    many = replace(LONG, rows=ROWS * 4)
    sheet = printed(
        document(tmp_path, {"theme.css": ":root { --ink: #300; --muted: #404080 }"}, many), tmp_path / "out"
    )
    content = "\n".join(_content(sheet.path, sheet.pages - 2))
    assert "0.2 0 0 rg" in content
    assert "0.251 0.251 0.502 rg" in content


def test_a_font_of_the_reports_own_sets_titles_and_figures_and_tables_stay_measured(tmp_path: Path) -> None:
    made = document(tmp_path, {"theme.css": THEME + FONT, **FILES}, TOTALS, ORDERS)
    sheet = printed(made, tmp_path / "out")
    bases = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for font in sheet.reader.pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert "Brand" in bases
    assert any(base.startswith("reportd-Sans") for base in bases)
    assert "North | Ann <b> | 1,234.50" in sheet.lines(0)


def test_a_document_is_in_the_language_of_its_locale(tmp_path: Path) -> None:
    fr = 'title = "Ventes"\n[columns]\ncustomer = "Client"\n[blocks]\norders = "Commandes"\n'
    french = {"as of": "Données du {time}", "page": "Page {page} sur {pages}", "total": "Total général"}
    with speaking(french):
        sheet = printed(document(tmp_path, {"i18n/fr.toml": fr}, ORDERS, locale="fr"), tmp_path / "out")
    lines = sheet.lines(0)
    assert lines[:3] == ["Ventes", "Données du 02/11/2026 08:00 CET", "Commandes"]
    assert "Region | Client | Amount" in lines
    assert "Total général | 1 232,50".replace(" ", " ") in [line.replace("\u202f", " ") for line in lines]
    assert lines[-1].endswith("Page 1 sur 1")


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return document(tmp_path_factory.mktemp("letter"), {"template.html": HEAD + LETTER}, TOTALS, LONG)


def test_a_long_table_in_a_template_has_every_row_once_and_the_rest_after_it(letter: Document, tmp_path: Path) -> None:
    sheet = printed(letter, tmp_path)
    assert sheet.pages == len(sheet.reader.pages) >= 4
    pages = _texts(sheet.path)
    assert [int(n) for n in re.findall(r"Customer (\d+) ", " ".join(pages))] == list(range(160))
    assert "Dear Customer 0, these are your orders." in pages[0]
    assert re.search(r"Yours sincerely\s+Our\s+own\s+Revenue\s+1,232.50", pages[-1])
    assert sum("(continued)" in page for page in pages) >= 2
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {sheet.pages}" in page


def test_no_pixel_tells_its_streamed_pages_from_those_of_weasyprint(letter: Document, tmp_path: Path) -> None:
    streamed, whole = tmp_path / "streamed.pdf", tmp_path / "whole.pdf"
    engine = renderer._engine()
    page, view = arrange(surveyed(view_of(letter, rows_max=10_000, long_from=100)), paper="A4")
    view = slotted(view)
    css = renderer._page_css(view, page)
    book.write(engine, view, page, css=css, path=streamed, as_of_s=0, pages_max=100)
    grid = view.parts[1]
    assert isinstance(grid, Grid)
    long = book._long(engine, view, grid, css, 0, Typesetter())
    full = replace(view, parts=(view.parts[0], book._begun(long, 1000)))
    rules = css + book._breaks({1: long})
    engine.render(printable(full), css=rules, as_of_s=0).write_pdf(whole, **OPTIONS)
    pairs = list(zip(pictures(streamed, mode="L"), pictures(whole, mode="L"), strict=True))
    assert len(pairs) >= 4
    for ours, theirs in pairs:
        differences = ImageChops.difference(ours, theirs).histogram()
        assert sum(differences[65:]) == 0


def test_a_template_is_tagged_and_keeps_the_documents_facts(letter: Document, tmp_path: Path) -> None:
    sheet = printed(letter, tmp_path)
    root = sheet.reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]  # type: ignore[index]
    facts = sheet.reader.metadata
    assert facts is not None
    assert str(facts["/Title"]) == "Sales"
    assert "/reportddatasha256" in facts
    assert not PdfReader(sheet.path).attachments


def test_a_template_may_take_the_numbers_off_its_pages(tmp_path: Path) -> None:
    text = HEAD + "{% block style %}@page { @bottom-right { content: none } }{% endblock %}"
    sheet = printed(document(tmp_path, {"template.html": text}, LONG), tmp_path / "out")
    text = " ".join(_texts(sheet.path))
    assert "Page 1 of" not in text
    assert text.count("Customer ") >= 160


def test_a_long_table_where_pages_do_not_break_is_told(tmp_path: Path) -> None:
    text = body('<div style="break-inside: avoid; position: absolute">{{ block("orders") }}</div>')
    with pytest.raises(ReportError, match="“orders” is a long table: it can't stand in a box that pages don't break"):
        printed(document(tmp_path, text, LONG), tmp_path / "out")


def test_the_same_template_and_data_give_the_same_bytes(tmp_path: Path) -> None:
    made = document(tmp_path / "spool", {"template.html": HEAD + LETTER, "theme.css": THEME + FONT, **FILES})
    first, again = printed(made, tmp_path / "a"), printed(made, tmp_path / "b")
    assert first.path.read_bytes() == again.path.read_bytes()


def _texts(path: Path) -> list[str]:
    shown = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True)
    return shown.stdout.split("\f")[:-1]


def _content(path: Path, page: int) -> list[str]:
    content = PdfReader(path).pages[page].get_contents()
    assert content is not None
    return content.get_data().decode("latin-1").replace(" rg ", " rg\n").splitlines()
