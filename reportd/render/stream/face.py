"""One face of our font, for texts by the hundred thousand."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import uharfbuzz

from reportd.render.fonts import Face as FontFile
from reportd.render.stream.objects import Objects
from reportd.render.typeface import font_file

Shown = tuple[str, float]
"""Glyphs, as they stand in the operand of `TJ`, and their width in px."""

_END = "\0"
_FIGURES = "0123456789.,:-/% \u2212\u2013"
_SOFT_HYPHEN = "\u00ad"
_PANGO = 1024
_HEADS_MAX = 5_000


class Face:
    """A face, which remembers what it was used for. It `knows` its characters."""

    def __init__(self, file: FontFile) -> None:
        self._file = file
        face = uharfbuzz.Face(file.content)
        self._font = uharfbuzz.Font(face)
        self._upem = face.upem
        glyphs = {chr(code): self._font.get_nominal_glyph(code) for code in file.characters}
        self._glyphs = {character: glyph for character, glyph in glyphs.items() if glyph is not None}
        self._glyphs.pop(_SOFT_HYPHEN, None)
        self._used: set[str] = set()
        self.knows = frozenset(self._glyphs)
        self.figures = self._unkerned()

    @property
    def used(self) -> bool:
        """Whether any text was set in it."""
        return bool(self._used)

    @lru_cache(maxsize=16)  # noqa: B019  as long as the face, which is made for one document
    def at(self, size: float) -> Strike:
        """The face in one size (px)."""
        return Strike(self, size)

    def glyph(self, character: str) -> tuple[str, int]:
        """The glyph and its advance in the font's units; it will be embedded."""
        glyph = self._glyphs[character]
        self._used.add(character)
        return f"{glyph:04x}", self._font.get_glyph_h_advance(glyph)

    def kerning(self, first: str, second: str) -> int:
        """How much further `second` stands from `first` than by its advance, in the font's units."""
        buffer = uharfbuzz.Buffer()
        buffer.add_str(first + second)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self._font, buffer)
        natural = self._font.get_glyph_h_advance(self._glyphs[first])
        return int(buffer.glyph_positions[0].x_advance - natural)

    def units(self, length: int, size: float) -> int:
        """A length of the font's units in 1024ths of a px, rounded as HarfBuzz does for Pango."""
        return round(length * int(size * _PANGO) / int(self._upem))

    def write(self, objects: Objects) -> int:
        """Write the face with the glyphs that were used; its number."""
        file = font_file(self._file, {self._glyphs[character]: character for character in sorted(self._used)})
        content, mapping = objects.number(), objects.number()
        objects.stream(content, file.content, b"/Length1 %d" % len(file.content))
        objects.stream(mapping, file.to_unicode.encode("ascii"))
        box = " ".join(map(str, file.box))
        descriptor = objects.add(
            f"<</Type/FontDescriptor/FontName/{file.name}/Flags 4/FontBBox[{box}]/ItalicAngle 0/Ascent {file.ascent}"
            f"/Descent {file.descent}/CapHeight {file.ascent}/StemV 80/FontFile2 {content} 0 R>>".encode()
        )
        descendant = objects.add(
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{file.name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {descriptor} 0 R/CIDToGIDMap/Identity/W[{file.widths}]>>".encode()
        )
        return objects.add(
            f"<</Type/Font/Subtype/Type0/BaseFont/{file.name}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {mapping} 0 R>>".encode()
        )

    def _unkerned(self) -> str:
        """The characters of figures, without those that are kerned with another: half of all texts are such."""
        plain = "".join(character for character in _FIGURES if character in self._glyphs)
        for character in plain:
            if any(self.kerning(character, other) or self.kerning(other, character) for other in plain):
                plain = plain.replace(character, "")
        return plain


class Strike:
    """Sets text in a face of one size, left to right, with kerning."""

    def __init__(self, face: Face, size: float) -> None:
        self._face, self._size = face, size
        self._heads = _Heads(_Pairs(self))
        self._figures: dict[int, str] = {}
        self._advances: dict[str, float] = {}

    def show(self, text: str) -> Shown:
        """`text`, not empty, as glyphs. Raises KeyError for a character that the face does not know."""
        # Texts of a column often differ in their last figures alone, and no two figures are kerned.
        head = text.rstrip(self._face.figures)
        tail = text[len(head) :]
        if not tail:
            shown, width = self._heads[head + _END]
            return f"<{shown}>", width
        if not self._figures:
            for character in self._face.figures:
                self._figures[ord(character)], self._advances[character] = self.pair(character, _END)
        advance = sum(map(self._advances.__getitem__, tail))
        if not head:
            return f"<{tail.translate(self._figures)}>", advance
        shown, width = self._heads[head + tail[0]]
        return f"<{shown}{tail.translate(self._figures)}>", width + advance

    def pair(self, first: str, second: str) -> Shown:
        """`first` as a glyph, and its advance with what the pair is kerned by."""
        glyph, advance = self._face.glyph(first)
        kerning = self._face.kerning(first, second) if second != _END else 0
        units = self._face.units(advance, self._size) + self._face.units(kerning, self._size)
        # WeasyPrint drops the fraction; to do the same keeps the ends of long texts together.
        thousandths = int(advance - units * 1000 / _PANGO / self._size) if kerning else 0
        return glyph + (f">{thousandths}<" if thousandths else ""), units / _PANGO


class _Heads(dict[str, Shown]):
    """Beginnings of texts, each by what it is and the character that comes next; made once as long as remembered."""

    def __init__(self, pairs: _Pairs) -> None:
        super().__init__()
        self._pairs = pairs

    def __missing__(self, head: str) -> Shown:
        # Kerning goes by pairs, and there are few: looking them up is ten times as fast as shaping the whole text.
        found = [self._pairs[pair] for pair in pairwise(head)]
        if len(self) >= _HEADS_MAX:
            self.clear()
        shown = self[head] = "".join([glyph for glyph, _ in found]), sum([advance for _, advance in found])
        return shown


class _Pairs(dict[tuple[str, str], Shown]):
    """What `Strike.pair` says, asked once for each pair."""

    def __init__(self, strike: Strike) -> None:
        super().__init__()
        self._strike = strike

    def __missing__(self, pair: tuple[str, str]) -> Shown:
        shown = self[pair] = self._strike.pair(*pair)
        return shown
