"""The last step: xlsxwriter's package, with each data sheet's own cells and ranges in place of its placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from zipfile import ZipFile

from xlsxwriter.utility import xl_col_to_name

from reportd.render.xlsx.cells import Link
from reportd.render.xlsx.grid import Sheet
from reportd.render.xlsx.package import PackageWriter

_CELLS = re.compile(r"<sheetData>.*</sheetData>|<sheetData/>", re.DOTALL)
_DIMENSION = re.compile(r'<dimension ref="[^"]*"/>')
_HYPERLINKS = re.compile(r"<hyperlinks>.*</hyperlinks>", re.DOTALL)
_LINK_RELATION = re.compile(r'<Relationship Id="\w+" Type="[^"]*/hyperlink"[^>]*/>')
_TABLE_RELATION = re.compile(r'Target="\.\./(tables/table\d+\.xml)"')
_RELATION_TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
# What stands in an address as it is; the rest is percent-encoded, and "%" itself only where it encodes nothing yet.
_ADDRESS_SAFE = "!$&'()*+,-./:;=?@_~%#"


def assemble(shell: BinaryIO, path: Path, sheets: Sequence[Sheet]) -> None:
    """Write the workbook to `path`: `shell` is xlsxwriter's file, `sheets` the data sheets in it."""
    with ZipFile(shell) as source, path.open("wb") as target:
        package = PackageWriter(target)
        replaced = _replacements(source, sheets)
        streamed = {sheet.part: sheet for sheet in sheets}
        for name in source.namelist():
            if name in streamed:
                head, tail = _around(source.read(name).decode(), streamed[name])
                package.splice(name, head.encode(), streamed[name].piece, tail.encode())
            else:
                package.add(name, replaced.get(name) or source.read(name))
        package.close()


def _around(shell: str, sheet: Sheet) -> tuple[str, str]:
    """What stands before a sheet's rows and after them."""
    found = _CELLS.search(shell)
    if found is None:
        raise ValueError(f"{sheet.part} has no cells to replace")
    last = f"{xl_col_to_name(max(sheet.columns, 1) - 1)}{sheet.last_row}"
    head = _DIMENSION.sub(f'<dimension ref="A1:{last}"/>', shell[: found.start()]) + "<sheetData>"
    tail = "</sheetData>" + shell[found.end() :]
    if sheet.links:
        tail = _HYPERLINKS.sub(lambda _: _hyperlinks(sheet.links), tail)
    return head, tail


def _replacements(source: ZipFile, sheets: Iterable[Sheet]) -> dict[str, bytes]:
    """The parts that say how far a sheet's table goes and where its links lead."""
    replaced: dict[str, bytes] = {}
    for sheet in sheets:
        relations = f"xl/worksheets/_rels/{sheet.part.rpartition('/')[2]}.rels"
        if relations not in source.namelist():
            continue
        text = source.read(relations).decode()
        if sheet.links:
            found = _LINK_RELATION.search(text)
            if found is None:
                raise ValueError(f"{relations} has no link to replace")
            replaced[relations] = f"{text[: found.start()]}{_relations(sheet.links)}{text[found.end() :]}".encode()
        if table := _TABLE_RELATION.search(text):
            part = f"xl/{table[1]}"
            replaced[part] = _widened(source.read(part).decode(), sheet).encode()
    return replaced


def _widened(table: str, sheet: Sheet) -> str:
    last = xl_col_to_name(sheet.columns - 1)
    table = re.sub(r'(<table [^>]*?\bref=)"[^"]*"', rf'\1"A1:{last}{sheet.last_row}"', table, count=1)
    return re.sub(r'(<autoFilter ref=)"[^"]*"', rf'\1"A1:{last}{sheet.rows + 1}"', table, count=1)


def _hyperlinks(links: Sequence[Link]) -> str:
    written = []
    for number, link in enumerate(links, start=1):
        _, _, place = link.url.partition("#")
        location = f' location="{_attribute(place)}"' if place else ""
        written.append(f'<hyperlink ref="{link.cell}" r:id="rLink{number}"{location}/>')
    return f"<hyperlinks>{''.join(written)}</hyperlinks>"


def _relations(links: Sequence[Link]) -> str:
    return "".join(
        f'<Relationship Id="rLink{number}" Type="{_RELATION_TYPE}"'
        f' Target="{_attribute(quote(link.url.partition("#")[0], safe=_ADDRESS_SAFE))}" TargetMode="External"/>'
        for number, link in enumerate(links, start=1)
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
