"""Files inside a PDF: the rows of a document as CSV, for whoever wants to compute with what is printed.

They go into the file as they are read from the spool, compressed, so that memory does not grow with them. The reader's
paper clip lists them by the names that the format `csv` gives its files; each is marked as data of the document.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydyf

from reportd.render import csv
from reportd.render.engine import OPTIONS, Engine
from reportd.render.stream.objects import Objects
from reportd.render.tablefiles import named
from reportd.report.document import Document, Section

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from reportd.render.cells import Cells


def attach(document: Document, objects: Objects, catalog: pydyf.Dictionary) -> None:
    """Write the files that `document` wants into `objects`, and say in `catalog` that they are there."""
    if document.attach is None:
        return
    moment = document.as_of.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")
    found = [
        (name, _added(objects, name, section, moment))
        for name, section in named(document, csv.ENDING)
        if section.rows is not None
    ]
    pairs = [entry for name, file in sorted(found) for entry in (pydyf.String(name), b"%d 0 R" % file)]
    names = catalog.setdefault("Names", pydyf.Dictionary())
    names["EmbeddedFiles"] = pydyf.Dictionary({"Names": pydyf.Array(pairs)})
    catalog["AF"] = pydyf.Array([b"%d 0 R" % file for _, file in found])


def write(
    engine: Engine, html: str | Element, *, css: str, path: Path, as_of_s: int, cells: Cells, document: Document
) -> int:
    """What `Engine.write` does, with the attachments of `document` in the file."""
    rendering = engine.render(html, css=css, as_of_s=as_of_s)
    with path.open("wb") as file:

        def finish(laid_out: Any, pdf: pydyf.PDF) -> None:
            cells(laid_out, pdf)
            objects = Objects(file, first=len(pdf.objects))
            attach(document, objects, pdf.catalog)
            for number, held in enumerate(pdf.objects):
                if number:
                    (objects.plain if isinstance(held, pydyf.Stream) else objects.pack)(number, held.data)
            objects.close(root=pdf.catalog.number, info=objects.add(pdf.info.data))

        rendering.write_pdf(io.BytesIO(), finisher=finish, **OPTIONS)
    return len(rendering.pages)


def _added(objects: Objects, name: str, section: Section, moment: str) -> int:
    """Write one file; the number of what describes it."""
    stream, facts = objects.number(), objects.number()
    size, digest = 0, md5(usedforsecurity=False)

    def pieces() -> Iterator[bytes]:
        nonlocal size
        for piece in csv.content(section):
            size += len(piece)
            digest.update(piece)
            yield piece

    objects.stream_of(stream, pieces(), b"/Type/EmbeddedFile/Subtype/text#2Fcsv/Params %d 0 R" % facts)
    objects.pack(facts, f"<</Size {size}/CheckSum<{digest.hexdigest()}>/ModDate({moment})>>".encode())
    file = pydyf.Dictionary(
        {
            "Type": "/Filespec",
            "F": pydyf.String(name),
            "UF": pydyf.String(name),
            "Desc": pydyf.String(section.title or section.name),
            "AFRelationship": "/Data",
            "EF": pydyf.Dictionary({"F": b"%d 0 R" % stream, "UF": b"%d 0 R" % stream}),
        }
    )
    return objects.add(file.data)
