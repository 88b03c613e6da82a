"""Where two files of one format differ, in the terms of their readers: cell, row, page. The first differences only."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from html import unescape
from itertools import islice, zip_longest
from pathlib import Path
from xml.etree import ElementTree

from reportd import spool
from reportd.proving.expect import lines_apart

MOST = 8
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def differences(format: str, then: Path, now: Path) -> tuple[str, ...]:
    """Phrases such as `Orders!C12: 12.5, now 13`; none where the difference is not in what readers see."""
    match format:
        case "xlsx":
            found = _sheets(then, now)
        case "pdf":
            found = _pages(then, now)
        case "csv":
            found = _rows(then, now)
        case "html":
            _line, shown = lines_apart(_words(then), _words(now), most=2 * MOST)
            return ("- then, + now:", *shown) if shown else ()
        case "parquet":
            return ()
        case _:
            line, shown = lines_apart(_lines(then), _lines(now))
            return (f"from line {line} on (- then, + now):", *shown) if shown else ()
    return tuple(islice(found, MOST))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").split("\n")


def _words(path: Path) -> list[str]:
    """What a page says, a line for each row of a table; without drawings."""
    text = re.sub(r"<(head|style|script|svg)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "", re.sub(r"</t[dh]>", "  ", text))
    return [line.strip() for line in unescape(text).splitlines() if line.strip()]


def _rows(then: Path, now: Path) -> Iterator[str]:
    ours, theirs = spool.read(then), spool.read(now)
    names, others = next(ours, []), next(theirs, [])
    if names != others:
        yield f"columns: {', '.join(map(str, names))}, now {', '.join(map(str, others))}"
        return
    for number, (a, b) in enumerate(zip_longest(ours, theirs), start=1):
        if a is None or b is None:
            yield f"row {number} {'was not there' if a is None else 'is not there now'}"
        else:
            for name, x, y in zip(names, a, b, strict=False):
                if x != y:
                    yield f"row {number}, {name}: {_shown(x)}, now {_shown(y)}"


def _sheets(then: Path, now: Path) -> Iterator[str]:
    with zipfile.ZipFile(then) as a, zipfile.ZipFile(now) as b:
        ours, theirs = _parts(a), _parts(b)
        for name in dict.fromkeys((*ours, *theirs)):
            if name not in ours or name not in theirs:
                yield f"sheet {name} {'was not there' if name not in ours else 'is not there now'}"
                continue
            shared = _shared(a), _shared(b)
            for x, y in zip_longest(_cells(a, ours[name], shared[0]), _cells(b, theirs[name], shared[1])):
                if x != y:
                    place = (x or y or ("?", ""))[0]
                    yield f"{name}!{place}: {_shown(x and x[1])}, now {_shown(y and y[1])}"


def _parts(package: zipfile.ZipFile) -> Mapping[str, str]:
    """The sheets: name → part of the package."""
    relations = ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))  # noqa: S314  expat knows bombs
    targets = {str(each.get("Id")): str(each.get("Target")) for each in relations}
    book = ElementTree.fromstring(package.read("xl/workbook.xml"))  # noqa: S314
    return {
        str(sheet.get("name")): "xl/" + targets[str(sheet.get(_RELATION))].removeprefix("/xl/")
        for sheet in book.iter(f"{_MAIN}sheet")
    }


def _shared(package: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in package.namelist():
        return []
    tree = ElementTree.fromstring(package.read("xl/sharedStrings.xml"))  # noqa: S314
    return ["".join(item.itertext()) for item in tree]


def _cells(package: zipfile.ZipFile, part: str, shared: list[str]) -> Iterator[tuple[str, str]]:
    """Reference and value of each cell that has one, in their order."""
    with package.open(part) as file:
        for _event, element in ElementTree.iterparse(file):  # noqa: S314
            if element.tag == f"{_MAIN}c":
                text = "".join(each.text or "" for each in element.iter() if each.tag in (f"{_MAIN}v", f"{_MAIN}t"))
                value = shared[int(text)] if element.get("t") == "s" and text else text
                if value:
                    yield str(element.get("r")), value
            elif element.tag == f"{_MAIN}row":
                element.clear()


def _pages(then: Path, now: Path) -> Iterator[str]:
    import pypdfium2

    with pypdfium2.PdfDocument(then) as a, pypdfium2.PdfDocument(now) as b:
        if len(a) != len(b):
            yield f"{len(a)} pages, now {len(b)}"
        for number in range(min(len(a), len(b))):
            ours, theirs = (re.split(r"\r?\n", each[number].get_textpage().get_text_range()) for each in (a, b))
            _line, shown = lines_apart(ours, theirs, most=4)
            if shown:
                yield f"page {number + 1} (- then, + now):"
                yield from shown


def _shown(text: str | None) -> str:
    return "nothing" if text is None else text if len(text) <= 60 else f"{text[:60]}…"
