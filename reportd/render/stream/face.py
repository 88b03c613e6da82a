"""One face of our font: texts become glyphs, and the glyphs used become a font in the file."""

from __future__ import annotations

import hashlib
import struct

import uharfbuzz

from reportd.render.fonts import Face as FontFile
from reportd.render.stream.objects import Objects

Shown = tuple[str, float]
"""The operand of `TJ` (without its brackets), and the width in em."""


class Face:
    """Sets text in one face, left to right, with kerning. Only for texts that `knows` says yes to."""

    def __init__(self, font: FontFile) -> None:
        self._file = font
        self._face = uharfbuzz.Face(font.content)
        self._font = uharfbuzz.Font(self._face)
        self._em = 1 / self._face.upem
        self._glyphs: dict[str, int] = {}
        for code in font.characters:
            if (glyph := self._font.get_nominal_glyph(code)) is not None:
                self._glyphs[chr(code)] = glyph
        self._known = frozenset(self._glyphs)
        self._used: dict[int, str] = {}
        self._pairs = _Pairs(self)

    def knows(self, text: str) -> bool:
        """Whether every character of `text` is in the face."""
        return self._known.issuperset(text)

    def show(self, text: str) -> Shown:
        """`text`, not empty, as glyphs."""
        # Kerning goes by pairs, and there are few: looking them up is ten times as fast as shaping the whole text.
        found = list(map(self._pairs.__getitem__, zip(text, text[1:] + "\0", strict=True)))
        return f"<{''.join([pair[0] for pair in found])}>", sum([pair[1] for pair in found])

    def width(self, text: str) -> float:
        """How wide `text` is set, in em."""
        return sum([self._pairs[pair][1] for pair in zip(text, text[1:] + "\0", strict=True)])

    def pair(self, first: str, second: str) -> Shown:
        """`first` as a glyph, and its advance with what the pair is kerned by; no `second` is `"\\0"`."""
        glyph = self._glyphs[first]
        self._used.setdefault(glyph, first)
        natural = self._font.get_glyph_h_advance(glyph)
        if second not in self._known:
            return f"{glyph:04x}", natural * self._em
        buffer = uharfbuzz.Buffer()
        buffer.add_str(first + second)
        buffer.guess_segment_properties()
        uharfbuzz.shape(self._font, buffer)
        advance = buffer.glyph_positions[0].x_advance
        kerned = round((natural - advance) * 1000 * self._em)
        return f"{glyph:04x}" + (f">{kerned}<" if kerned else ""), advance * self._em

    def write(self, number: int, objects: Objects) -> None:
        """Write the face with the glyphs used so far, as the font object `number`."""
        glyphs = sorted(self._used)
        content = self._subset(glyphs)
        digest = hashlib.sha256(content).digest()
        name = "".join(chr(65 + byte % 26) for byte in digest[:6]) + f"+{self._file.family}-{self._file.weight}"
        name = name.replace(" ", "-")
        program = objects.number()
        objects.stream(program, content, b"/Length1 %d" % len(content))
        scale = 1000 * self._em
        box = " ".join(f"{round(edge * scale)}" for edge in struct.unpack(">4h", self._table("head")[36:44]))
        extents = self._font.get_font_extents("ltr")
        descriptor = objects.add(
            f"<</Type/FontDescriptor/FontName/{name}/FontFamily({self._file.family})/FontWeight {self._file.weight}"
            f"/Flags 4/FontBBox[{box}]/ItalicAngle 0/Ascent {round(extents.ascender * scale)}"
            f"/Descent {round(extents.descender * scale)}/CapHeight {round(extents.ascender * scale)}/StemV 80"
            f"/FontFile2 {program} 0 R>>".encode()
        )
        widths = " ".join(f"{glyph}[{round(self._font.get_glyph_h_advance(glyph) * scale)}]" for glyph in glyphs)
        descendant = objects.add(
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {descriptor} 0 R/CIDToGIDMap/Identity/W[{widths}]>>".encode()
        )
        mapping = objects.number()
        objects.stream(mapping, self._to_unicode(glyphs))
        objects.pack(
            number,
            f"<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {mapping} 0 R>>".encode(),
        )

    def _subset(self, glyphs: list[int]) -> bytes:
        wanted = uharfbuzz.SubsetInput()
        wanted.glyph_set.update(glyphs)
        wanted.layout_feature_tag_set.clear()
        wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING | uharfbuzz.SubsetFlags.RETAIN_GIDS
        return bytes(uharfbuzz.subset(self._face, wanted).blob.data)

    def _table(self, tag: str) -> bytes:
        return bytes(self._face.reference_table(tag).data)

    def _to_unicode(self, glyphs: list[int]) -> bytes:
        lines = [f"<{glyph:04x}> <{self._used[glyph].encode('utf-16-be').hex()}>" for glyph in glyphs]
        blocks = [lines[start : start + 100] for start in range(0, len(lines), 100)]  # the most that a block may hold
        body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo\n<< /Registry (Adobe)"
            " /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{body}\nendcmap\n"
            "CMapName currentdict /CMap defineresource pop\nend\nend"
        ).encode()


class _Pairs(dict[tuple[str, str], Shown]):
    """What `Face.pair` says, asked once for each pair."""

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    def __missing__(self, pair: tuple[str, str]) -> Shown:
        shown = self[pair] = self._face.pair(*pair)
        return shown
