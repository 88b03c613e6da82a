"""What would fill the memory or never end: refused by name where that can be seen, else one failed attempt."""

from __future__ import annotations

import asyncio
import struct
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from reportd.errors import ChildDied, RenderMemory, ReportdError, ReportError
from reportd.render import markup
from reportd.render.pool import ChildLimits, RenderPool
from reportd.render.task import RenderTask
from reportd.report.definition import Template
from reportd.spool import MANIFEST
from tests.folders import HEAD, ORDERS, body, report, source
from tests.renders import ignore
from tests.spooled import spooled

pytestmark = pytest.mark.asyncio(loop_scope="module")
OWN = Template("reports/sales", {"template.html": ""})
MB = 2**20
LAUGHS = (
    '<!DOCTYPE svg [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + ']><svg xmlns="http://www.w3.org/2000/svg"><text>&j;</text></svg>'
)
USES = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g id="a"><path d="M0 0L1 1"/></g>'
    + "".join(f'<g id="{chr(98 + n)}">' + f'<use href="#{chr(97 + n)}"/>' * 10 + "</g>" for n in range(9))
    + '<use href="#j"/></svg>'
)


def png(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and is small."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """PDF, in children with a second of CPU and little memory."""
    limits = ChildLimits(memory_bytes=640 * MB, cpu_s=2, file_bytes=64 * MB)
    pool = RenderPool(concurrency=2, limits=limits, formats={"pdf": "reportd.render.pdf:PDF"})
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def rendered(pool: RenderPool, directory: Path, files: Mapping[str, str | bytes]) -> int:
    """The pages of the report of `files`; what went wrong is raised."""
    _, dataset = spooled(directory / "spool", ORDERS)
    (directory / "spool" / MANIFEST).write_text(dataset.manifest(), encoding="utf-8")
    out = directory / "out"
    out.mkdir()
    task = RenderTask(source(files, ORDERS), {}, str(directory / "spool"), str(out), ("pdf",))
    [file] = (await pool.run(task, on_progress=ignore)).files
    assert file.pages is not None
    return file.pages


@pytest.mark.parametrize(
    ("files", "kinds", "said"),
    [
        pytest.param({"logo.svg": USES.encode()}, (ChildDied,), "CPU", id="drawings within drawings"),
        pytest.param(body('<p style="font-size: 9e30pt">x y z</p>' * 9), (ReportdError,), "", id="type"),
        pytest.param(
            body("{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}"),
            (RenderMemory, ReportError),
            "",
            id="a text that doubles",
        ),
        pytest.param(body('{{ "x".ljust(10**10) }}'), (RenderMemory, ReportError), "", id="a wide text"),
        pytest.param(body("{{ (1).to_bytes(10**10, 'big') }}"), (RenderMemory, ReportError), "", id="a wide number"),
        pytest.param(body("{{ [1]|batch(10**9, 0)|list }}"), (RenderMemory, ChildDied), "", id="a long list"),
        pytest.param(
            {"template.html": HEAD + "{% block style %}@page { size: 1pt 1pt; margin: 0 } p { break-before: page }"
             "{% endblock %}{% block body %}{% for i in range(9999) %}<p>x</p>{% endfor %}{% endblock %}"},
            (ReportdError,),
            "",
            id="tiny pages",
        ),
    ],
)  # fmt: skip
async def test_it_ends_as_one_failed_attempt_and_the_next_succeeds(
    files: dict[str, str | bytes], kinds: tuple[type[ReportdError], ...], said: str, pool: RenderPool, tmp_path: Path
) -> None:
    if "logo.svg" in files:
        files = {**files, "theme.css": ":root { --logo: url(logo.svg) }"}
    results = await asyncio.gather(
        rendered(pool, tmp_path / "bomb", files), rendered(pool, tmp_path / "other", {}), return_exceptions=True
    )
    bomb, other = results
    assert isinstance(bomb, kinds), bomb
    assert said in str(bomb)
    assert len(str(bomb)) < 400
    assert "Traceback" not in str(bomb)
    assert other == 1
    assert pool.pids().children == ()


async def test_a_picture_of_too_many_pixels_is_refused_by_name() -> None:
    for name in ("logo.png",):
        with pytest.raises(ReportError, match=r'"logo.png" has 10,000,000,000 pixels; at most 25,000,000 are shown'):
            report({"theme.css": f":root {{ --logo: url({name}) }}", name: png(100_000, 100_000)})
    uri = f"data:image/png;base64,{b64encode(png(20_000, 20_000)).decode()}"
    with pytest.raises(ReportError, match="has 400,000,000 pixels"):
        markup.read(f'<img src="{uri}">', OWN)


async def test_laughs_by_the_billion_are_refused_wherever_they_stand() -> None:
    with pytest.raises(ReportError, match="has a DOCTYPE or entities"):
        report({"theme.css": ":root { --logo: url(logo.svg) }", "logo.svg": LAUGHS.encode()})
    for uri in (
        f"data:image/svg+xml;base64,{b64encode(LAUGHS.encode()).decode()}",
        "data:image/svg+xml," + LAUGHS.replace("%", "%25").replace("<", "%3C").replace('"', "%22").replace("&", "%26"),
    ):
        with pytest.raises(ReportError, match="has a DOCTYPE or entities"):
            markup.read(f'<img src="{uri}">', OWN)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<div>" * 300, "more than 100 deep"),
        ("<svg>" + "<g>" * 300, "more than 100 deep"),
        ("<b>" * 300, "more than 100 deep"),
        ("<p>" * 1001, "more than 1,000 elements; long tables belong into block"),
    ],
)
async def test_a_page_of_too_many_elements_is_refused(page: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "ELEMENTS_MAX", 1000)
    with pytest.raises(ReportError, match=message):
        markup.read(f"<html><body>{page}</body></html>", OWN)


async def test_braces_without_an_end_are_no_trouble() -> None:
    for opening in ("{", "(", "["):
        markup.read(f"<style>p {{ color: red }} {opening * 5000}</style>", OWN)
