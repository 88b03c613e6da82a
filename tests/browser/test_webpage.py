"""The format `html` in a browser: its tables sort at a click on a header."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from pypdf import PdfReader

from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from tests.spooled import Given, document

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROWS: list[list[object]] = [
    ["Ann", "2026-09-30", "1234.50"],
    ["Çelik", "2026-10-02", "-2.00"],
    ["Bob", None, "99.00"],
    ["Dora", "2026-10-01", None],
]
_PARTS = ("main > header", ".kpis", "table", "main > footer")


async def test_a_click_on_a_header_sorts_and_the_third_restores(tmp_path: Path, page: Page) -> None:
    columns = {"customer": "text", "ordered_on": "date", "amount": "numeric"}
    made = document(tmp_path / "spool", Given("table", columns, ROWS))
    [file] = HTML().render(made, out=tmp_path, settings=RenderSettings())
    await page.goto(Path(file.path).as_uri())

    async def names() -> list[str]:
        return [text for text in await page.locator("tbody tr td:first-child").all_inner_texts() if text]

    async def sorted_by(name: str) -> tuple[str | None, list[str]]:
        head = page.get_by_role("columnheader", name=name)
        await head.get_by_role("button").click()
        return await head.get_attribute("aria-sort"), await names()

    given = ["Ann", "Çelik", "Bob", "Dora"]
    assert await names() == given
    assert await sorted_by("Amount") == ("ascending", ["Çelik", "Bob", "Ann", "Dora"]), "by value, nothing last"
    assert await sorted_by("Amount") == ("descending", ["Ann", "Bob", "Çelik", "Dora"])
    assert await sorted_by("Amount") == (None, given)
    assert await sorted_by("Ordered on") == ("ascending", ["Ann", "Dora", "Çelik", "Bob"]), "days, not their words"
    assert await sorted_by("Customer") == ("ascending", ["Ann", "Bob", "Çelik", "Dora"]), "as the language has it"
    await expect(page.locator("tfoot")).to_contain_text("1,331.50")

    button = page.get_by_role("columnheader", name="Customer").get_by_role("button")
    await button.press("Enter")
    assert await names() == ["Dora", "Çelik", "Bob", "Ann"], "from the keyboard too"


async def test_groups_keep_their_rows_and_their_subtotals_last(tmp_path: Path, page: Page) -> None:
    columns = {"region": "text", "customer": "text", "amount": "numeric"}
    rows: list[list[object]] = [
        ["North", "Zoe", "5.00"],
        ["North", "Ann", "7.00"],
        ["South", "Bob", "3.00"],
        ["South", "Amy", "9.00"],
    ]
    given = Given("table", columns, rows, options={"group": "region", "subtotal": "amount"})
    [file] = HTML().render(document(tmp_path / "spool", given), out=tmp_path, settings=RenderSettings())
    await page.goto(Path(file.path).as_uri())
    await page.get_by_role("columnheader", name="Customer").get_by_role("button").click()
    texts = " ".join(" ".join(await page.locator("tbody tr").all_inner_texts()).split())
    places = [texts.index(word) for word in ("North", "Ann", "Zoe", "12.00", "South", "Amy", "Bob")]
    assert places == sorted(places)


async def test_a_sheet_is_as_wide_as_its_widest_table_and_short_texts_take_little_room(
    tmp_path: Path, page: Page
) -> None:
    columns = {f"city_{number}": "text" for number in range(12)}
    rows: list[list[object]] = [["Munich"] * 12]
    given = (Given("kpi", {"orders": "bigint"}, [[7]], name="kpi1"), Given("table", columns, rows))
    [file] = HTML().render(document(tmp_path / "spool", *given), out=tmp_path, settings=RenderSettings())
    await page.set_viewport_size({"width": 1300, "height": 800})
    await page.goto(Path(file.path).as_uri())
    widths = [await page.locator(part).evaluate("e => e.getBoundingClientRect().width") for part in _PARTS]
    assert max(widths) - min(widths) < 1, "the rule below the title ends where the table ends"
    assert widths[0] < 1220, "and no text of six letters pushes the last column out of the window"


async def test_an_outer_key_stands_once_until_the_table_is_sorted(tmp_path: Path, page: Page) -> None:
    columns = {"region": "text", "city": "text", "month": "text", "amount": "bigint"}
    rows: list[list[object]] = [["North", "Oslo", "Jan", 2], ["North", "Bergen", "Jan", 3]]
    given = Given("pivot", columns, rows, options={"rows": "region,city", "columns": "month"})
    [file] = HTML().render(document(tmp_path / "spool", given), out=tmp_path, settings=RenderSettings())
    await page.goto(Path(file.path).as_uri())
    second = page.locator("tbody tr:nth-child(2) td:first-child")
    await expect(second).to_have_text("North")
    await expect(second).to_have_css("color", "rgba(0, 0, 0, 0)")
    await page.get_by_role("columnheader", name="City").get_by_role("button").click()
    await expect(second).not_to_have_css("color", "rgba(0, 0, 0, 0)")


async def test_on_paper_headers_repeat_and_every_row_says_its_keys(tmp_path: Path, page: Page) -> None:
    columns = {"region": "text", "city": "text", "month": "text", "amount": "bigint"}
    rows: list[list[object]] = [["North", f"City {city}", "Jan", city] for city in range(90)]
    given = Given("pivot", columns, rows, options={"rows": "region,city", "columns": "month"})
    [file] = HTML().render(document(tmp_path / "spool", given), out=tmp_path, settings=RenderSettings())
    await page.goto(Path(file.path).as_uri())
    await page.pdf(path=tmp_path / "paper.pdf")
    printed = [" ".join(sheet.extract_text().split()) for sheet in PdfReader(tmp_path / "paper.pdf").pages]
    sheets = [text for text in printed if "City " in text]
    assert len(sheets) > 1
    for text in sheets:
        assert "Region City Jan" in text
        assert text.count("North") == len(re.findall(r"City \d", text))
