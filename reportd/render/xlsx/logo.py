"""The theme's logo as a picture that a sheet can hold. Sheets have no vector graphics that every program shows, so a
drawing becomes pixels, as many as four times its size on a screen needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, UnidentifiedImageError

from reportd.report.assets import Asset

HEIGHT, WIDTH_MAX = 40, 200
"""Pixels on a screen: the 30 and the 150 points that it may take on a page."""
_POINT = 0.75
_SHARPER = 4
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG or JPEG, and the size (pixels on a screen) that it is shown in."""

    content: bytes
    pixels: tuple[int, int]
    width: int
    height: int


def picture(logo: Asset, *, as_of_s: int) -> Picture | None:
    """`logo` for a sheet; None where it is not what it says to be, or a drawing and this host has no Pango.

    `as_of_s` (Unix time) is the document's.
    """
    content = logo.bytes if logo.media_type in _FORMATS else _drawn(logo, as_of_s)
    if content is None:
        return None
    try:
        with Image.open(BytesIO(content), formats=list(_FORMATS.values())) as opened:
            pixels = opened.size
            if opened.format == "JPEG" or opened.info.get("dpi"):
                # How large a sheet shows it goes by the resolution that a camera or a printer has noted.
                content = _plain(opened)
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        return None
    scale = min(HEIGHT / pixels[1], WIDTH_MAX / pixels[0])
    return Picture(content, pixels, max(round(pixels[0] * scale), 1), max(round(pixels[1] * scale), 1))


def _plain(opened: Image.Image) -> bytes:
    """The picture alone, as PNG: no resolution, no notes of a camera."""
    made = BytesIO()
    opened.convert("RGBA" if opened.mode in ("RGBA", "LA", "P", "PA") else "RGB").save(made, "PNG")
    return made.getvalue()


def _drawn(logo: Asset, as_of_s: int) -> bytes | None:
    """The drawing as PNG, on a transparent ground that is cut off around it; None without Pango, or for a blank one."""
    import pypdfium2

    try:
        from reportd.render.engine import Engine
    except OSError:
        return None
    box = f"width: {WIDTH_MAX * _POINT}pt; height: {HEIGHT * _POINT}pt"
    html = f'<html lang="en"><head><title>-</title></head><body><img alt="" src="{logo.uri}"/></body></html>'
    css = (
        f"@page {{ size: {WIDTH_MAX * _POINT}pt {HEIGHT * _POINT}pt; margin: 0 }}"
        f" img {{ display: block; {box}; object-fit: contain; object-position: left top }}"
    )
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "logo.pdf"
        Engine().write(html, css=css, path=path, as_of_s=as_of_s)
        with pypdfium2.PdfDocument(path) as document:
            shown = document[0].render(scale=_SHARPER / _POINT, fill_color=(255, 255, 255, 0)).to_pil()
    visible = shown.getbbox()
    if visible is None:
        return None
    made = BytesIO()
    shown.crop(visible).save(made, "PNG")
    return made.getvalue()
