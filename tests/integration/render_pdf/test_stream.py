"""Long tables: streamed pages that can't be told from those WeasyPrint would have made, with every row in its place."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image, ImageChops

from reportd.render import pdf as renderer
from reportd.render.engine import OPTIONS
from reportd.render.html import html_of
from reportd.render.layout import arrange
from reportd.render.stream.survey import surveyed
from reportd.render.view import Grid, view_of
from reportd.report.definition import ColumnLook
from reportd.report.document import Document
from tests.integration.render_pdf.pages import Printed, printed
from tests.spooled import Given, document

ROWS = 620
WORDS = ("lorem", "ipsum", "dolor sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod")
PLAIN = Given(
    "table",
    {"no": "integer", "customer": "text", "amount": "numeric", "day": "date", "paid": "boolean"},
    [(n, f"Customer {n % 50}", f"{n * 1.25 - 400:.2f}", f"2026-01-{n % 28 + 1:02d}", n % 3 == 0) for n in range(ROWS)],
    "Orders",
)


def _note(chance: random.Random, number: int) -> str | None:
    return None if number % 7 == 0 else " ".join(chance.choice(WORDS) for _ in range(chance.choice([2, 5, 12, 60])))


def _mixed() -> list[tuple[object, ...]]:
    chance = random.Random(3)
    cities = ["Łódź", "Αθήνα 12", "Москва", "שלום", "Wien"]
    return [
        (f"Region {n // 70}", n, _note(chance, n), cities[n % 5], n, f"https://example.com/{n}" if n % 3 else "none")
        for n in range(ROWS)
    ]


GROUPED = Given(
    "table",
    {"region": "text", "no": "integer", "note": "text", "city": "text", "amount": "numeric", "page_url": "text"},
    _mixed(),
    "By region",
    options={"group": "region", "subtotal": "amount"},
)
SMALL = Given("table", {"what": "text", "amount": "numeric"}, [("a", 1), ("b", 2)], "After")
KPI = Given("kpi", {"revenue": "numeric"}, [("12.50",)])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    directory = tmp_path_factory.mktemp("plain")
    return printed(document(directory, KPI, PLAIN, confidentiality="Internal"), directory / "out", rows_max=10_000)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    directory = tmp_path_factory.mktemp("grouped")
    return printed(document(directory, GROUPED, SMALL), directory / "out", rows_max=10_000)


def _text(path: Path) -> list[str]:
    shown = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True)
    return [" ".join(line.split()) for line in shown.stdout.splitlines() if line.strip()]


def _elements(node: Any) -> Iterator[Any]:
    if isinstance(node, pikepdf.Array):
        for kid in node:
            yield from _elements(kid)
    elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
        yield node
        if "/K" in node:
            yield from _elements(node.K)


def test_every_row_is_there_once_and_in_order(plain: Printed) -> None:
    found = [line.split()[0] for line in _text(plain.path) if "Customer " in line and "Jan" in line]
    assert found == [str(n) for n in range(ROWS)]


def test_each_cell_extracts_as_it_is_shown(plain: Printed) -> None:
    assert "299 Customer 49 −26.25 20 Jan 2026 no" in _text(plain.path)


def test_pages_are_numbered_over_the_whole_file(plain: Printed) -> None:
    numbers = [line for line in _text(plain.path) if "Page " in line]
    assert [line.rpartition("Page ")[2] for line in numbers] == [
        f"{page} of {plain.pages}" for page in range(1, plain.pages + 1)
    ]
    assert all("Internal" in line for line in numbers)


def test_the_header_is_on_every_page_and_the_total_stands_with_two_rows(plain: Printed) -> None:
    assert sum("No Customer" in line for line in _text(plain.path)) == plain.pages
    last = plain.lines(plain.pages - 1)
    assert any("Total" in line for line in last)
    assert sum("Customer " in line for line in last) >= 2


def test_another_program_finds_no_fault(plain: Printed, grouped: Printed) -> None:
    for made in (plain, grouped):
        with pikepdf.open(made.path) as pdf:
            assert not pdf.check_pdf_syntax()
            assert len(pdf.pages) == made.pages


def test_the_table_is_one_tag_over_all_pages(plain: Printed) -> None:
    with pikepdf.open(plain.path) as pdf:
        (table,) = (one for one in _elements(pdf.Root.StructTreeRoot.K) if one.S == "/Table")
        rows = [one for one in _elements(table.K) if one.S == "/TR"]
        heads = [one for one in _elements(table.K) if one.S == "/TH" and one.A.get("/Scope") == "/Column"]
        assert len(rows) == ROWS + 2
        assert len(heads) == 5
        assert pdf.Root.Lang == "en"


def test_every_text_leads_to_its_cell(plain: Printed) -> None:
    """The parent tree: by a page's key and a text's mark to the tag that names just this mark."""
    with pikepdf.open(plain.path) as pdf:
        tree = pikepdf.NumberTree(pdf.Root.StructTreeRoot.ParentTree)
        page = pdf.pages[5]
        tags = list(tree[int(page.StructParents)])
        assert [int(tag.K) for tag in tags] == list(range(len(tags)))
        assert all(tag.Pg.objgen == page.objgen for tag in tags)
        content = page.Contents[0].read_bytes()
        assert content.count(b"/MCID ") == len(tags)


def test_a_group_that_goes_on_is_named_at_the_head_of_the_page(grouped: Printed) -> None:
    text = _text(grouped.path)
    assert "Region 0 (continued)" in text
    assert [line for line in text if line.startswith("Subtotal")] != []
    for number in range(ROWS // 70):
        assert f"Region {number}" in text


def test_groups_are_bookmarks_below_their_table(grouped: Printed) -> None:
    with pikepdf.open(grouped.path) as pdf, pdf.open_outline() as outline:
        (title,) = outline.root
        table, after = title.children
        assert [group.title for group in table.children] == [f"Region {n}" for n in range(-(-ROWS // 70))]
        assert after.title == "After"


def test_what_follows_a_long_table_begins_a_page_and_is_numbered(grouped: Printed) -> None:
    last = grouped.lines(grouped.pages - 1)
    assert last[0] == "After"
    assert any(f"Page {grouped.pages} of {grouped.pages}" in line for line in last)


def test_texts_of_other_alphabets_come_out_as_themselves(grouped: Printed) -> None:
    text = "\n".join(_text(grouped.path))
    for city in ("Łódź", "Αθήνα 12", "Москва", "Wien"):
        assert text.count(city) == ROWS // 5
    assert "שלום" in text or "םולש" in text


def test_links_can_be_followed(grouped: Printed) -> None:
    with pikepdf.open(grouped.path) as pdf:
        targets = [str(note.A.URI) for page in pdf.pages for note in page.get("/Annots", [])]
        assert targets == [f"https://example.com/{n}" for n in range(ROWS) if n % 3]


def test_the_same_data_gives_the_same_bytes(tmp_path: Path, plain: Printed) -> None:
    again = printed(document(tmp_path, KPI, PLAIN, confidentiality="Internal"), tmp_path / "out", rows_max=10_000)
    assert again.path.read_bytes() == plain.path.read_bytes()


def test_a_cut_is_told_at_the_head_and_at_the_cut(tmp_path: Path) -> None:
    cut = printed(document(tmp_path, PLAIN), tmp_path / "out", rows_max=600)
    text = _text(cut.path)
    assert sum("Customer " in line and "Jan" in line for line in text) == 600
    assert any("600" in line and "620" in line for line in text[:6])
    assert "20 more rows" in " ".join(text[-5:])


def test_too_many_columns_go_into_parts_that_each_have_all_rows(tmp_path: Path) -> None:
    columns = {"key": "integer", **{f"measure_{n}": "numeric" for n in range(20)}}
    wide = Given("table", columns, [(n, *(f"{1e9 + n + m / 10:.2f}" for m in range(20))) for n in range(510)], "Wide")
    made = printed(document(tmp_path, wide), tmp_path / "out", rows_max=10_000)
    with pikepdf.open(made.path) as pdf:
        tables = [one for one in _elements(pdf.Root.StructTreeRoot.K) if one.S == "/Table"]
        counts = [sum(one.S == "/TR" for one in _elements(table.K)) for table in tables]
        assert len(counts) >= 2
        assert set(counts) == {512}
        assert not pdf.check_pdf_syntax()


@pytest.mark.parametrize("block", [PLAIN, GROUPED], ids=["plain", "grouped"])
def test_no_pixel_tells_a_streamed_page_from_one_of_weasyprint(block: Given, tmp_path: Path) -> None:
    five = replace(block, rows=block.rows[: 225 if block is PLAIN else 150])
    looks = {"amount": ColumnLook("amount", warn="< 20", good="> 60")}
    made = document(tmp_path, five, confidentiality="Internal", columns=looks)
    streamed, whole = tmp_path / "streamed.pdf", tmp_path / "whole.pdf"
    _streamed(made, streamed)
    _whole(made, whole)
    pairs = list(zip(_pictures(streamed), _pictures(whole), strict=True))
    assert len(pairs) >= 5
    for ours, theirs in pairs:
        differences = ImageChops.difference(ours, theirs).histogram()
        assert sum(differences[65:]) == 0
        assert sum(differences[9:]) < sum(differences) / 2000


def _streamed(made: Document, path: Path) -> None:
    view = view_of(made, rows_max=10_000, long_from=100)
    page, view = arrange(surveyed(view), paper="A4")
    css = renderer._page_css(view, page)
    from reportd.render.stream import book

    book.write(renderer._engine(), view, page, css=css, path=path, as_of_s=0, pages_max=1000)


def _whole(made: Document, path: Path) -> None:
    """The same lines, cut at the same places, at the same widths, all laid out by WeasyPrint."""
    from reportd.render.stream import book
    from reportd.render.stream.setting import Typesetter

    engine = renderer._engine()
    page, view = arrange(surveyed(view_of(made, rows_max=10_000, long_from=100)), paper="A4")
    (grid,) = view.parts
    assert isinstance(grid, Grid)
    css = renderer._page_css(view, page)
    long = book._long(engine, view, replace(grid, heights=()), css, 0, Typesetter())
    full = replace(view, parts=(book._begun(long, ROWS * 2),))
    engine.render(html_of(full), css=css, as_of_s=0).write_pdf(path, **OPTIONS)


def _pictures(path: Path) -> list[Image.Image]:
    subprocess.run(["pdftoppm", "-r", "80", path, path.with_suffix("")], check=True)
    return [Image.open(page).convert("L") for page in sorted(path.parent.glob(f"{path.stem}-*.ppm"))]
