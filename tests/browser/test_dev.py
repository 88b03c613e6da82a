"""`reportd dev` as an author sees it: pages and sheet, a save, a fault, the form, from the keyboard."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.previews import SMALL, Previewing, previewing

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT_S = 6.0
"""From save to picture on a machine that does other things besides; alone it is about half a second."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(server_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Previewing, Path]]:
    """One `reportd dev` for all tests, and its report."""
    home = tmp_path_factory.mktemp("dev")
    path = home / "reports" / "orders.sql"
    path.parent.mkdir()
    path.write_text(SMALL)
    async with previewing(server_dsn, home, "orders") as dev:
        yield dev, path


@pytest_asyncio.fixture(loop_scope="session")
async def report(running: tuple[Previewing, Path], page: Page) -> AsyncIterator[Path]:
    """The report as it was at first, open in the browser."""
    dev, path = running
    await page.goto(dev.address)
    yield path
    path.write_text(SMALL)
    await dev.view(lambda view: view["busy"] is None and view["trouble"] is None and view["title"] == "Orders")


async def making(page: Page) -> int:
    """The number of the making whose picture and cells are shown, once they agree."""
    await page.wait_for_function(
        """() => {
          const picture = document.querySelector(".page img"), grid = document.querySelector(".grid");
          return picture && grid && picture.complete && picture.naturalWidth > 0
            && picture.dataset.making === `made/${grid.dataset.making}/page/0`;
        }"""
    )
    return int(await page.locator(".grid").get_attribute("data-making") or 0)


async def test_a_save_is_seen_within_the_limit_without_a_reload(report: Path, page: Page) -> None:
    first = await making(page)
    await expect(page.locator("#title")).to_have_text("Orders")
    await expect(page.locator(".grid tbody tr").nth(1)).to_contain_text("row 1")
    await expect(page.get_by_role("tab", selected=True)).to_have_text("Rows")
    assert await page.locator(".page img").first.evaluate("img => img.naturalWidth") > 400
    old = await page.locator(".page img").first.screenshot()

    await page.evaluate("window.stays = true")
    saved = time.monotonic()
    report.write_text(SMALL.replace('"Orders"', '"Orders, all of them"').replace("'row '", "'line '"))
    await page.wait_for_function(
        "number => Number(document.querySelector('.page img').dataset.making.split('/')[1]) > number", arg=first
    )
    took = time.monotonic() - saved
    assert await making(page) > first
    print(f"from save to picture: {took:.2f} s")
    assert took < LIMIT_S
    await expect(page.locator("#title")).to_have_text("Orders, all of them")
    await expect(page.locator(".grid tbody tr").nth(1)).to_contain_text("line 1")
    assert await page.locator(".page img").first.screenshot() != old
    assert await page.evaluate("window.stays"), "the page itself was not loaded again"


async def test_a_fault_shows_its_line_and_goes_when_it_is_mended(report: Path, page: Page) -> None:
    await making(page)
    report.write_text(SMALL.replace("least(:rows", "lesst(:rows"))
    trouble = page.get_by_role("alert")
    await expect(trouble).to_contain_text("orders.sql:9:")
    await expect(trouble.locator(".at mark")).to_have_text("lesst")
    await expect(trouble.locator(".at i")).to_have_text("9")
    await expect(page.locator("#status")).to_have_text("not made")
    report.write_text(SMALL)
    await making(page)
    await expect(trouble).to_be_hidden()
    await expect(page.locator("#status")).to_contain_text("made in")


async def test_the_form_and_the_views_work_from_the_keyboard(report: Path, page: Page) -> None:
    await making(page)
    rows = page.get_by_label("Rows", exact=True)
    await rows.focus()
    await page.keyboard.type("3")
    await page.keyboard.press("Enter")
    await expect(page.locator("#facts")).to_contain_text("Rows3")
    await expect(page.locator(".grid tbody tr")).to_have_count(5)

    await rows.fill("6000")
    await rows.press("Enter")
    await expect(rows).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#n-rows")).to_contain_text("5000")

    await page.get_by_role("button", name="Back to the defaults").press("Enter")
    await expect(rows).to_have_value("")
    await expect(page.locator("#facts")).to_contain_text("Rows30")

    before = await making(page)
    await page.locator("#pages").press("r")
    await page.wait_for_function(
        "number => Number(document.querySelector('.grid').dataset.making) > number", arg=before
    )

    await page.get_by_role("tab", selected=True).press("ArrowLeft")
    await expect(page.get_by_role("tab", selected=True)).to_have_text("Summary")
    await expect(page.locator(".grid")).to_contain_text("In this workbook")
    await page.get_by_role("radio", name="Both").press("ArrowRight")
    await expect(page.locator("#sheet-pane")).to_be_hidden()

    await page.set_viewport_size({"width": 400, "height": 800})
    await expect(page.locator("#pages-pane")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("radio", name="Pages").press("ArrowRight")
    await expect(page.locator("#sheet-pane")).to_be_visible()
