"""The file that objects are written into, as two other programs read it."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pikepdf
import pytest

from reportd.errors import LimitExceeded
from reportd.render.stream.objects import BYTES_MAX, Objects
from reportd.render.stream.trees import Bookmarks, Pages, Parents


def _written(count: int, *, gap: int = 0) -> bytes:
    """A file with a page, `count` packed objects, and `gap` numbers that were never used."""
    file = io.BytesIO()
    objects = Objects(file, first=3)
    objects.number(gap)
    first = objects.number(count)
    objects.pack_all(first, [f"<</N {number}>>" for number in range(count)])
    content = objects.number()
    objects.stream(content, b"q Q")
    page = objects.add(b"<</Type/Page/Parent 2 0 R/Resources<<>>/MediaBox[0 0 9 9]/Contents %d 0 R>>" % content)
    objects.pack(1, b"<</Type/Catalog/Pages 2 0 R/All[%b]>>" % b" ".join(b"%d 0 R" % (first + n) for n in range(count)))
    objects.pack(2, b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % page)
    objects.close(root=1, info=objects.add(b"<</Title(x)>>"))
    return file.getvalue()


@pytest.mark.parametrize("count", [1, 249, 250, 251, 1000])
@pytest.mark.parametrize("gap", [0, 3])
def test_every_object_is_found_again(count: int, gap: int) -> None:
    with pikepdf.open(io.BytesIO(_written(count, gap=gap))) as pdf:
        assert [int(one.N) for one in pdf.Root.All] == list(range(count))
        assert pdf.pages[0].Contents.read_bytes() == b"q Q"
        assert not pdf.check_pdf_syntax()


def test_the_same_objects_give_the_same_bytes() -> None:
    assert _written(300) == _written(300)


def test_a_run_of_packed_objects_takes_no_room_in_the_index(tmp_path: Path) -> None:
    few, many = len(_written(1_000)), len(_written(11_000))
    assert (many - few) / 10_000 < 12  # bytes for each, most of them the object itself and its place in the catalogue


def test_an_offset_of_more_than_ten_digits_is_found_and_one_past_the_index_is_refused() -> None:
    far = 12_345_678_901
    file = io.BytesIO()
    objects = Objects(file, first=1)
    objects._position = far
    objects.add(b"<</Type/Catalog>>")
    objects.close(root=1, info=1)
    written = file.getvalue()
    index = written.rindex(b"stream\n", 0, written.rindex(b"endstream"))
    rows = zlib.decompress(written[index + 7 : written.rindex(b"\nendstream")])
    entries, before = [], bytes(7)
    for start in range(0, len(rows), 8):
        before = bytes((a + b) & 255 for a, b in zip(before, rows[start + 1 : start + 8], strict=True))
        entries.append((before[0], int.from_bytes(before[1:6], "big")))
    assert (1, far) in entries, "an object at a place of eleven digits"
    assert int(written.split(b"startxref\n")[1].split()[0]) > far
    objects._position = BYTES_MAX - 5
    with pytest.raises(LimitExceeded, match=r"would pass 1 TiB.*: ask for CSV, or for fewer rows"):
        objects.plain(9, b"null")


def test_bookmarks_nest_by_level_and_know_their_neighbours() -> None:
    file = io.BytesIO()
    objects = Objects(file, first=3)
    pages, bookmarks, parents = Pages(objects, 2, count_max=1000), Bookmarks(objects), Parents(objects)
    page = objects.number()
    objects.pack(page, b"<</Type/Page/Parent %d 0 R/Resources<<>>/MediaBox[0 0 9 9]>>" % pages.add(page))
    parents.add(0, b"[]")
    assert parents.close().startswith(b"[")
    for level, title in [(1, "Report"), (2, "Orders"), (3, "Nord"), (3, "Süd"), (2, "Costs"), (3, "東京")]:
        bookmarks.add(level, title, page, 0, 9)
    outline = bookmarks.close()
    kids, count = pages.close()
    objects.pack(1, b"<</Type/Catalog/Pages 2 0 R/Outlines %d 0 R>>" % outline)
    objects.pack(2, b"<</Type/Pages/Count %d/Kids%b>>" % (count, kids))
    objects.close(root=1, info=objects.add(b"<<>>"))
    with pikepdf.open(io.BytesIO(file.getvalue())) as pdf, pdf.open_outline() as outlines:
        (report,) = outlines.root
        assert report.title == "Report"
        assert [(part.title, [group.title for group in part.children]) for part in report.children] == [
            ("Orders", ["Nord", "Süd"]),
            ("Costs", ["東京"]),
        ]
        assert pdf.Root.Outlines.Count == 6


def test_a_tree_of_many_pages_is_in_order() -> None:
    file = io.BytesIO()
    objects = Objects(file, first=3)
    pages = Pages(objects, 2, count_max=1000)
    for number in range(130):
        page = objects.number()
        parent = pages.add(page)
        objects.pack(page, b"<</Type/Page/Parent %d 0 R/Resources<<>>/MediaBox[0 0 %d 9]>>" % (parent, number + 1))
    kids, count = pages.close()
    objects.pack(1, b"<</Type/Catalog/Pages 2 0 R>>")
    objects.pack(2, b"<</Type/Pages/Count %d/Kids%b>>" % (count, kids))
    objects.close(root=1, info=objects.add(b"<<>>"))
    with pikepdf.open(io.BytesIO(file.getvalue())) as pdf:
        assert [int(page.MediaBox[2]) for page in pdf.pages] == list(range(1, 131))
        assert not pdf.check_pdf_syntax()
