from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reportd.render import pdf
from reportd.render.fonts import REGULAR, SEMIBOLD, faces
from reportd.render.layout import arrange, slotted
from reportd.render.typeface import Typesetter, can_set, font_file
from reportd.render.view import Grid, View, view_of
from reportd.render.wrapping import wrap
from reportd.report.document import Document
from tests.integration.render_pdf.pages import Printed, printed
from tests.spooled import Given, document

COLUMNS = {"region": "text", "note": "text", "ordered_on": "date", "qty": "integer", "amount_eur": "numeric"}
ROWS = [
    (("North", "South")[n // 20], "Taverna To AVATAR & co " * (n % 4), f"2026-10-{n % 28 + 1:02d}", n, f"{n * 37}.50")
    for n in range(40)
]
OPTIONS = {"group": "region", "subtotal": "qty,amount_eur"}


def sales(directory: Path) -> Document:
    return document(directory, Given("table", COLUMNS, ROWS, options=OPTIONS))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    directory = tmp_path_factory.mktemp("drawn")
    return printed(sales(directory), directory / "out")


def test_cells_stand_where_the_engine_would_have_set_them(
    drawn: Printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "slotted", _unchanged)
    whole = printed(sales(tmp_path), tmp_path / "out")
    assert whole.pages == drawn.pages
    ours, theirs = ([w for page in range(p.pages) for w in p.words(page)] for p in (drawn, whole))
    assert [word.text for word in ours] == [word.text for word in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.bold == other.bold
        assert one.size == pytest.approx(other.size, abs=0.01)
        assert one.x == pytest.approx(other.x, abs=0.4), one.text


def test_every_mark_has_its_element_and_every_row_all_its_cells(drawn: Printed) -> None:
    root: Any = drawn.reader.trailer["/Root"]["/StructTreeRoot"]  # type: ignore[index]
    nums = root["/ParentTree"]["/Nums"]
    for number, page in enumerate(drawn.reader.pages):
        contents = page.get_contents()
        assert contents is not None
        marks = [int(mark) for mark in re.findall(rb"/MCID (\d+)", contents.get_data())]
        assert sorted(marks) == list(range(len(nums[2 * number + 1])))
    rows = [[kid.get_object() for kid in row["/K"]] for row in _elements(root, "/TR")]
    spans = [sum(int(cell.get("/A", {}).get("/ColSpan", 1)) for cell in row) for row in rows]
    assert set(spans) == {4}
    assert len(rows) == drawn.pages + len(ROWS) + 2 + 2 + 1


def test_a_text_that_our_font_lacks_goes_to_the_engine(tmp_path: Path) -> None:
    columns = {"name": "text", "n": "integer"}
    assert _grid(tmp_path / "a", columns, [("Αθήνα, Łódź", 1)]).heights
    assert not _grid(tmp_path / "b", columns, [("東京", 1)]).heights
    assert not _grid(tmp_path / "c", columns, [("שלום", 1)]).heights


def test_links_are_the_engines_and_can_be_followed(tmp_path: Path) -> None:
    rows = [("https://www.example.org/a",), ("no link",)]
    assert not _grid(tmp_path / "a", {"page_url": "text"}, rows).heights
    sheet = printed(document(tmp_path / "b", Given("table", {"page_url": "text"}, rows)), tmp_path / "out")
    annotations: Any = sheet.reader.pages[0]["/Annots"]
    assert [link.get_object()["/A"]["/URI"] for link in annotations] == ["https://www.example.org/a"]


def test_figures_need_no_shaping_and_letters_are_kerned() -> None:
    type = Typesetter()
    (plain,) = type.runs("1,234.50", weight=REGULAR)
    assert plain.show.endswith(">Tj")
    (kerned,) = type.runs("AVATAR", weight=SEMIBOLD)
    assert kerned.show.count(">") > 2
    assert [run.font for run in type.runs("Aθ1", weight=REGULAR)] == ["TLatin400", "TExtended400", "TLatin400"]
    assert can_set(["1,234.50", "AVATAR", "Aθ1"])
    assert not can_set(["AVATAR", "日本"])


def test_an_embedded_face_has_the_glyphs_used_and_is_small() -> None:
    type = Typesetter()
    type.runs("Total 1,234.50", weight=SEMIBOLD)
    ((_, face, used),) = type.embedded()
    assert face in faces()
    file = font_file(face, used)
    assert len(file.content) < 8000
    assert file == font_file(face, dict(sorted(used.items(), reverse=True)))
    assert re.fullmatch(r"[A-Z]{6}\+reportd-Sans-Semi-Bold", file.name)


def test_lines_are_broken_between_words_and_long_words_anywhere() -> None:
    assert wrap("one two three", 4.0) == ["one two", "three"]
    assert wrap("", 4.0) == [""]
    broken = wrap("x" * 100, 4.0)
    assert "".join(broken) == "x" * 100
    assert len({len(line) for line in broken[:-1]}) == 1


def _unchanged(view: View) -> View:
    return view


def _grid(directory: Path, columns: dict[str, str], rows: Sequence[tuple[object, ...]]) -> Grid:
    _, view = arrange(view_of(document(directory, Given("table", columns, rows)), rows_max=100), paper="A4")
    grid = slotted(view).parts[0]
    assert isinstance(grid, Grid)
    return grid


def _elements(node: Any, kind: str) -> list[Any]:
    node = node.get_object()
    if not isinstance(node, dict):
        return []
    kids = node.get("/K", [])
    kids = kids if isinstance(kids, list) else [kids]
    return ([node] if node.get("/S") == kind else []) + [element for kid in kids for element in _elements(kid, kind)]
