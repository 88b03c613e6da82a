"""A report's own pictures and fonts: the files of its directory that its theme and its template name.

They travel with the report's text, as base64, so that a render child reads what the daemon has read and nothing else.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from struct import unpack_from
from xml.etree.ElementTree import ParseError, fromstring

from reportd.report.fault import listed, nearest

LOGOS: Mapping[str, str] = {"svg": "image/svg+xml", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
FONTS: Mapping[str, str] = {"ttf": "font/ttf", "otf": "font/otf", "woff": "font/woff", "woff2": "font/woff2"}
KINDS: Mapping[str, str] = {**LOGOS, **FONTS}
"""Media types by the ending of a file's name."""
PIXELS_MAX = 25_000_000
"""A picture with more takes a render's memory, however small its file is."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MARKS: Mapping[str, tuple[bytes, ...]] = {
    "image/png": (_PNG,),
    "image/jpeg": (_JPEG,),
    "font/ttf": (b"\0\1\0\0", b"true"),
    "font/otf": (b"OTTO", b"\0\1\0\0"),
    "font/woff": (b"wOFF",),
    "font/woff2": (b"wOF2",),
}
_LOADED = re.compile(r"""@import|url\(\s*["']?([^"')]*)""", re.IGNORECASE)
_UNSAFE_SVG = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: `name` as it lies in the directory, `content` in base64."""

    name: str
    media_type: str
    content: str

    @property
    def bytes(self) -> bytes:
        return b64decode(self.content)

    @property
    def uri(self) -> str:
        """The file as an address that holds it."""
        return f"data:{self.media_type};base64,{self.content}"


def is_asset(file: str) -> bool:
    """Whether a file of this name travels with its report."""
    return not file.startswith(".") and _ending(file) in KINDS


def asset_of(name: str, assets: Mapping[str, str], *, kinds: Mapping[str, str] = KINDS) -> Asset:
    """The file called `name` of `assets` (name → base64). Errors: ValueError that says what is wrong with it."""
    if name not in assets:
        there = listed(sorted(assets)) if assets else "none"
        raise ValueError(f'the report has no file "{name}"{nearest(name, assets)} (there is: {there})')
    if _ending(name) not in kinds:
        raise ValueError(f'"{name}" is none of {", ".join(f".{ending}" for ending in kinds)}')
    asset = Asset(name, kinds[_ending(name)], assets[name])
    check(asset.bytes, asset.media_type, name=f'"{name}"')
    return asset


def check(content: bytes, media_type: str, *, name: str) -> None:
    """Errors: ValueError for a file that is not of its type, or that would take a render's memory or time."""
    if media_type == "image/svg+xml":
        if _UNSAFE_SVG.search(content) or b"\0" in content:
            raise ValueError(f"{name} has a DOCTYPE or entities, which no picture needs; save it as plain SVG")
        _check_svg(content, name)
    elif not content.startswith(_MARKS[media_type]):
        raise ValueError(f"{name} is not what it says to be: {media_type}")
    pixels = _pixels(content)
    if pixels > PIXELS_MAX:
        raise ValueError(f"{name} has {pixels:,} pixels; at most {PIXELS_MAX:,} are shown")


def _check_svg(content: bytes, name: str) -> None:
    """Errors: ValueError for a drawing that would lack a part, since nothing is loaded into a document."""
    try:
        tree = fromstring(content)  # noqa: S314  without entities it is harmless
    except ParseError as error:
        raise ValueError(f"{name} is not SVG: {error}") from None
    for element in tree.iter():
        tag = str(element.tag).rpartition("}")[2]
        if tag in ("script", "foreignObject"):
            raise ValueError(f"{name} has a <{tag}>, which no picture needs; save it as plain SVG")
        addresses = [value for key, value in element.attrib.items() if key.rpartition("}")[2] == "href" and tag != "a"]
        written = [*element.attrib.values(), element.text or ""] if tag == "style" else element.attrib.values()
        addresses += [match[1] or "@import" for text in written for match in _LOADED.finditer(text)]
        for address in addresses:
            if not address.lower().startswith(("#", "data:")):
                raise ValueError(f"{name} loads {address[:80]!r}; put that into the file itself")


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _pixels(content: bytes) -> int:
    """How many pixels a PNG or JPEG says that it has; 0 for what is neither."""
    if content.startswith(_PNG) and len(content) >= 24:
        width, height = unpack_from(">II", content, 16)
        return int(width * height)
    if content.startswith(_JPEG):
        place = 2
        while place + 9 < len(content) and content[place] == 0xFF:
            marker, length = unpack_from(">BH", content, place + 1)
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = unpack_from(">HH", content, place + 5)
                return int(width * height)
            place += 2 + length
    return 0
