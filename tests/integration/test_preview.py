"""`reportd dev`: what its page is told and may ask for, over real HTTP, a real database and real render children."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.conftest import Eventually
from tests.integration.cli.commands import reportd
from tests.previews import SMALL, number, previewing


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "reports" / "orders.sql"
    path.parent.mkdir()
    path.write_text(SMALL)
    return path


async def test_every_save_is_made_anew_and_a_fault_is_shown_beside_what_was_made_last(
    dsn: str, tmp_path: Path, report: Path
) -> None:
    async with previewing(dsn, tmp_path, "orders") as dev, httpx.AsyncClient(timeout=20) as client:
        first = await dev.made()
        assert (first["title"], first["path"]) == ("Orders", "reports/orders.sql")
        assert first["made"]["rows"] == 30
        assert first["made"]["sheets"] == ["Summary", "Rows", "Chart data"]
        assert {"fetching-data", "building-report", "generating-file"} <= set(first["made"]["steps_s"])
        assert dev.said[0].startswith("reports/orders.sql")

        report.write_text(SMALL.replace("n * 1.5 as amount, 'row '", "n * 1.5 as amuont, 'row '"))
        second = await dev.made(after=number(first))
        sheet = (await client.get(f"{dev.address}made/{number(second)}/sheet/1")).json()
        assert [cell["text"] for cell in sheet["rows"][0]["cells"]] == ["No", "Amuont", "Label"]
        assert [cell["text"] for cell in sheet["rows"][1]["cells"]] == ["1", "1.5", "row 1"]

        report.write_text(SMALL.replace("least(:rows", "lesst(:rows"))
        query = await dev.troubled()
        assert number(query) == number(second), "the last good one stays"
        assert (query["trouble"]["file"], query["trouble"]["line"]) == ("orders.sql", 9)
        assert query["trouble"]["column"] == SMALL.splitlines()[8].index("least") + 1
        assert "lesst" in query["trouble"]["message"]
        assert [line["number"] for line in query["trouble"]["lines"]] == list(range(6, 12))

        report.write_text(SMALL.replace("title", "titel"))
        front = await dev.view(lambda view: bool(view["trouble"]) and "titel" in view["trouble"]["message"])
        assert front["trouble"]["line"] == 2
        assert 'did you mean "title"?' in front["trouble"]["message"]
        assert any("orders.sql:2: " in line for line in dev.said), "the terminal tells it too"

        report.unlink()
        gone = await dev.view(lambda view: bool(view["trouble"]) and "can't be read" in view["trouble"]["message"])
        assert gone["made"] is not None
        report.write_text(SMALL)
        assert (await dev.made(after=number(second)))["trouble"] is None


async def test_the_form_makes_the_report_with_what_is_typed(dsn: str, tmp_path: Path, report: Path) -> None:
    text = SMALL.replace(
        "-- ///\n-- @kpi",
        """-- params.kind = { type = "enum", choices_sql = "select unnest(array['one', 'two'])" }
-- params.top = { type = "int", default_sql = "select 40 + 2" }
-- ///
-- @kpi""",
    )
    report.write_text(text)
    async with previewing(dsn, tmp_path, "reports/orders.sql") as dev, httpx.AsyncClient(timeout=20) as client:
        first = await dev.made()
        fields = {field["name"]: field for field in first["fields"]}
        assert (fields["rows"]["default"], fields["rows"]["help"]) == ("30", "0 to 5000")
        assert (fields["kind"]["control"], fields["kind"]["choices"]) == ("choice", ["one", "two"])
        assert (fields["top"]["default"], fields["top"]["help"]) == ("42", "default from a query")
        assert first["made"]["means"]["top"] == "42"
        assert (fields["word"]["control"], fields["word"]["default"]) == ("secret", "")

        given = {"rows": "7", "word": "hush-hush", "kind": "two"}
        assert (await client.post(f"{dev.address}params", json=given)).status_code == 204
        made = await dev.made(after=number(first))
        assert (made["made"]["rows"], made["texts"]) == (7, {"rows": "7", "kind": "two"})
        assert made["made"]["means"]["word"] == "•••"
        assert "hush-hush" not in str(made)
        assert "hush-hush" not in "".join(dev.said)

        await client.post(f"{dev.address}params", json={"rows": "9000", "word": None})
        wrong = await dev.troubled()
        assert (wrong["trouble"]["param"], wrong["trouble"]["code"]) == ("rows", "params")
        assert "5000" in wrong["trouble"]["message"]

        await client.post(f"{dev.address}params", json={"rows": "0", "word": None})
        empty = await dev.made(after=number(wrong))
        assert empty["made"]["rows"] == 0
        assert await dev.end() == 0
    assert not list(tmp_path.glob("reportd-dev-*")), "nothing is left behind"


async def test_only_its_own_page_on_this_machine_is_answered(dsn: str, tmp_path: Path, report: Path) -> None:
    async with previewing(dsn, tmp_path, "orders") as dev, httpx.AsyncClient(timeout=20) as client:
        shown = await dev.made()
        made = number(shown)
        base = httpx.URL(dev.address)
        assert base.host == "127.0.0.1"
        page = await client.get(dev.address)
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "<script>" not in page.text
        assert "style=" not in page.text

        async def status(path: str, **given: object) -> int:
            return (await client.request("GET", f"{dev.address}{path}", **given)).status_code  # type: ignore[arg-type]

        assert (await client.get(str(base.copy_with(path="/")))).status_code == 404
        assert (await client.get(str(base.copy_with(path="/wrong/")))).status_code == 404
        assert (await client.get(str(base.copy_with(path="/wrong/events")))).status_code == 404
        assert await status("", headers={"host": "evil.example"}) == 400
        assert await status("", headers={"host": f"evil.example:{base.port}"}) == 400
        assert await status("", headers={"origin": "http://evil.example"}) == 404
        assert await status("", headers={"origin": f"http://127.0.0.1:{base.port}"}) == 200
        for nothing in (
            f"made/{made}/page/99",
            f"made/{made}/sheet/99",
            "made/99/page/0",
            "made/99/file/pdf",
            "app.py",
        ):
            assert await status(nothing) == 404
        assert await status(f"made/{made}/file/../../../etc/passwd") == 404

        assert shown["missing"] == {}
        picture = await client.get(f"{dev.address}made/{made}/page/0?width=500")
        assert picture.content.startswith(b"\x89PNG")
        pdf = await client.get(f"{dev.address}made/{made}/file/pdf")
        assert (pdf.content[:5], pdf.headers["content-disposition"][:6]) == (b"%PDF-", "inline")
        xlsx = await client.get(f"{dev.address}made/{made}/file/xlsx")
        assert (xlsx.content[:2], xlsx.headers["content-disposition"][:10]) == (b"PK", "attachment")

        async def sent(content: bytes) -> int:
            return (await client.post(f"{dev.address}params", content=content)).status_code

        assert await sent(b"[]") == 400
        assert await sent(b"no json") == 400
        assert await sent(b'{"rows": 7}') == 400
        assert await sent(b'{"rows": "' + b"7" * 20_000 + b'"}') == 400
        assert await sent(b" " * 300_000) == 413


async def test_a_newer_save_breaks_off_a_making_that_takes_long(dsn: str, tmp_path: Path, report: Path) -> None:
    report.write_text(SMALL.replace("select count(*)", "select pg_sleep(60)::text as slept, count(*)"))
    async with previewing(dsn, tmp_path, "orders") as dev:
        await dev.view(lambda view: view["busy"] == "fetching-data")
        report.write_text(SMALL)
        assert (await dev.made())["made"]["rows"] == 30
        assert await dev.end() == 0


async def test_what_keeps_it_from_starting_is_said(dsn: str, tmp_path: Path, report: Path) -> None:
    unknown = await reportd("dev", "ordres", home=tmp_path, dsn=dsn)
    assert unknown.status == 4
    assert 'did you mean "orders"?' in unknown.err
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with taken:
        port = str(taken.sockets[0].getsockname()[1])
        said = await reportd("dev", "orders", "--port", port, home=tmp_path, dsn=dsn)
    assert said.status == 2
    assert f"port {port} can't be used" in said.err


async def test_without_a_database_a_first_report_is_shown_on_an_empty_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)  # root's Postgres runs as nobody, who has to pass
    assert (await reportd("new", "hello", home=tmp_path)).status == 0
    async with previewing(None, tmp_path, "hello") as dev:
        assert (await dev.made())["made"]["rows"] == 30
        assert "No database is named" in dev.said[0]
        assert await dev.end() == 0


async def test_a_browser_that_it_opens_is_let_in_once(
    dsn: str, tmp_path: Path, report: Path, eventually: Eventually
) -> None:
    program = tmp_path / "bin" / "www-browser"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/opened.part && mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    program.chmod(0o755)
    settings = {"BROWSER": f"{program} %s"}
    async with (
        previewing(dsn, tmp_path, "orders", "--open", environment=settings) as dev,
        httpx.AsyncClient() as client,
    ):
        await eventually((tmp_path / "opened").exists)
        opened = (tmp_path / "opened").read_text().strip()
        assert opened != dev.address
        first = await client.get(opened)
        assert (first.status_code, first.headers["location"]) == (303, httpx.URL(dev.address).path)
        assert (await client.get(opened)).status_code == 404
        assert (await client.get(dev.address)).status_code == 200
