"""Names of the whole world on paper: shaped, embedded, and never boxes without a word."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pikepdf
import pytest

from reportd.render.engine import Engine
from reportd.render.pdf import LONG_FROM, PDF
from reportd.render.task import RenderedFile, RenderSettings
from tests.spooled import Given, document

NAMES = {
    "latin": "Étienne L’Hôte",
    "cyrillic": "Десислава Желязкова",
    "greek": "Παναγιώτης Αγγελόπουλος",
    "arabic": "محمد عبد الرحمن",
    "hebrew": "שלומית בן דוד",
    "devanagari": "श्रीकृष्ण कुलकर्णी",
    "thai": "ณัฐวุฒิ ศรีสุวรรณ",
}
FAMILIES = {"reportd-Arabic", "reportd-Hebrew", "reportd-Devanagari", "reportd-Thai"}
COLUMNS = {"script": "text", "name": "text", "score": "int8"}
LIMBU = "\u1901\u1902"  # of a script that the usual fonts have not


def made(directory: Path, names: dict[str, str], *, times: int = 1) -> RenderedFile:
    rows = [(script, name, "1") for _ in range(times) for script, name in names.items()]
    chart = Given("bar", {"name": "text", "score": "int8"}, [(name, "3") for name in names.values()], "Scores")
    both = document(directory, chart, Given("table", COLUMNS, rows, "Names"))
    (file,) = PDF().render(both, out=directory, settings=RenderSettings())
    return file


def families(path: str) -> set[str]:
    with pikepdf.open(path) as pdf:
        fonts = [font for page in pdf.pages for font in page.Resources.get("/Font", {}).values()]
        return {str(font.BaseFont).partition("+")[2] for font in fonts}


@pytest.mark.parametrize("times", [1, LONG_FROM // len(NAMES) + 1], ids=["short", "streamed"])
def test_every_script_is_set_in_a_font_that_has_it(tmp_path: Path, times: int) -> None:
    file = made(tmp_path, NAMES, times=times)
    assert file.notes == ()
    assert families(file.path) >= FAMILIES
    # Nothing of the host's: the same file everywhere.
    assert all(family.startswith("reportd-") for family in families(file.path))


def test_letters_are_joined_in_charts_and_tables_alike(tmp_path: Path) -> None:
    file = made(tmp_path, {"arabic": NAMES["arabic"]})
    with pikepdf.open(file.path) as pdf:
        fonts = [font for font in pdf.pages[0].Resources.Font.values() if "Arabic" in str(font.BaseFont)]
        shown = {
            line.split(b"<")[1].decode()
            for font in fonts
            for line in font.ToUnicode.read_bytes().splitlines()
            if line.startswith(b"<")
        }
    # meem stands in three forms in the name: each is a glyph of its own, so it was shaped and not put letter by letter.
    assert len(shown) > len(set(NAMES["arabic"].replace(" ", "")))


def test_a_document_without_such_letters_loads_no_font_for_them() -> None:
    engine = Engine()
    assert engine.ready("Étienne Десислава Παναγιώτης €") == ()
    assert engine._scripts == set()
    assert engine.ready("محمد") == ()
    assert engine._scripts == {"arabic"}


@pytest.mark.parametrize("times", [1, LONG_FROM + 1], ids=["short", "streamed"])
def test_what_no_font_has_is_told_on_the_first_page_and_to_the_operator(tmp_path: Path, times: int) -> None:
    file = made(tmp_path, {"limbu": LIMBU}, times=times)
    (note,) = file.notes
    assert note.startswith("2 characters (U+1901 U+1902) have no font here")
    if (reader := shutil.which("pdftotext")) is None:  # pypdf does not know the encoding that boxes make necessary
        pytest.skip("poppler-utils is not installed")
    page = subprocess.run([reader, "-l", "1", file.path, "-"], capture_output=True, text=True, check=True).stdout
    assert "U+1901 U+1902" in page


def test_chinese_japanese_and_korean_come_in_the_host_s_font_or_with_a_note(tmp_path: Path) -> None:
    file = made(tmp_path, {"chinese": "李明", "japanese": "ひらがな", "korean": "한국어"})
    hosts = {family for family in families(file.path) if not family.startswith("reportd-")}
    assert hosts or "fonts-noto-cjk" in " ".join(file.notes) or "CJK" in " ".join(file.notes)
