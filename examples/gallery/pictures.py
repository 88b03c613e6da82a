"""Pictures of the gallery's pages for the README: `python3 dev.py gallery` makes the reports and calls this.

Needs pdftoppm (`apt-get install poppler-utils`). Small on purpose: 128 colours, each some 40 kB.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps

PICTURES = Path(__file__).parent / "pictures"
PAGES = {
    "quarter-in-figures": 1,
    "invoice-list": 1,
    "invoice-list-lines": 5,
    "revenue-matrix": 1,
    "bank-ledger": 1,
    "account-letter": 1,
    "stock-movements": 1,
}
"""Which page of each report is shown."""
DOTS_PER_INCH = 88
LETTER = "letters/2026-10-31/C-20448/account-letter.pdf"


def main(made: Path) -> None:
    """Draw the pages of the files in `made`, where `reportd demo --gallery` has put them."""
    PICTURES.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path = made / (LETTER if name == "account-letter" else f"{name.removesuffix('-lines')}.pdf")
        _draw(path, page, PICTURES / f"{name}.png")


def _draw(path: Path, page: int, target: Path) -> None:
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "page"
        only = ["-r", str(DOTS_PER_INCH), "-f", str(page), "-l", str(page), "-singlefile"]
        subprocess.run(["pdftoppm", "-png", *only, str(path), str(out)], check=True)
        image = Image.open(out.with_suffix(".png")).convert("RGB")
    framed = ImageOps.expand(image, border=1, fill="#d5dae0")
    framed.quantize(colors=128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
