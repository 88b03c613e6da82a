"""The theme's logo on the summary sheet."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from reportd.render.xlsx.logo import picture
from reportd.report.assets import Asset
from reportd.report.theme import Theme
from tests.unit.render.sheets import column, document, opened, rendered, table

DRAWING = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30">
<rect width="60" height="30" fill="#0b6a4a"/><rect x="60" width="30" height="30" fill="#e69f3c"/></svg>"""


def _pixels(format: str) -> bytes:
    made = BytesIO()
    Image.new("RGB", (300, 100), "#0b6a4a").save(made, format, dpi=(300, 300))
    return made.getvalue()


def _logo(content: bytes, type: str) -> Asset:
    return Asset("logo", type, b64encode(content).decode())


LOGOS = {
    "a drawing": _logo(DRAWING, "image/svg+xml"),
    "a PNG": _logo(_pixels("PNG"), "image/png"),
    "a JPEG": _logo(_pixels("JPEG"), "image/jpeg"),
}


@pytest.mark.parametrize("logo", LOGOS.values(), ids=LOGOS)
def test_the_logo_stands_above_the_title_as_large_as_on_a_page(tmp_path: Path, logo: Asset) -> None:
    made = document(table(tmp_path, [column("name")], [["a"], ["b"]]), theme=Theme(logo=logo))
    sheet = opened(made, tmp_path)["Summary"]
    assert [cell.value for cell in sheet["B"]][:2] == [None, "Sales"]
    [image] = sheet._images
    frame = image.anchor
    assert (frame._from.row, frame._from.col) == (0, 1)
    assert sheet.row_dimensions[1].height == 42, "points: 40 pixels of logo, and some room"
    with ZipFile(rendered(made, tmp_path)) as package:
        [name] = [name for name in package.namelist() if name.startswith("xl/media/")]
        shown = Image.open(BytesIO(package.read(name)))
        first = rendered(made, tmp_path).read_bytes()
    assert shown.size[0] / shown.size[1] == pytest.approx(3, rel=0.02)
    assert shown.convert("RGB").getpixel((10, 10)) == pytest.approx((0x0B, 0x6A, 0x4A), abs=3)
    assert rendered(made, tmp_path).read_bytes() == first, "the same bytes again"


def test_a_wide_logo_is_no_wider_than_its_room() -> None:
    made = BytesIO()
    Image.new("RGB", (1000, 20)).save(made, "PNG")
    shown = picture(_logo(made.getvalue(), "image/png"), as_of_s=0)
    assert shown is not None
    assert (shown.width, shown.height) == (200, 4)


@pytest.mark.parametrize(
    "logo",
    [
        _logo(b"\x89PNG\r\n\x1a\nnothing", "image/png"),
        _logo(b"\xff\xd8\xffnothing", "image/jpeg"),
        _logo(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
    ],
)
def test_a_logo_that_can_not_be_shown_leaves_its_place_empty(tmp_path: Path, logo: Asset) -> None:
    made = document(table(tmp_path, [column("name")], [["a"], ["b"]]), theme=Theme(logo=logo))
    assert not opened(made, tmp_path)["Summary"]._images
