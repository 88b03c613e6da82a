from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from reportd.render.engine import Engine
from reportd.render.html import html_of
from reportd.render.pango import install_line
from reportd.render.pdf import PDF
from reportd.render.task import RenderSettings
from reportd.render.view import view_of
from reportd.report.definition import Param
from tests.integration.render_pdf.pages import Printed, printed
from tests.spooled import Given, document

ROOT = Path(__file__).parents[3]
BLOCKS = (
    Given("kpi", {"revenue": "numeric"}, [("12.50",)]),
    Given("bar", {"day": "date", "revenue": "numeric"}, [("2026-10-01", 5), ("2026-10-02", 7)], "Revenue by day"),
    Given("table", {"region": "text", "amount": "numeric"}, [("Łódź", "1.50"), ("Αθήνα", "2.25")], "Orders"),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    directory = tmp_path_factory.mktemp("small")
    params = (Param("region", "text", "Region"), Param("token", "text", "Token", secret=True))
    values = {"region": "Łódź & co", "token": "hunter2"}
    sales = document(directory, *BLOCKS, params=params, values=values, author="Finance", description="What was sold")
    return printed(sales, directory / "out")


def test_all_type_is_our_own_and_embedded(small: Printed) -> None:
    fonts: dict[str, Any] = small.reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    descriptors = [font["/DescendantFonts"][0]["/FontDescriptor"] for font in (f.get_object() for f in fonts.values())]
    names = {descriptor["/FontName"].split("+")[1] for descriptor in descriptors}
    assert names == {"reportd-Sans", "reportd-Sans-Semi-Bold", "reportd-Sans-Extended"}
    assert all("/FontFile2" in descriptor for descriptor in descriptors)


def test_every_alphabet_comes_out_as_itself(small: Printed) -> None:
    assert "Łódź | 1.50" in small.lines(0)
    assert "Αθήνα | 2.25" in small.lines(0)


def test_the_file_is_small(small: Printed) -> None:
    assert small.path.stat().st_size < 40_000


def test_it_is_tagged_and_says_its_title_and_language(small: Printed) -> None:
    root = small.reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]  # type: ignore[index]
    assert root["/Lang"] == "en"  # type: ignore[index]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]  # type: ignore[index]
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()  # type: ignore[index]
    kinds = [element["/S"] for element in _elements(root["/StructTreeRoot"])]  # type: ignore[index]
    assert {"/H1", "/H2", "/Table", "/TR", "/TH", "/TD", "/Figure", "/Caption"} <= set(kinds)
    (figure,) = (e for e in _elements(root["/StructTreeRoot"]) if e["/S"] == "/Figure")  # type: ignore[index]
    assert figure["/Alt"] == "Revenue by day: 2 values, from 5 to 7"


def test_headings_are_bookmarks(small: Printed) -> None:
    title, parts = small.reader.outline
    assert title["/Title"] == "Sales by region"  # type: ignore[call-overload]
    assert [part["/Title"] for part in parts] == ["Orders"]  # type: ignore[call-overload]


def test_it_carries_its_provenance_and_no_secret(small: Printed, tmp_path: Path) -> None:
    info = {key: str(value) for key, value in (small.reader.metadata or {}).items()}
    assert info["/Title"] == "Sales by region"
    assert info["/Author"] == "Finance"
    assert info["/Subject"] == "What was sold"
    assert info["/Creator"].startswith("reportd ")
    assert info["/CreationDate"].startswith("D:20261102070003")
    assert json.loads(info["/reportdparams"]) == {"region": "Łódź & co"}
    assert json.loads(info["/reportdrows"]) == {"kpi0": 1, "bar1": 2, "table2": 2}
    built = document(tmp_path, *BLOCKS)
    assert info["/reportddatasha256"] == built.provenance.data_sha256
    assert info["/reportdreportsha256"] == built.provenance.report_sha256
    assert "hunter2" not in str(info) + small.text


def test_the_same_data_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    first = printed(document(tmp_path / "a", *BLOCKS), tmp_path / "a" / "out")
    again = printed(document(tmp_path / "b", *BLOCKS), tmp_path / "b" / "out")
    assert first.path.read_bytes() == again.path.read_bytes()
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.integration.render_pdf.pages import printed
from tests.integration.render_pdf.test_file import BLOCKS
from tests.spooled import document
printed(document(Path("c"), *BLOCKS), Path("c/out"))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1793602803"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)
    elsewhere = tmp_path / "c" / "out" / first.path.name
    assert hashlib.sha256(elsewhere.read_bytes()).digest() == hashlib.sha256(first.path.read_bytes()).digest()


def test_hostile_data_is_only_text(tmp_path: Path) -> None:
    hostile = '</td><script>x</script><img src="file:///etc/passwd">{{ 7 * 7 }}&amp;\x01\ud800'.encode(
        "utf-8", "replace"
    ).decode()
    sales = document(
        tmp_path,
        Given("kpi", {"k": "text"}, [(hostile,)]),
        Given("bar", {"x": "text", "y": "integer"}, [(hostile, 1)], hostile),
        Given(
            "table", {hostile: "text", "group": "text"}, [(hostile, hostile)] * 2, hostile, options={"group": "group"}
        ),
        title=hostile,
        subtitle=hostile,
        confidentiality=hostile + '"; } @import url(http://127.0.0.1/x) </style>',
    )
    text = printed(sales, tmp_path / "out").text
    assert "<script>x</script>" in text.replace("\n", "")
    assert "{{ 7 * 7 }}" in text
    page = html_of(view_of(sales, rows_max=10))
    assert "<script" not in page
    assert "<img" not in page


def test_nothing_outside_is_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.2)
        address = f"http://127.0.0.1:{canary.getsockname()[1]}"
        secret = tmp_path / "secret.css"
        secret.write_text("body { content: 'x' } h1 { string-set: seen 'x' }", encoding="utf-8")
        html = (
            f'<html lang="en"><head><title>x</title><link rel="stylesheet" href="{secret.as_uri()}"/>'
            f'<link rel="stylesheet" href="{address}/a.css"/><link rel="attachment" href="{secret.as_uri()}"/></head>'
            f'<body><h1>Here</h1><img alt="a" src="{address}/a.png"/><img alt="b" src="{secret.as_uri()}"/>'
            '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt">'
            f'<image href="{address}/b.png" width="9" height="9"/><use href="{secret.as_uri()}#x"/></svg></body></html>'
        )
        css = f'@import url("{address}/c.css"); body {{ background: url("{address}/d.png") }}'
        path = tmp_path / "x.pdf"
        assert Engine().write(html, css=css, path=path, as_of_s=0) == 1
        with pytest.raises(TimeoutError):
            canary.accept()
    reader = PdfReader(path)
    assert "Here" in reader.pages[0].extract_text()
    assert not reader.attachments


def test_without_pango_the_error_has_the_line_that_installs_it(tmp_path: Path) -> None:
    fake = tmp_path / "weasyprint" / "__init__.py"
    fake.parent.mkdir()
    fake.write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")\n", encoding="utf-8")
    code = """
import sys
from pathlib import Path
from reportd.errors import PdfEngineMissing
from reportd.render.pdf import PDF
from reportd.render.task import RenderSettings
from tests.spooled import Given, document
sales = document(Path("spool"), Given("table", {"n": "integer"}, [(1,)]))
try:
    PDF().render(sales, out=Path("."), settings=RenderSettings())
except PdfEngineMissing as error:
    print(error.code, error.message, error.detail["reason"], sep="\\n")
"""
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code_line, message, reason = answer.stdout.splitlines()
    assert code_line == "pdf-engine-missing"
    assert install_line() in message
    assert "libpango" in reason


@pytest.mark.parametrize(
    ("release", "line"),
    [
        ("ID=debian\nVERSION_ID=12\n", "apt-get install -y libpango-1.0-0"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install -y libpango-1.0-0"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install -y pango"),
        ("ID=alpine\n", "apk add pango"),
        ("ID=plan9\n", "install Pango 1.44 or later"),
    ],
)
def test_the_install_line_is_this_hosts(tmp_path: Path, release: str, line: str) -> None:
    path = tmp_path / "os-release"
    path.write_text(release, encoding="utf-8")
    assert install_line(path).startswith(line)


def test_a_renderer_says_what_it_made(tmp_path: Path) -> None:
    (file,) = PDF().render(document(tmp_path, *BLOCKS), out=tmp_path, settings=RenderSettings())
    assert (file.format, file.name, file.content_type, file.rows, file.pages) == (
        "pdf",
        "sales.pdf",
        "application/pdf",
        2,
        1,
    )
    assert Path(file.path).read_bytes().startswith(b"%PDF-1.7")


def _elements(node: Any) -> list[Any]:
    """Every structure element below `node`."""
    node = node.get_object()
    if not isinstance(node, dict):
        return []
    kids = node.get("/K", [])
    kids = kids if isinstance(kids, list) else [kids]
    return ([node] if "/S" in node else []) + [element for kid in kids for element in _elements(kid)]
