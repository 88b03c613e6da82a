"""The one family that reportd's documents are set in, made ready for print and measured; other scripts join on demand.

Source Sans 3 comes as a variable font of 650 kB, which takes seconds to subset. Here it becomes static faces of some
35 kB, once per process and in milliseconds: two weights of the Latin letters with kerning, and the other alphabets in
faces of their own that a document embeds only if it needs them. They go by a private family name, so that a font of the
same name on the host can't take their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fontpkg_source_sans_3
import uharfbuzz

from reportd.render import scripts
from reportd.render.scripts import Script

# WeasyPrint tells fonts apart by family, weight and style alone: of two faces that agree in these it would write one
# into the PDF, with the other's glyph numbers. So each part of the alphabet is a family.
FAMILIES: Mapping[str, str] = {"latin": "reportd Sans", "extended": "reportd Sans Extended"}
FAMILY = ", ".join([*FAMILIES.values(), *scripts.FAMILIES])
REGULAR, SEMIBOLD = 400, 600
WEIGHTS = (REGULAR, SEMIBOLD)

_FILE = Path(fontpkg_source_sans_3.ROOT) / "files" / "SourceSans3[wght].ttf"
_SIGNS = (
    0x20AC,
    0x2116,
    0x2122,
    0x2190,
    0x2191,
    0x2192,
    0x2193,
    0x2212,
    0x221E,
    0x2248,
    0x2260,
    0x2264,
    0x2265,
    0x25B2,
    0x25BC,
)
_CHARACTERS: Mapping[str, tuple[int, ...]] = {
    "latin": (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2040), *_SIGNS),
    "extended": (*range(0x180, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000), *range(0x2070, 0x2600)),
}
# Pango sets the space between two words in the font of the first, without asking whether it has one.
_SPACES = (0x20, 0xA0)


@dataclass(frozen=True, slots=True)
class Face:
    """One static TrueType file: `content` is its bytes, `characters` the code points it is meant for."""

    name: str
    family: str
    weight: int
    characters: tuple[int, ...]
    content: bytes


@lru_cache(maxsize=1)
def faces() -> tuple[Face, ...]:
    """The faces, made on first use (some 40 ms)."""
    variable = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_FILE)))
    return tuple(
        Face(
            f"{part}-{weight}",
            FAMILIES[part],
            weight,
            characters,
            _instance(variable, weight, characters, features=("kern",) if part == "latin" else ("mark",)),
        )
        for part, characters in _CHARACTERS.items()
        for weight in WEIGHTS
    )


@lru_cache(maxsize=len(scripts.SCRIPTS))
def faces_of(script: Script) -> tuple[Face, ...]:
    """The faces of another script, with all that shaping it takes. Raises ImportError if its package is missing."""
    variable = script.variable()
    return tuple(
        Face(
            f"{script.name}-{weight}",
            script.family,
            weight,
            script.characters,
            _instance(variable, weight, script.characters, features=()),
        )
        for weight in WEIGHTS
    )


def width_em(text: str, *, bold: bool = False) -> float:
    """How wide `text` is set on one line, in em, without kerning (which only ever makes it a little narrower)."""
    advances = _advances(SEMIBOLD if bold else REGULAR)
    return sum([advances[character] for character in text])


class _Advances(dict[str, float]):
    """Characters' widths in em; those that the family lacks are measured when they come."""

    def __init__(self, weight: int) -> None:
        super().__init__()
        self._weight = weight

    def __missing__(self, character: str) -> float:
        width = self[character] = scripts.width_em(character, weight=self._weight)
        return width


@lru_cache(maxsize=2)
def _advances(weight: int) -> Mapping[str, float]:
    advances = _Advances(weight)
    for face in faces():
        if face.weight == weight:
            font = uharfbuzz.Font(uharfbuzz.Face(face.content))
            for code in face.characters:
                if (glyph := font.get_nominal_glyph(code)) is not None:
                    advances.setdefault(chr(code), font.get_glyph_h_advance(glyph) / font.face.upem)
    # Of no width by themselves: soft hyphen, joiners, marks that the font sets on the letter before.
    advances.update(dict.fromkeys("\u00ad\u200b\u200c\u200d", 0.0))
    return advances


def _instance(variable: uharfbuzz.Face, weight: int, characters: Iterable[int], *, features: Sequence[str]) -> bytes:
    """One weight of `variable` with `characters`; without `features`, those that its script can't do without."""
    wanted = uharfbuzz.SubsetInput()
    wanted.pin_all_axes_to_default(variable)
    wanted.pin_axis_location(variable, "wght", weight)
    wanted.unicode_set.update((*characters, *_SPACES))
    if features:
        # Kerning of every alphabet is 50 kB, and reading it again would cost each PDF half a second.
        kept = wanted.layout_feature_tag_set
        kept.clear()
        kept.update(map(_tag, features))
    wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
    return bytes(uharfbuzz.subset(variable, wanted).blob.data)


def _tag(name: str) -> int:
    return int.from_bytes(name.encode(), "big")
