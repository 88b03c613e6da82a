"""The scripts that our family lacks, each with a packaged font, and what to install for those that have none.

Nothing here is loaded before a document has a character of the script: most never do, and each font is half a megabyte.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

_JOINERS = (0x200C, 0x200D, 0x25CC)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: `family` is the private name that its faces go by, `characters` the code points that make it up."""

    name: str
    family: str
    package: str
    characters: tuple[int, ...]

    def variable(self) -> Any:
        """The font's file. Raises ImportError where the package is not installed."""
        return _variable(self.package)


SCRIPTS: tuple[Script, ...] = (
    Script(
        "arabic",
        "reportd Arabic",
        "fontpkg_noto_sans_arabic",
        (
            *range(0x600, 0x700),
            *range(0x750, 0x780),
            *range(0x8A0, 0x900),
            *range(0xFB50, 0xFE00),
            *range(0xFE70, 0xFEFF),
        ),
    ),
    Script("hebrew", "reportd Hebrew", "fontpkg_heebo", (*range(0x591, 0x5F5), *range(0xFB1D, 0xFB50))),
    Script(
        "devanagari",
        "reportd Devanagari",
        "fontpkg_noto_sans_devanagari",
        (*range(0x900, 0x980), *range(0x1CD0, 0x1D00), *range(0xA8E0, 0xA900), *_JOINERS),
    ),
    Script("thai", "reportd Thai", "fontpkg_noto_sans_thai", tuple(range(0xE01, 0xE5C))),
)
FAMILIES: tuple[str, ...] = tuple(script.family for script in SCRIPTS)

SAMPLES: Mapping[str, str] = {
    "Arabic": "محمد",
    "Hebrew": "שלום",
    "Devanagari": "नमस्ते",
    "Thai": "ไทย",
    "Chinese": "李明",
    "Japanese": "ひらがな",
    "Korean": "한국어",
}
"""A few letters of the scripts that our family lacks and reports are likely to have."""

_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_LEFT_TO_RIGHT = "L"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
_FROM_EAST_ASIA = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")


@lru_cache(maxsize=1)
def _by_character() -> Mapping[str, Script]:
    return {chr(code): script for script in SCRIPTS for code in script.characters if code not in _JOINERS}


def script_of(character: str) -> Script | None:
    """The script that `character` belongs to, if it is one that we have a font for."""
    return _by_character().get(character)


def scripts_of(characters: Iterable[str]) -> tuple[Script, ...]:
    """The scripts of `characters` that we have fonts for, in their own order."""
    found = {script.name for character in characters if (script := script_of(character))}
    return tuple(script for script in SCRIPTS if script.name in found)


def is_visible(character: str) -> bool:
    """Whether a reader would miss `character`: not so for controls, spaces, joiners and variation selectors."""
    return unicodedata.category(character) not in _INVISIBLE and character not in _SELECTORS


def is_east_asian(character: str) -> bool:
    """Whether `character` is Chinese, Japanese or Korean."""
    return unicodedata.name(character, "").startswith(_FROM_EAST_ASIA)


def is_right_to_left(text: str) -> bool:
    """Whether `text` reads from right to left: its first letter says so, as in the Unicode bidirectional algorithm."""
    if text.isascii():
        return False
    for character in text:
        if (direction := unicodedata.bidirectional(character)) in _RIGHT_TO_LEFT:
            return True
        if direction == _LEFT_TO_RIGHT:
            return False
    return False


def width_em(character: str, *, weight: int) -> float:
    """How wide a `character` that our family lacks is set, in em; never too little, as joined forms are narrower."""
    if not is_visible(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0.0
    script = script_of(character)
    if script is None:
        return 1.0  # what another font has to step in for is most likely as wide as it is high
    font = _measuring(script.package, weight)
    glyph = font.get_nominal_glyph(ord(character))
    return 1.0 if glyph is None else float(font.get_glyph_h_advance(glyph)) / float(font.face.upem)


@lru_cache(maxsize=8)
def _variable(package: str) -> Any:
    import uharfbuzz

    (file,) = (Path(import_module(package).ROOT) / "files").glob("*.ttf")
    return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(file)))


@lru_cache(maxsize=16)
def _measuring(package: str, weight: int) -> Any:
    import uharfbuzz

    font = uharfbuzz.Font(_variable(package))
    font.set_variations({"wght": weight})
    return font
