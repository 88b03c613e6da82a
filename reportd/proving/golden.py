"""Goldens: files beside a test that say how a report came out when somebody looked at it and found it right.

`values.json` has what the report says; text formats are kept as they are, but for what names this version of reportd;
a PDF is kept as a picture of each page, and compared pixel by pixel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportd.errors import ReportdError
from reportd.proving.cases import Case
from reportd.proving.expect import Difference, lines_apart

if TYPE_CHECKING:
    from PIL.Image import Image

VALUES = "values"
PDF = "pdf"
_TEXTS = ("text/csv", "text/tab-separated-values", "application/json", "application/x-ndjson", "text/plain")
_SCALE = 1.25  # 90 dots per inch: hairlines show, and a page is some 60 kB
CHANNEL_MAX = 24
"""By how much of 255 a pixel's red, green or blue may be off: antialiasing differs from machine to machine."""
_VERSIONED = ("version", "report_sha256", "sql_sha256", "job")


@dataclass(frozen=True, slots=True)
class Made:
    """One file that a test has made."""

    name: str
    path: Path
    content_type: str


def compare(case: Case, golden: str, files: Sequence[Made], facts: Mapping[str, Any]) -> Iterator[Difference]:
    """Where what was made differs from the goldens of `golden`: `values`, `pdf` or the name of a text format."""
    directory = case.directory
    if golden == PDF:
        yield from _compare_pages(case, files[0].path)
        return
    for name, text in _texts(golden, files, facts):
        kept = directory / name
        if not kept.is_file():
            yield _missing(case, kept)
        elif (expected := kept.read_text(encoding="utf-8")) != text:
            line, shown = lines_apart(expected.splitlines(), text.splitlines())
            yield Difference(f"{kept}:{line}", f"{golden} differs (- expected, + got)", more=shown)
    for kept in _kept(directory, golden):
        if kept.name not in {name for name, _ in _texts(golden, files, facts)}:
            yield Difference(str(kept), f"{golden}: the report makes no such file any more")


def update(case: Case, golden: str, files: Sequence[Made], facts: Mapping[str, Any]) -> list[Path]:
    """Write the goldens of `golden` anew; the files that have changed."""
    directory = case.directory
    directory.mkdir(parents=True, exist_ok=True)
    if golden == PDF:
        return _update_pages(case, files[0].path)
    changed = []
    texts = dict(_texts(golden, files, facts))
    for kept in _kept(directory, golden):
        if kept.name not in texts:
            kept.unlink()
            changed.append(kept)
    for name, text in texts.items():
        kept = directory / name
        if not kept.is_file() or kept.read_text(encoding="utf-8") != text:
            kept.write_text(text, encoding="utf-8")
            changed.append(kept)
    return changed


def _kept(directory: Path, golden: str) -> list[Path]:
    if golden == VALUES:
        return []
    return sorted(path for path in directory.glob(f"*.{golden}") if path.name != "values.json")


def _texts(golden: str, files: Sequence[Made], facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if golden == VALUES:
        yield "values.json", _values(facts)
        return
    for file in files:
        if not file.content_type.startswith(_TEXTS):
            raise ReportdError(f"{golden} can't be a golden: it is no text; use values, pdf, csv or json")
        text = file.path.read_text(encoding="utf-8")
        yield file.name, _unversioned(text) if file.content_type.startswith("application/json") else text


def _values(facts: Mapping[str, Any]) -> str:
    """The facts, a line for each row: so that a change is a line in a review, too."""
    lines = [f'{{"title": {_dumps(facts["title"])}, "as_of": {_dumps(facts["as_of"])},']
    lines.append(f' "filters": {_dumps(facts["filters"])},')
    lines.append(' "sections": {')
    for number, (name, section) in enumerate(facts["sections"].items()):
        last = number == len(facts["sections"]) - 1
        lines.append(f"  {_dumps(name)}: {{")
        lines += [f"    {_dumps(key)}: {_dumps(value)}," for key, value in section.items() if key != "cells"]
        cells = [f"      {_dumps(row)}" for row in section.get("cells", ())]
        lines += ['    "cells": [', *[f"{row}," for row in cells[:-1]], *cells[-1:], f"    ]}}{'' if last else ','}"]
    return "\n".join([*lines, "}}", ""])


def _unversioned(text: str) -> str:
    """A JSON file's text without what changes with every version of reportd and of the report's text."""
    document = json.loads(text)
    if isinstance(document, dict) and isinstance(document.get("meta"), dict):
        for key in _VERSIONED:
            if key in document["meta"]:
                line = f'"{key}": {_dumps(document["meta"][key])}'
                text = text.replace(line, f'"{key}": null', 1)
    return text


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _missing(case: Case, path: Path) -> Difference:
    return Difference(f"{case.path}:{case.line}", f"there is no {path} yet: write it with --update, and look at it")


def _compare_pages(case: Case, pdf: Path) -> Iterator[Difference]:
    from PIL import Image

    pages = list(_pages(pdf))
    kept = sorted(case.directory.glob("page-*.png"))
    expected = [path for path in kept if path.stem.removeprefix("page-").isdigit()]
    for path in kept:
        if path not in expected:
            path.unlink()  # what an earlier run showed
    if not expected:
        yield _missing(case, case.directory / "page-1.png")
        return
    if len(expected) != len(pages):
        yield Difference(str(case.directory), "pages of the PDF", str(len(expected)), str(len(pages)))
    for number, page in enumerate(pages[: len(expected)], start=1):
        path = case.directory / f"page-{number}.png"
        with Image.open(path) as golden:
            share, picture = _apart(golden.convert("RGB"), page)
        if share > case.tolerance:
            page.save(path.with_suffix(".got.png"))
            picture.save(path.with_suffix(".diff.png"))
            what = f"page {number} of the PDF differs in {share:.3%} of its pixels; {case.tolerance:.3%} may"
            yield Difference(str(path), what, more=(f"see {path.with_suffix('.got.png')} and .diff.png",))


def _update_pages(case: Case, pdf: Path) -> list[Path]:
    from PIL import Image

    pages = list(_pages(pdf))
    names = {f"page-{number}.png": page for number, page in enumerate(pages, start=1)}
    changed = []
    for path in case.directory.glob("page-*.png"):
        if path.name not in names:
            path.unlink()
    for name, page in names.items():
        path = case.directory / name
        if path.is_file():
            with Image.open(path) as golden:
                if _apart(golden.convert("RGB"), page)[0] == 0:
                    continue
        page.save(path, optimize=True)
        changed.append(path)
    return changed


def _pages(pdf: Path) -> Iterator[Image]:
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            yield page.render(scale=_SCALE).to_pil().convert("RGB")


def _apart(golden: Image, page: Image) -> tuple[float, Image]:
    """The share of pixels that differ, and the page with those in red."""
    from PIL import Image, ImageChops

    if golden.size != page.size:
        return 1.0, page
    off = ImageChops.difference(golden, page)
    worst = ImageChops.lighter(ImageChops.lighter(off.getchannel(0), off.getchannel(1)), off.getchannel(2))
    mask = worst.point(lambda value: 255 if value > CHANNEL_MAX else 0)
    count = mask.histogram()[255]
    pale = Image.blend(page, Image.new("RGB", page.size, "white"), 0.6)
    pale.paste("red", mask=mask)
    return count / (page.width * page.height), pale
