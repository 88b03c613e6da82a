"""One face in one size: texts set by their parts are as HarfBuzz shapes them whole."""

from __future__ import annotations

import re

import pytest
import uharfbuzz

from reportd.render.fonts import REGULAR, faces
from reportd.render.stream import face as module
from reportd.render.stream.face import Face, Strike

FILE = next(face for face in faces() if face.weight == REGULAR and face.name.startswith("latin"))
SIZE = 10.5
TEXTS = (
    "12,345.67",
    "−4.2 %",
    "Customer 4711",
    "INV-000123",
    "02 Jan 2024 10:30",
    "AVATAR To. Ty, P. 7",
    "Łódź – 9",
    "To",
    "T",
    " ",
    "a  b 1 ",
    "“V.”",
)


@pytest.fixture
def strike() -> Strike:
    return Face(FILE).at(SIZE)


def _shaped(text: str) -> tuple[list[str], float]:
    """The glyphs of `text` and its width in px, each advance rounded as Pango has HarfBuzz do."""
    font = uharfbuzz.Font(uharfbuzz.Face(FILE.content))
    font.scale = (int(SIZE * 1024), int(SIZE * 1024))
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font, buffer, {"liga": False})
    glyphs = [f"{info.codepoint:04x}" for info in buffer.glyph_infos]
    return glyphs, sum(position.x_advance for position in buffer.glyph_positions) / 1024


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_as_harfbuzz_shapes_it(strike: Strike, text: str) -> None:
    glyphs, width = _shaped(text)
    for _ in range(2):  # made, and then remembered
        shown, found = strike.show(text)
        assert re.findall(r"[0-9a-f]{4}", "".join(re.findall(r"<([^>]*)>", shown))) == glyphs
        assert found == pytest.approx(width, abs=0.002 * len(text))


def test_what_was_forgotten_is_set_again(strike: Strike, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [strike.show(text) for text in TEXTS]
    monkeypatch.setattr(module, "_HEADS_MAX", 2)
    forgetful = Face(FILE).at(SIZE)
    assert [forgetful.show(text) for text in (*TEXTS, *TEXTS)] == [*expected, *expected]
    assert len(forgetful._heads) <= 2


@pytest.mark.parametrize("text", ["日本 12", "a日", "soft\u00adhyphen", "line\nend"])
def test_a_character_that_the_face_lacks_is_told(strike: Strike, text: str) -> None:
    with pytest.raises(KeyError):
        strike.show(text)
