"""The second wall of the HTML format: what a document must not load, its policy keeps the browser from loading."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
import tinyhtml5
from playwright.async_api import Browser

from reportd.render import markup
from reportd.render.task import RenderSettings
from reportd.render.webpage import HTML
from tests.folders import HEAD, ORDERS, document
from tests.integration.security import vectors
from tests.integration.security.canary import canary

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_policy_stops_what_the_list_of_elements_would_have_refused(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markup, "read", _unread)
    with canary(tmp_path) as watched:
        # No policy forbids to go elsewhere: only the list of elements does.
        elements = [element for name, element in vectors.html(watched).items() if name != "meta refresh"]
        styles = "".join(vectors.css(watched).values())
        body = "".join(elements)
        template = (
            f"{HEAD}{{% block style %}}{styles}{{% endblock %}}{{% block body %}}{body}<p>Here</p>{{% endblock %}}"
        )
        made = document(tmp_path / "spool", {"template.html": template}, ORDERS)
        (file,) = HTML().render(made, out=tmp_path, settings=RenderSettings())
        assert "Here" in await _opened(browser, Path(file.path))
        assert watched.asked == []

        bare = tmp_path / "bare.html"
        bare.write_text(f"<style>{styles}</style>{body}<p>Here</p>", encoding="utf-8")
        assert "Here" in await _opened(browser, bare)
        assert len(set(watched.asked)) > 15, "without the policy they are asked for"


async def _opened(browser: Browser, path: Path) -> str:
    """What a reader sees once all is loaded."""
    page = await browser.new_page()
    await page.goto(path.as_uri(), wait_until="networkidle")
    text = await page.inner_text("body")
    await page.close()
    return text


def _unread(html: str, own: object) -> Element:
    tree: Element = tinyhtml5.parse(html, namespace_html_elements=False)
    for parent in tree.iter():
        for child in list(parent):
            if not isinstance(child.tag, str):
                parent.remove(child)
    return tree
