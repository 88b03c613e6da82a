"""`[pdf] attach = "csv"`: every row as a file inside the PDF, found by the readers' own tools."""

from __future__ import annotations

import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from reportd.errors import ReportError
from reportd.render.csv import CSV
from reportd.render.stream.objects import Objects
from reportd.render.task import RenderSettings
from reportd.report import sqlfile
from reportd.report.definition import ReportSource
from tests.integration.render_pdf.pages import printed
from tests.spooled import Given, document

COLUMNS = {"no": "integer", "customer": "text", "amount": "numeric"}
HIDDEN = Given("data", {"raw": "text"}, [('say "x",\nŁódź',), (None,), ("",)], name="raw")


def orders(count: int) -> Given:
    rows = [(number, f"Customer {number % 50}", f"{number}.50") for number in range(count)]
    return Given("table", COLUMNS, rows, "All orders", name="orders")


# Of these the one is set by WeasyPrint alone, and the other streamed.
SIZES = pytest.mark.parametrize("rows", [30, 620])


@SIZES
def test_every_tool_finds_the_rows_as_they_are(tmp_path: Path, rows: int) -> None:
    made = document(tmp_path / "s", orders(rows), HIDDEN, attach="csv")
    sheet = printed(made, tmp_path / "out", rows_max=10)
    expected = {
        file.name: Path(file.path).read_bytes() for file in CSV().render(made, out=tmp_path, settings=RenderSettings())
    }
    assert list(expected) == ["sales-orders.csv", "sales-raw.csv"]

    subprocess.run(["qpdf", "--check", sheet.path], check=True, capture_output=True)
    (tmp_path / "detached").mkdir()
    subprocess.run(["pdfdetach", "-saveall", "-o", tmp_path / "detached", sheet.path], check=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "detached").iterdir()} == expected
    with pikepdf.open(sheet.path) as pdf:
        assert not pdf.check_pdf_syntax()
        assert {name: pdf.attachments[name].get_file().read_bytes() for name in pdf.attachments} == expected
        said = pdf.attachments["sales-orders.csv"]
        assert (said.description, said.get_file().size, said.get_file().mime_type) == (
            "All orders",
            len(expected["sales-orders.csv"]),
            "text/csv",
        )
        assert [file.AFRelationship for file in pdf.Root.AF] == ["/Data", "/Data"]


@SIZES
def test_the_pages_are_those_of_the_file_without_it(tmp_path: Path, rows: int) -> None:
    plain = printed(document(tmp_path / "a", orders(rows)), tmp_path / "plain")
    attached = printed(document(tmp_path / "b", orders(rows), attach="csv"), tmp_path / "attached")

    assert (attached.pages, attached.text) == (plain.pages, plain.text)
    with pikepdf.open(plain.path) as without, pikepdf.open(attached.path) as pdf:
        assert not without.attachments
        for one, other in zip(without.pages, pdf.pages, strict=True):
            assert _content(one) == _content(other)
        assert pdf.Root.Lang == "en"
        assert pdf.Root.MarkInfo.Marked
        assert "pdfuaid:part" in pdf.Root.Metadata.read_bytes().decode()
        assert _tags(pdf) == _tags(without)


@SIZES
def test_the_same_data_gives_the_same_bytes(tmp_path: Path, rows: int) -> None:
    files = [printed(document(tmp_path / n, orders(rows), attach="csv"), tmp_path / n / "out") for n in ("a", "b")]

    assert files[0].path.read_bytes() == files[1].path.read_bytes()


def test_a_report_of_tiles_alone_has_what_they_show(tmp_path: Path) -> None:
    sheet = printed(
        document(tmp_path / "s", Given("kpi", {"revenue": "numeric"}, [("12.50",)]), attach="csv"), tmp_path
    )

    with pikepdf.open(sheet.path) as pdf:
        assert pdf.attachments["sales.csv"].get_file().read_bytes() == b"revenue\n12.50\n"


def test_an_attached_file_is_never_in_memory(tmp_path: Path) -> None:
    def pieces() -> Any:
        for number in range(300):
            yield bytes([number % 251]) * 100_000

    with (tmp_path / "file").open("wb") as file:
        tracemalloc.start()
        Objects(file, first=1).stream_of(1, pieces())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


def test_the_front_matter_asks_for_it(tmp_path: Path) -> None:
    def parsed(front: str) -> Any:
        text = f"-- /// report\n-- {front}\n-- ///\nselect 1 as n"
        return sqlfile.parse(ReportSource("sales", {"sales.sql": text}, "sales.sql"))

    assert parsed('pdf.attach = "csv"').attach == "csv"
    assert parsed('title = "x"').attach is None
    _refused(lambda: parsed('pdf.attach = "xlsx"'), "csv")
    _refused(lambda: parsed('pdf.atach = "csv"'), "attach")


def _refused(read: Callable[[], Any], word: str) -> None:
    with pytest.raises(ReportError, match=word) as caught:
        read()
    assert caught.value.detail["line"] == 2


def _content(page: pikepdf.Page) -> bytes:
    contents = page.Contents
    return b"".join(c.read_bytes() for c in contents) if isinstance(contents, pikepdf.Array) else contents.read_bytes()


def _tags(pdf: pikepdf.Pdf) -> list[str]:
    return [
        str(held.S) for held in pdf.objects if isinstance(held, pikepdf.Dictionary) and "/S" in held and "/P" in held
    ]
