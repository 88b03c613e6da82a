"""A PDF's pages as pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from reportd.preview import pages
from reportd.preview.pages import Size


@pytest.fixture
def pdf(tmp_path: Path) -> Iterator[Path]:
    """Three blank pages, the second lying."""
    path = tmp_path / "made.pdf"
    with pikepdf.new() as document:
        for size in ((595, 842), (842, 595), (595, 842)):
            document.add_blank_page(page_size=size)
        document.save(path)
    yield path
    pages.forget()


async def test_all_pages_are_counted_and_the_first_measured(pdf: Path) -> None:
    assert await pages.sizes(pdf, first=2) == (3, (Size(595, 842), Size(842, 595)))


@pytest.mark.parametrize(("width", "pixels"), [(400, 400), (1, pages.WIDTH_MIN), (99_999, pages.WIDTH_MAX)])
async def test_a_picture_is_as_wide_as_asked_within_bounds(pdf: Path, width: int, pixels: int) -> None:
    image = await pages.picture(pdf, 0, width=width)
    assert image is not None
    with Image.open(io.BytesIO(image)) as picture:
        assert picture.format == "PNG"
        assert abs(picture.width - pixels) <= 1
        assert picture.getpixel((5, 5)) == (255, 255, 255)


async def test_there_is_no_page_past_the_last(pdf: Path) -> None:
    assert await pages.picture(pdf, 3, width=400) is None
    assert await pages.picture(pdf, -1, width=400) is None
