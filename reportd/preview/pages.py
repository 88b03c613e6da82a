"""A PDF's pages as pictures, one at a time, as a browser asks for them."""

from __future__ import annotations

import asyncio
import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

WIDTH_MIN, WIDTH_MAX = 100, 3000
"""Pixels that a picture may be wide."""

# PDFium is not made for two threads at once. A thread holds this itself: who waits for it may have given up.
_ONE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Size:
    """A page's width and height in points."""

    width: float
    height: float


async def sizes(path: Path, *, first: int) -> tuple[int, tuple[Size, ...]]:
    """How many pages the PDF at `path` has, and the sizes of the `first` ones."""
    return await asyncio.to_thread(_sizes, path, first)


async def picture(path: Path, number: int, *, width: int) -> bytes | None:
    """Page `number` (from 0) as a PNG of `width` pixels, within the bounds above; None: there is no such page."""
    return await asyncio.to_thread(_picture, path, number, min(max(width, WIDTH_MIN), WIDTH_MAX))


def forget() -> None:
    """Let go of the file that was open last. Blocks while a picture is being made."""
    with _ONE:
        _opened.cache_clear()


@lru_cache(maxsize=1)
def _opened(path: Path) -> Any:
    from pypdfium2 import PdfDocument  # with Pillow a quarter of a second, while the first report is being made

    return PdfDocument(path)


def _sizes(path: Path, first: int) -> tuple[int, tuple[Size, ...]]:
    with _ONE:
        document = _opened(path)
        count = len(document)
        return count, tuple(Size(*document.get_page_size(number)) for number in range(min(first, count)))


def _picture(path: Path, number: int, width: int) -> bytes | None:
    with _ONE:
        document = _opened(path)
        if not 0 <= number < len(document):
            return None
        page = document[number]
        try:
            image = page.render(scale=width / page.get_width(), rev_byteorder=True).to_pil()
        finally:
            page.close()
        # A copy: the original lies in PDFium's memory.
        picture = image.convert("RGB")
    out = io.BytesIO()
    # Speed before size: it goes no further than this machine.
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()
