"""Charts of the author's own in real files: vectors and words on paper and on the web, rows in the sheet."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pypdfium2
import pytest
import pytest_asyncio
from pypdf import PdfReader

from reportd.errors import LimitExceeded, ReportError
from reportd.render.pool import RenderPool
from reportd.render.task import RenderTask
from reportd.report.definition import ReportSource
from reportd.report.theme import PALETTE
from reportd.spool import MANIFEST
from tests.folders import ORDERS, source
from tests.renders import LIMITS, ROOT, ignore
from tests.spooled import Given, spooled

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORMATS = {
    "pdf": "reportd.render.pdf:PDF",
    "html": "reportd.render.webpage:HTML",
    "xlsx": "reportd.render.xlsx:XLSX",
    "json": "reportd.render.json:JSON",
}
REVENUE = Given(
    "data",
    {"month": "date", "region": "text", "amount": "numeric"},
    [(f"2026-0{month}-01", region, month * 10.5) for month in range(1, 7) for region in ("Norden", "Süden")],
    "Revenue by month",
    name="revenue",
)
SHARE = Given(
    "bar",
    {"region": "text", "amount": "numeric"},
    [("Norden", 5), ("Süden", 7)],
    "Share",
    name="share",
    options={"x": "region", "y": "amount"},
)
AREAS = {
    "mark": "area",
    "encoding": {
        "x": {"field": "month", "type": "temporal"},
        "y": {"field": "amount", "type": "quantitative"},
        "color": {"field": "region"},
    },
}
RING = {
    "mark": {"type": "arc", "innerRadius": 30, "tooltip": True},
    "width": 150,
    "height": 120,
    "encoding": {"theta": {"field": "amount", "type": "quantitative"}, "color": {"field": "region"}},
}
FILES = {"revenue.vl.json": json.dumps(AREAS), "share.vl.json": json.dumps(RING)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RenderPool]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        caches = tmp_path_factory.mktemp("caches")
        pool = RenderPool(concurrency=2, limits=LIMITS, formats=FORMATS, caches=caches, chart_cpu_s=2)
        await pool.start()
        try:
            yield pool
        finally:
            await pool.close()


def task(directory: Path, own: ReportSource, *blocks: Given, formats: tuple[str, ...] = ("pdf",)) -> RenderTask:
    _, dataset = spooled(directory / "spool", *blocks)
    (directory / "spool" / MANIFEST).write_text(dataset.manifest(), encoding="utf-8")
    (directory / "out").mkdir()
    return RenderTask(
        source=own, params={}, directory=str(directory / "spool"), out=str(directory / "out"), formats=formats
    )


async def made(
    pool: RenderPool, directory: Path, files: Mapping[str, str], *blocks: Given, formats: tuple[str, ...] = ("pdf",)
) -> Path:
    """The first file."""
    rendered = await pool.run(task(directory, source(files, *blocks), *blocks, formats=formats), on_progress=ignore)
    return Path(rendered.files[0].path)


async def test_a_pdf_has_the_chart_as_vectors_with_its_words_in_our_font(pool: RenderPool, tmp_path: Path) -> None:
    path = await made(pool, tmp_path, FILES, REVENUE, SHARE)
    [page] = PdfReader(path, strict=True).pages
    text = page.extract_text()
    for word in ("Revenue by month", "Share", "Region", "Amount", "Norden", "Süden", "April"):
        assert word in text, word
    assert not page.images
    fonts = [str(font["/BaseFont"]) for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    assert all("reportd-Sans" in font for font in fonts)
    with pikepdf.open(path) as tree:
        spoken = [str(each.Alt) for each in tree.objects if isinstance(each, pikepdf.Dictionary) and "/Alt" in each]
    assert {"Revenue by month", "Share"} <= set(spoken)
    picture = pypdfium2.PdfDocument(path)[0].render(scale=2).to_pil().convert("RGB")
    counted = {f"#{r:02x}{g:02x}{b:02x}": count for count, (r, g, b) in picture.getcolors(1 << 24)}
    # The ring's two parts are of full colour.
    assert counted[PALETTE[0]] > 2000
    assert counted[PALETTE[1]] > 2000


async def test_a_web_page_has_the_chart_and_nothing_to_load(pool: RenderPool, tmp_path: Path) -> None:
    html = (await made(pool, tmp_path, FILES, REVENUE, SHARE, formats=("html",))).read_text(encoding="utf-8")
    first, second = re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    assert "<title>Revenue by month</title>" in first
    assert 'width="560pt"' in first
    assert re.search(r'width="(2\d\d)pt" .* style="width:\1pt;min-width:0;max-width:100%"', second)  # stays small
    assert "Süden" in second
    assert "tooltip" not in html
    names = re.findall(r'id="([^"]+)"', first + second)
    assert len(names) == len(set(names))


async def test_a_sheet_has_the_rows_and_the_native_chart_of_a_block_that_is_one(
    pool: RenderPool, tmp_path: Path
) -> None:
    book = openpyxl.load_workbook(await made(pool, tmp_path, FILES, REVENUE, SHARE, formats=("xlsx",)))
    rows = list(book["Revenue by month"].values)
    assert rows[0] == ("Month", "Region", "Amount")
    assert len(rows) == 13
    summary: Any = book["Summary"]
    assert len(summary._charts) == 1


async def test_the_same_rows_make_the_same_bytes(pool: RenderPool, tmp_path: Path) -> None:
    first, second = [(await made(pool, tmp_path / name, FILES, REVENUE, SHARE)).read_bytes() for name in ("a", "b")]
    assert first == second


async def test_charts_side_by_side_fit_the_page(pool: RenderPool, tmp_path: Path) -> None:
    spec = {
        "facet": {"column": {"field": "month", "timeUnit": "month", "type": "ordinal"}},
        "spec": {**RING, "width": 300},
    }
    html = (await made(pool, tmp_path, {"revenue.vl.json": json.dumps(spec)}, REVENUE, formats=("html",))).read_text()
    found = re.search(r'<svg [^>]*width="560pt" height="([\d.]+)pt" viewBox="0 0 (\d+) (\d+)"', html)
    assert found
    assert int(found[2]) > 1800
    assert float(found[1]) == pytest.approx(560 * int(found[3]) / int(found[2]), abs=0.1)


async def test_code_may_show_its_own_rows_in_a_chart_of_the_authors(pool: RenderPool, tmp_path: Path) -> None:
    code = """
def build(params, data):
    rows = [(row["region"], row["amount"] * 2) for row in data["orders"] if row["amount"]]
    data.add("doubled", {"region": "text", "amount": "numeric"}, rows)
    return data.document(data.table("doubled", title="Twice"), data.bar("doubled"))
"""
    spec = {"mark": "bar", "encoding": {"y": {"field": "region"}, "x": {"field": "amount", "type": "quantitative"}}}
    files = {"report.py": code, "doubled.vl.json": json.dumps(spec)}
    html = (await made(pool, tmp_path, files, ORDERS, formats=("html",))).read_text()
    first, second = re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    assert "North" in first
    assert 'class="bar"' in second  # the second look at the same rows is our own chart


async def test_a_chart_that_does_not_end_fails_its_own_report_alone(pool: RenderPool, tmp_path: Path) -> None:
    endless = {
        "mark": "bar",
        "transform": [{"calculate": f"test(/(a+)+$/, '{'a' * 40}!')", "as": "x"}],
        "encoding": {"x": {"field": "x"}},
    }
    with pytest.raises(LimitExceeded, match=r"^sales/revenue.vl.json: the chart took more than 2 s of CPU time"):
        await made(pool, tmp_path / "a", {"revenue.vl.json": json.dumps(endless)}, REVENUE)
    assert pool.pids().charts is None
    assert await made(pool, tmp_path / "b", FILES, REVENUE, SHARE)


async def test_what_vega_lite_refuses_names_the_file(pool: RenderPool, tmp_path: Path) -> None:
    wrong = {"mark": "bar", "transform": [{"calculate": "sum(", "as": "x"}], "encoding": {"x": {"field": "x"}}}
    with pytest.raises(ReportError, match=r"^sales/revenue.vl.json: Vega-Lite: "):
        await made(pool, tmp_path, {"revenue.vl.json": json.dumps(wrong)}, REVENUE)


async def test_formats_without_pages_draw_nothing(pool: RenderPool, tmp_path: Path) -> None:
    wrong = {"mark": "bar", "transform": [{"calculate": "sum(", "as": "x"}], "encoding": {"x": {"field": "x"}}}
    files = {"revenue.vl.json": json.dumps(wrong)}
    told = json.loads((await made(pool, tmp_path, files, REVENUE, formats=("json", "xlsx"))).read_text())
    assert [block["kind"] for block in told["blocks"]] == ["data"]
