"""Which characters a document shows, and the note that says which of them are missing from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reportd.render.pango import fonts_line
from reportd.render.scripts import is_east_asian
from reportd.report.document import Chart, Data, Document, Kpis, Section, Table, Text
from reportd.report.locales import locale_of

_CHUNK = 1 << 20
_SHOWN_MAX = 12


def characters_of(document: Document) -> frozenset[str]:
    """Every character beyond ASCII of what stands on the document's pages; spooled rows are read through once."""
    sections = [section for section in document.sections if not isinstance(section, Data) or section.picture]
    found = set[str]().union(*_words(document), *(word for section in sections for word in _words_of(section)))
    for path in {section.rows.path for section in sections if section.rows is not None}:
        found.update(_in_file(Path(path)))
    return frozenset(character for character in found if not character.isascii())


def missing_note(missing: Sequence[str], document: Document) -> str:
    """What to tell the reader about characters that stand as boxes, with what installs a font for them."""
    words = locale_of(document.locale).words
    named = " ".join(f"U+{ord(character):04X}" for character in missing[:_SHOWN_MAX])
    more = " …" if len(missing) > _SHOWN_MAX else ""
    line = fonts_line(east_asian=any(map(is_east_asian, missing)))
    return words["no font"].format(count=len(missing), characters=named + more, line=line)


def _words(document: Document) -> Iterator[str]:
    yield from filter(None, (document.title, document.subtitle, document.confidentiality))
    for label, value in document.filters:
        yield label + value
    if document.template:
        yield from document.template.files.values()
        yield from document.template.texts.values()


def _words_of(section: Section) -> Iterator[str]:
    yield section.title
    if isinstance(section, Chart | Table | Data) and section.picture:
        yield section.picture.specification.text
    match section:
        case Kpis():
            for kpi in section.items:
                yield f"{kpi.label}{kpi.value}{kpi.delta_label}"
        case Text():
            yield from section.paragraphs
        case Chart():
            yield section.note
            yield from (column.title for column in (section.x, *section.y))
        case Table():
            yield from (column.title + column.format.unit for column in section.columns)


def _in_file(path: Path) -> set[str]:
    found: set[str] = set()
    with path.open(encoding="utf-8", newline="") as file:
        while chunk := file.read(_CHUNK):
            if not chunk.isascii():
                found.update(chunk)
    return found
