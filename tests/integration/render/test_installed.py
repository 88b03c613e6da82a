"""The installed formats, as entry points name them, out of real children."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from reportd.errors import PdfEngineMissing
from reportd.render.pool import RenderPool
from tests.renders import LIMITS, ignore, render_task

FORMATS = ("pdf", "xlsx", "csv", "csv-excel", "tsv", "json", "ndjson", "parquet", "html")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    pool = RenderPool(concurrency=2, limits=LIMITS)
    await pool.start()
    yield pool
    await pool.close()


async def test_every_installed_format_comes_out_of_one_child_in_the_order_asked(
    pool: RenderPool, tmp_path: Path
) -> None:
    assert pool.unusable == {}
    rendered = await pool.run(render_task(tmp_path / "a", *FORMATS), on_progress=ignore)
    assert [file.format for file in rendered.files] == list(FORMATS)
    assert all(Path(file.path).stat().st_size > 0 for file in rendered.files)


async def test_the_same_spool_gives_the_same_bytes(pool: RenderPool, tmp_path: Path) -> None:
    contents = []
    for number in range(2):
        task = render_task(tmp_path / "a", *FORMATS)
        rendered = await pool.run(task, on_progress=ignore)
        contents.append({file.format: Path(file.path).read_bytes() for file in rendered.files})
        (tmp_path / "a").rename(tmp_path / f"done-{number}")
    assert [name for name in FORMATS if contents[0][name] != contents[1][name]] == []


async def test_without_pango_pdfs_fail_with_the_install_line_and_the_rest_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "weasyprint.py").write_text(
        "raise OSError(\"cannot load library 'libpango-1.0-0': cannot open shared object file\")\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    pool = RenderPool(concurrency=1, limits=LIMITS)
    await pool.start()
    try:
        assert list(pool.unusable) == ["pdf"]
        with pytest.raises(PdfEngineMissing, match="install"):
            await pool.run(render_task(tmp_path / "a", "pdf"), on_progress=ignore)
        shutil.rmtree(tmp_path / "a")
        assert (await pool.run(render_task(tmp_path / "a", "xlsx", "csv"), on_progress=ignore)).files
    finally:
        await pool.close()
