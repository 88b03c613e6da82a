"""One face of our font, for texts by the hundred thousand."""

from __future__ import annotations

import uharfbuzz

from reportd.render.fonts import Face as FontFile
from reportd.render.stream.objects import Objects
from reportd.render.typeface import font_file

Shown = tuple[str, float]
"""Glyphs, as they stand in the operand of `TJ`, and their width in em."""

_END = "\0"
_FIGURES = "0123456789.,:-/% \u2212\u2013"
_SOFT_HYPHEN = "\u00ad"


class Face:
    """Sets text in one face, left to right, with kerning; only texts whose characters it `knows`."""

    def __init__(self, file: FontFile) -> None:
        self._file = file
        face = uharfbuzz.Face(file.content)
        self._font = uharfbuzz.Font(face)
        self._em = 1 / face.upem
        glyphs = {chr(code): self._font.get_nominal_glyph(code) for code in file.characters}
        self._glyphs = {character: glyph for character, glyph in glyphs.items() if glyph is not None}
        self._used: dict[int, str] = {}
        self._pairs = _Pairs(self)
        plain = self._unkerned()
        self._pairs.clear()
        self._used.clear()
        self._figures = False
        self._is_plain = frozenset(plain).issuperset
        self._plain = {ord(character): f"{self._glyphs[character]:04x}" for character in plain}
        self._advances = {c: self._font.get_glyph_h_advance(self._glyphs[c]) * self._em for c in plain}
        self.knows = frozenset(self._glyphs) - {_SOFT_HYPHEN}

    def show(self, text: str) -> Shown:
        """`text`, not empty, as glyphs."""
        if self._is_plain(text):
            self._figures = True
            return f"<{text.translate(self._plain)}>", sum(map(self._advances.__getitem__, text))
        # Kerning goes by pairs, and there are few: looking them up is ten times as fast as shaping the whole text.
        found = list(map(self._pairs.__getitem__, zip(text, text[1:] + _END, strict=True)))
        return f"<{''.join([pair[0] for pair in found])}>", sum([pair[1] for pair in found])

    def _unkerned(self) -> str:
        """The characters of figures, without those that are kerned with another: half of all texts are such."""
        plain = "".join(character for character in _FIGURES if character in self._glyphs)
        for character in plain:
            if any(">" in self.pair(character, other)[0] + self.pair(other, character)[0] for other in plain):
                plain = plain.replace(character, "")
        return plain

    def pair(self, first: str, second: str) -> Shown:
        """`first` as a glyph, and its advance with what the pair is kerned by."""
        glyph = self._glyphs[first]
        self._used[glyph] = first
        natural = self._font.get_glyph_h_advance(glyph)
        if second == _END:
            return f"{glyph:04x}", natural * self._em
        buffer = uharfbuzz.Buffer()
        buffer.add_str(first + second)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self._font, buffer)
        advance = buffer.glyph_positions[0].x_advance
        kerned = round((natural - advance) * 1000 * self._em)
        return f"{glyph:04x}" + (f">{kerned}<" if kerned else ""), advance * self._em

    @property
    def used(self) -> bool:
        """Whether any text was set in it."""
        return self._figures or bool(self._used)

    def write(self, objects: Objects) -> int:
        """Write the face with the glyphs that were used; its number."""
        figures = {self._glyphs[chr(code)]: chr(code) for code in self._plain} if self._figures else {}
        file = font_file(self._file, {**self._used, **figures})
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
            f"/ToUnicode {mapping} 0 R>>".encode(),
        )


class _Pairs(dict[tuple[str, str], Shown]):
    """What `Face.pair` says, asked once for each pair."""

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    def __missing__(self, pair: tuple[str, str]) -> Shown:
        shown = self[pair] = self._face.pair(*pair)
        return shown
