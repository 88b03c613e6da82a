"""What `theme.css` may say, and how its mistakes are told."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reportd.errors import ReportError
from reportd.report.theme import DEFAULT, PALETTE, Theme, contrast
from tests.folders import report

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x09\0\0\0\x09"
JPEG = b"\xff\xd8\xff\xe0\x00\x04xx\xff\xc0\x00\x0b\x08\x00\x09\x00\x09\x01\x01\x11\x00"


def theme(css: str, **files: bytes) -> Theme:
    """The theme of a report with this theme.css; a file's last `_` is the dot before its ending."""
    return report({"theme.css": css, **{".".join(name.rsplit("_", 1)): data for name, data in files.items()}}).theme


def test_colours_come_in_any_spelling_of_css() -> None:
    made = theme(":root { --accent: teal; --ink: #123; --muted: rgb(80 80 80); /* no */ --tile: hsl(0 0% 98%) }")
    assert (made.accent, made.ink, made.muted, made.tile) == ("#008080", "#112233", "#505050", "#fafafa")
    assert made.good == DEFAULT.good


def test_without_a_palette_charts_begin_with_the_accent() -> None:
    assert theme(":root { --accent: #0b6a4a }").palette == ("#0b6a4a", *PALETTE[1:])
    made = theme(":root { --palette: red, #00f }")
    assert made.palette == ("#ff0000", "#0000ff")
    assert made.colour(3) == "#0000ff"


def test_a_printer_without_colour_keeps_the_measures_apart() -> None:
    greys = sorted(0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in map(_parts, PALETTE))
    assert min(b - a for a, b in pairwise(greys)) > 25
    assert greys[-1] < 215, "the lightest still stands out from paper"


def _parts(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def test_fonts_and_pictures_are_files_of_the_report() -> None:
    css = """
    :root { --font: Brand Sans, "Other", serif; --logo: 'logo.svg' }
    @font-face { font-family: "Brand Sans"; src: url("brand.woff2"); font-weight: 600; font-style: italic }
    """
    made = theme(css, logo_svg=SVG, brand_woff2=b"wOF2...")
    assert made.fonts == ("Brand Sans", "Other", "serif")
    assert made.logo is not None
    assert (made.logo.name, made.logo.media_type, made.logo.bytes) == ("logo.svg", "image/svg+xml", SVG)
    [font] = made.files
    assert (font.family, font.weight, font.style, font.asset.name) == ("Brand Sans", "600", "italic", "brand.woff2")
    assert font.asset.uri.startswith("data:font/woff2;base64,")
    assert theme(":root { --logo: url(l.png) }", l_png=PNG).logo
    assert theme(":root { --logo: url(l.jpg) }", l_jpg=JPEG).logo


@pytest.mark.parametrize(
    ("css", "line", "message"),
    [
        (":root {\n --accnt: red }", 2, 'unknown property "--accnt"; did you mean "--accent"? (known: --accent, --ink'),
        (":root {\n color: red }", 2, 'unknown property "color"'),
        (":root {\n\n --accent: blu }", 3, '--accent: "blu" is no opaque colour; write one such as #0b6a4a or teal'),
        (":root { --accent: #0b6a4a80 }", 1, "is no opaque colour"),
        (":root { --accent: currentcolor }", 1, "is no opaque colour"),
        (":root { --accent: var(--ink) }", 1, "is no opaque colour"),
        (":root { --accent: }", 1, "is no opaque colour"),
        (
            ":root { --accent: #ffcc00 }",
            1,
            "--accent: #ffcc00 has a contrast of 1.5 : 1 on white, and text needs 4.5; #8e7200 would do",
        ),
        (":root { --tile: #777 }", 1, "--muted: #56606b has a contrast of 1.4 : 1 on --tile"),
        (":root { --muted: #707070; --stripe: #ddd }", 1, "--muted: #707070 has a contrast of 3.6 : 1 on --stripe"),
        (":root { --palette: red, nothing }", 1, '--palette: "nothing" is no opaque colour'),
        (f":root {{ --palette: {', '.join(['red'] * 13)} }}", 1, "at most 12 can be told apart"),
        (":root { --font: 12pt }", 1, "--font: families are named as in"),
        (":root { --font: Brand, }", 1, "--font: families are named as in"),
        (":root { --logo: none }", 1, '--logo: name a file of the report, such as url("logo.svg")'),
        (":root { --logo: url(lgo.svg) }", 1, 'the report has no file "lgo.svg"; did you mean "logo.svg"?'),
        (":root { --logo: url(brand.woff2) }", 1, '"brand.woff2" is none of .svg, .png'),
        (":root { --logo: url(fake.png) }", 1, '"fake.png" is not what it says to be: image/png'),
        ("@font-face { src: url(brand.woff2) }", 1, "@font-face needs font-family"),
        ("@font-face { font-family: a, b; src: url(brand.woff2) }", 1, "@font-face names one family"),
        ("@font-face { font-family: a; src: url(logo.svg) }", 1, '"logo.svg" is none of .ttf'),
        ("@font-face { font-family: a; src: url(brand.woff2); font-wait: 1 }", 1, 'did you mean "font-weight"?'),
        ("@font-face { font-family: a; src: url(brand.woff2); font-weight: 1 }", 1, '"1" is not normal, bold,'),
        ("h1 { color: red }", 1, "other rules go into the block style of a template"),
        ("@import 'a.css';", 1, "theme.css holds :root { … } and @font-face"),
        (":root { p { color: red } }", 1, "only declarations stand here"),
        ("\n}", 2, "is not CSS: EOF reached before {} block"),
    ],
)
def test_a_mistake_is_told_with_its_place(css: str, line: int, message: str) -> None:
    with pytest.raises(ReportError) as raised:
        theme(css, logo_svg=SVG, brand_woff2=b"wOF2", fake_png=SVG)
    assert raised.value.message.startswith(f"reports/sales/theme.css:{line}:")
    assert message in raised.value.message


def test_our_own_colours_can_be_read() -> None:
    for colour in (DEFAULT.accent, DEFAULT.ink, DEFAULT.muted, DEFAULT.warn, DEFAULT.good):
        assert contrast(colour, "#ffffff") >= 4.5
    for ground in (DEFAULT.tile, DEFAULT.stripe):
        assert contrast(DEFAULT.muted, ground) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
