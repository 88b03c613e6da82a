"""Text as PDF operators: shaped by HarfBuzz, set in our own faces, each embedded with the glyphs that were used.

For the many short texts of a table, where a layout engine's work for each would cost a hundred times as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import Any

import uharfbuzz

from reportd.render.fonts import SEMIBOLD, WEIGHTS, Face, faces
from reportd.render.scripts import is_visible

_CACHE_TEXTS = 20_000
_CMAP = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <ffff>
endcodespacerange
{ranges}
endcmap
CMapName currentdict /CMap defineresource pop
end
end"""
_FIGURES = "0123456789.,\u2212\u2013%"
_CMAP_ENTRIES_MAX = 100  # a reader need not take more in one block


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one face: `font` is its resource name, `show` the operator, `width` its length in em."""

    font: str
    show: str
    width: float


def can_set(texts: Iterable[str]) -> bool:
    """Whether our faces have every character of `texts`; what they lack needs another font, or shaping across runs."""
    return all(map(_known().issuperset, texts))


def own_family_lacks(characters: Iterable[str]) -> tuple[str, ...]:
    """Those of `characters` that a reader would see, and our faces do not have, in order."""
    return tuple(sorted(filter(is_visible, set(characters) - _known())))


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset().union(*(_cut(face).characters for face in faces()))


class Typesetter:
    """Sets the texts of one document; knows afterwards which glyphs of which face they took."""

    def __init__(self) -> None:
        self._cuts = {weight: [_cut(face) for face in faces() if face.weight == weight] for weight in WEIGHTS}
        self._used: dict[str, dict[int, str]] = {}
        self._cache: dict[tuple[str, int], tuple[Run, ...]] = {}

    def runs(self, text: str, *, weight: int) -> tuple[Run, ...]:
        """`text` in runs of one face each. Every character must be one of those that `can_set` takes."""
        key = (text, weight)
        runs = self._cache.get(key)
        if runs is None:
            runs = tuple(self._shaped(cut, piece) for cut, piece in self._pieces(text, weight))
            if len(self._cache) < _CACHE_TEXTS:
                self._cache[key] = runs
        return runs

    def embedded(self) -> Iterator[tuple[str, Face, Mapping[int, str]]]:
        """(resource name, face, glyph → text) of the faces that were used."""
        for cuts in self._cuts.values():
            for cut in cuts:
                if used := self._used.get(cut.name):
                    yield cut.name, cut.face, used

    def _pieces(self, text: str, weight: int) -> Iterator[tuple[_Cut, str]]:
        first, *others = self._cuts[weight]
        if all(map(first.characters.__contains__, text)):
            yield first, text
            return
        every = (first, *others)
        for cut, characters in groupby(text, key=lambda c: next((cut for cut in every if c in cut.characters), first)):
            yield cut, "".join(characters)

    def _shaped(self, cut: _Cut, text: str) -> Run:
        used = self._used.setdefault(cut.name, {})
        if cut.plain.issuperset(text):
            glyphs = [cut.glyphs[character] for character in text]
            used.update(zip(glyphs, text, strict=True))
            width = sum(cut.advances[glyph] for glyph in glyphs)
            return Run(cut.name, f"<{''.join(f'{glyph:04x}' for glyph in glyphs)}>Tj", width / cut.upem)
        infos, positions = _shape(cut.font, text)
        parts, width = ["[<"], 0
        for number, (info, position) in enumerate(zip(infos, positions, strict=True)):
            glyph = info.codepoint
            end = infos[number + 1].cluster if number + 1 < len(infos) else len(text)
            used.setdefault(glyph, text[info.cluster : end])
            parts.append(f"{glyph:04x}")
            if kern := cut.font.get_glyph_h_advance(glyph) - position.x_advance:
                parts.append(f">{round(kern * 1000 / cut.upem)}<")
            width += position.x_advance
        parts.append(">]TJ")
        return Run(cut.name, "".join(parts), width / cut.upem)


@dataclass(frozen=True)
class _Cut:
    """A face as HarfBuzz has it."""

    name: str
    face: Face
    font: uharfbuzz.Font
    upem: int
    characters: frozenset[str]
    plain: frozenset[str]
    glyphs: Mapping[str, int]
    advances: Mapping[int, int]


_CUTS: dict[str, _Cut] = {}


def _cut(face: Face) -> _Cut:
    if face.name not in _CUTS:
        loaded = uharfbuzz.Face(face.content)
        font = uharfbuzz.Font(loaded)
        glyphs = {chr(code): font.get_nominal_glyph(code) for code in face.characters}
        glyphs = {character: glyph for character, glyph in glyphs.items() if glyph is not None}
        advances = {glyph: font.get_glyph_h_advance(glyph) for glyph in glyphs.values()}
        name = f"T{face.name.title().replace('-', '')}"
        plain = _plain(font, glyphs, advances)
        _CUTS[face.name] = _Cut(name, face, font, loaded.upem, frozenset(glyphs), plain, glyphs, advances)
    return _CUTS[face.name]


def _plain(font: uharfbuzz.Font, glyphs: Mapping[str, int], advances: Mapping[int, int]) -> frozenset[str]:
    """The characters of figures, if no two are kerned: texts of them need no shaping, and tables are full of them."""
    figures = [character for character in _FIGURES if character in glyphs]
    for first in figures:
        for second in figures:
            _, positions = _shape(font, first + second)
            if [p.x_advance for p in positions] != [advances[glyphs[first]], advances[glyphs[second]]]:
                return frozenset()
    return frozenset(figures)


def _shape(font: uharfbuzz.Font, text: str) -> tuple[Sequence[Any], Sequence[Any]]:
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    uharfbuzz.shape(font, buffer)
    return buffer.glyph_infos, buffer.glyph_positions


def ascent_em(weight: int) -> float:
    """How far the tallest letters of a weight reach above the line, as the font itself says, in em."""
    cut = _cut(next(face for face in faces() if face.weight == weight))
    return float(cut.font.get_font_extents("ltr").ascender) / cut.upem


def descent_em(weight: int) -> float:
    """How far letters reach below the line, in em (positive)."""
    cut = _cut(next(face for face in faces() if face.weight == weight))
    return -float(cut.font.get_font_extents("ltr").descender) / cut.upem


@dataclass(frozen=True, slots=True)
class FontFile:
    """What a PDF needs to know of a face: its subset and its descriptions, as PDF syntax."""

    name: str
    content: bytes
    widths: str
    to_unicode: str
    box: tuple[int, int, int, int]
    ascent: int
    descent: int


def font_file(face: Face, used: Mapping[int, str]) -> FontFile:
    """`face` with the glyphs `used` (glyph → text) alone; the same glyphs give the same bytes."""
    cut = _cut(face)
    wanted = uharfbuzz.SubsetInput()
    wanted.glyph_set.update(used)
    flags = uharfbuzz.SubsetFlags
    wanted.flags = flags.RETAIN_GIDS | flags.NO_HINTING | flags.NOTDEF_OUTLINE
    wanted.drop_table_tag_set.update(
        [int.from_bytes(tag, "big") for tag in (b"GPOS", b"GSUB", b"GDEF", b"BASE", b"STAT")]
    )
    content = bytes(uharfbuzz.subset(cut.font.face, wanted).blob.data)
    thousandth = 1000 / cut.upem
    glyphs = sorted(used)
    widths = " ".join(f"{glyph} [{round(cut.font.get_glyph_h_advance(glyph) * thousandth)}]" for glyph in glyphs)
    entries = [f"<{glyph:04x}> <{used[glyph].encode('utf-16-be').hex()}>" for glyph in glyphs]
    blocks = [entries[start : start + _CMAP_ENTRIES_MAX] for start in range(0, len(entries), _CMAP_ENTRIES_MAX)]
    ranges = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    digest = sha256(f"{face.name} {glyphs}".encode()).digest()
    prefix = "".join(chr(65 + byte % 26) for byte in digest[:6])
    family = face.family.replace(" ", "-") + ("-Semi-Bold" if face.weight == SEMIBOLD else "")
    extents = cut.font.get_font_extents("ltr")
    ascent, descent = round(extents.ascender * thousandth), round(extents.descender * thousandth)
    return FontFile(
        f"{prefix}+{family}",
        content,
        widths,
        _CMAP.format(ranges=ranges),
        (-500, descent, 2000, ascent),
        ascent,
        descent,
    )
