"""What a reader finds in a rendered PDF: words with their places, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from reportd.render.canvas import SIZE as CHART_SIZE
from reportd.render.fonts import width_em
from reportd.render.pdf import PDF
from reportd.render.task import RenderSettings
from reportd.report.document import Document


@dataclass(frozen=True)
class Word:
    """A run of text: `x` and `y` (points from the bottom left) of its start, `size` in points, `right` its end."""

    text: str
    x: float
    y: float
    size: float
    bold: bool

    @property
    def right(self) -> float:
        return self.x + width_em(self.text, bold=self.bold) * self.size


@dataclass(frozen=True)
class Printed:
    """A PDF on disk, parsed."""

    path: Path
    pages: int

    @property
    def reader(self) -> PdfReader:
        return PdfReader(self.path, strict=True)

    def words(self, page: int) -> list[Word]:
        """The runs of text on `page` (from 0), from top to bottom, left to right."""
        return list(_words(self.path, page))

    def lines(self, page: int) -> list[str]:
        """The lines of `page`: the words that stand at one height, joined by a bar; a chart's labels are left out."""
        lines: dict[int, list[str]] = {}
        for word in self.words(page):
            if abs(word.size - CHART_SIZE) < 0.05:
                continue
            lines.setdefault(round(word.y), []).append(word.text.strip())
        return [" | ".join(words) for words in lines.values()]

    @property
    def text(self) -> str:
        return "\n".join(line for page in range(self.pages) for line in self.lines(page))


@lru_cache(maxsize=64)
def _words(path: Path, page: int) -> tuple[Word, ...]:
    found: list[Word] = []

    def visit(text: str, outer: list[float], matrix: list[float], font: Any, size: float) -> None:
        if text.strip():
            # WeasyPrint turns the page's axes over first: the outer matrix turns a place back.
            x = matrix[4] * outer[0] + outer[4]
            y = matrix[5] * outer[3] + outer[5]
            bold = "Bold" in str((font or {}).get("/BaseFont", ""))
            found.append(Word(text.strip(), x, y, size * abs(outer[0]) * abs(matrix[0]), bold))

    _reader(path).pages[page].extract_text(visitor_text=visit)
    return tuple(sorted(found, key=lambda word: (-round(word.y), word.x)))


@lru_cache(maxsize=4)
def _reader(path: Path) -> PdfReader:
    """Kept from page to page: to find a first page costs as much as to read it."""
    return PdfReader(path, strict=True)


def printed(document: Document, out: Path, *, rows_max: int = 2000) -> Printed:
    """`document` as the PDF renderer writes it into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (file,) = PDF().render(document, out=out, settings=RenderSettings(pdf_rows_max=rows_max))
    assert file.pages is not None
    return Printed(Path(file.path), file.pages)
