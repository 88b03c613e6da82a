"""Nothing that a document names is loaded: not from the network, not from the disk. Two walls, each tested alone.

`markup` looks through what a template made, and names what may not be there; the engine's fetcher refuses whatever
comes so far. The canary is heard to sing where neither stands.
"""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tinyhtml5
import weasyprint
from pypdf import PdfReader
from weasyprint.urls import URLFetcher

from reportd.errors import ReportError
from reportd.plugins import Broken, reports
from reportd.render import markup
from reportd.render.engine import Engine, _Fetcher
from reportd.render.html import html_of
from reportd.render.pdf import PDF
from reportd.render.task import RenderSettings
from reportd.render.view import view_of
from reportd.report.assets import Asset
from reportd.report.definition import Template
from reportd.report.theme import Theme
from tests.folders import ORDERS, body, document, report
from tests.integration.security import vectors
from tests.integration.security.canary import TOKEN, Canary, canary

OWN = Template("reports/sales", {"template.html": ""})


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    with canary(tmp_path_factory.mktemp("canary")) as watching:
        yield watching


@pytest.fixture(autouse=True)
def _new(watched: Canary) -> None:
    watched.asked.clear()
    watched.heard.clear()


def _page(watched: Canary) -> str:
    """All vectors in one document; a rule that ends the sheet it stands in has one of its own."""
    # A profile that can't be had ends the render: see below.
    sheets = {name: rules for name, rules in vectors.css(watched).items() if name != "profile"}
    styles = "".join(f"<style>{rules}</style>" for rules in sheets.values())
    return f"<html><head>{styles}</head><body>{''.join(vectors.html(watched).values())}<p>Here</p></body></html>"


def _text(pdf: Path) -> str:
    return subprocess.run(["pdftotext", pdf, "-"], check=True, capture_output=True, text=True).stdout


def test_the_engine_by_itself_loads_nothing(watched: Canary, tmp_path: Path) -> None:
    tree = tinyhtml5.parse(_page(watched), namespace_html_elements=False)
    path = tmp_path / "x.pdf"
    Engine().write(tree, css=f"@import url({watched.file}/a.css);", path=path, as_of_s=0)
    assert watched.sang == []
    assert "Here" in _text(path)
    assert TOKEN not in _text(path)
    assert not PdfReader(path).attachments


def test_a_profile_that_the_engine_may_not_load_ends_the_render(watched: Canary, tmp_path: Path) -> None:
    page = f"<html><head><style>{vectors.css(watched)['profile']}</style></head><body><p>x</p></body></html>"
    tree = tinyhtml5.parse(page, namespace_html_elements=False)
    with pytest.raises(OSError, match="a document may not load"):
        Engine().write(tree, css="", path=tmp_path / "x.pdf", as_of_s=0)
    assert watched.sang == []


def test_the_canary_sings_without_a_wall(watched: Canary, tmp_path: Path) -> None:
    """Or else the silence would prove nothing."""
    path = tmp_path / "x.pdf"
    fetcher = URLFetcher(timeout=0.3)
    weasyprint.HTML(string=_page(watched), base_url=f"{watched.file}/", url_fetcher=fetcher).write_pdf(path)
    assert len(set(watched.asked)) > 25
    assert len({each for each in watched.heard if each.startswith("open")}) >= 4
    assert TOKEN in _text(path)
    assert PdfReader(path).attachments


def test_the_fetcher_refuses_every_address(watched: Canary) -> None:
    fetcher = _Fetcher()
    addresses = list(vectors.addresses(watched))
    assert len(addresses) >= 33
    for address in addresses:
        with pytest.raises((ValueError, KeyError)):
            fetcher.fetch(address)
        with pytest.raises((ValueError, KeyError)):
            fetcher.open(address)
    assert watched.sang == []


def test_each_element_that_loads_is_refused_by_name(watched: Canary) -> None:
    passed, told = [], []
    for name, element in vectors.html(watched).items():
        try:
            tree = markup.read(f"<html><head></head><body>{element}</body></html>", OWN)
        except ReportError as error:
            told.append(error.message)
        else:
            passed.append((name, markup.text(tree)))
    assert passed == []
    assert all(message.startswith("reports/sales/template.html: ") for message in told)
    assert watched.sang == []


def test_each_rule_that_loads_is_refused_by_name(watched: Canary) -> None:
    for rules in vectors.css(watched).values():
        with pytest.raises(ReportError):
            markup.read(f"<html><head><style>{rules}</style></head><body></body></html>", OWN)
    assert watched.sang == []


def test_what_a_template_may_have_passes(watched: Canary) -> None:
    page = (
        "<html><head><style>p { color: red; background: url(data:image/svg+xml,%3Csvg%3E%3C/svg%3E) }</style></head>"
        '<body><h1 id="a" style="margin: 2pt">A</h1><a href="#a">up</a> <a href="https://example.com/?a=1&amp;b">out</a>'
        '<svg viewBox="0 0 9 9"><defs><linearGradient id="g"></linearGradient></defs><use href="#g"/>'
        '<rect fill="url(#g)" width="9" height="9"/></svg><table><tr><td colspan="2">x</td></tr></table></body></html>'
    )
    text = markup.text(markup.read(page, OWN))
    for kept in (
        'href="#a"',
        "https://example.com/?a=1&amp;b",
        'fill="url(#g)"',
        'colspan="2"',
        "margin: 2pt",
        "data:",
    ):
        assert kept in text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "//host/x", "file:///x"]
)
def test_a_link_that_nobody_should_follow_is_only_its_text(address: str) -> None:
    text = markup.text(markup.read(f'<html><body><a href="{address}">go</a></body></html>', OWN))
    assert "<a>go</a>" in text


def _picture(*elements: str) -> bytes:
    inside = "".join(elements)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30">{inside}</svg>'.encode()


def test_a_logo_that_loads_is_refused_by_name(watched: Canary) -> None:
    drawings = {name: element for name, element in vectors.html(watched).items() if name.startswith("svg")}
    del drawings["svg in data"]  # an HTML element
    for element in drawings.values():
        with pytest.raises(ReportError, match=r"theme.css:1:\d+: --logo: .*(loads|which no picture needs)"):
            report({"theme.css": ":root { --logo: url(logo.svg) }", "logo.svg": _picture(element)})
    assert len(drawings) >= 8


def test_a_logo_that_gets_as_far_as_a_renderer_loads_nothing(watched: Canary, tmp_path: Path) -> None:
    made = document(tmp_path / "spool", {}, ORDERS)
    entity = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{watched.file}/secret.txt">]>'.encode()
    drawings = [_picture(element) for name, element in vectors.html(watched).items() if name.startswith("svg")]
    for number, content in enumerate([*drawings, entity + _picture("<text>&x;</text>")]):
        out = tmp_path / str(number)
        out.mkdir()
        logo = Asset("logo.svg", "image/svg+xml", b64encode(content).decode())
        (pdf,) = PDF().render(replace(made, theme=Theme(logo=logo)), out=out, settings=RenderSettings())
        assert TOKEN not in _text(Path(pdf.path))
    assert watched.sang == []


@pytest.mark.parametrize(
    "svg",
    [
        '<!DOCTYPE svg [<!ENTITY x SYSTEM "{file}/secret.txt">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
        '<!DOCTYPE svg SYSTEM "{http}/a.dtd"><svg xmlns="http://www.w3.org/2000/svg"/>',
        '<?xml version="1.0"?><!doctype svg [<!ENTITY % p SYSTEM "{http}/p.dtd">%p;]><svg/>',
        '<?xml version="1.0" encoding="utf-16"?>\0<svg/>',
    ],
)
def test_a_logo_with_entities_is_refused_and_read_by_nobody(svg: str, watched: Canary) -> None:
    picture = svg.format(file=watched.file, http=f"http://{watched.address}").encode()
    with pytest.raises(ReportError, match="has a DOCTYPE or entities"):
        report({"theme.css": ":root { --logo: url(logo.svg) }", "logo.svg": picture})
    assert watched.sang == []


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.txt", "../canary/a.svg", "/etc/passwd", "{directory}/a.svg", "{file}/a.svg"),
        *("http://{address}/a.svg", "..%2fa.svg", "a.svg\0.svg", ".hidden.svg", "", ".", "logo.svg/../../a.svg"),
        *("LOGO.SVG", "logo.svg "),
    ],
)
def test_an_asset_is_a_file_of_the_report_by_its_name(name: str, watched: Canary, tmp_path: Path) -> None:
    name = name.format(directory=watched.directory, file=watched.file, address=watched.address)
    logo = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    with pytest.raises(ReportError):
        report({"theme.css": f":root {{ --logo: url('{name}') }}", "logo.svg": logo})
    made = document(tmp_path, {**body(f"{{% set name = {name!r} %}}{{{{ asset(name) }}}}"), "logo.svg": logo}, ORDERS)
    with pytest.raises(ReportError, match="the report has no file"):
        html_of(view_of(made, rows_max=10))
    assert watched.sang == []


@pytest.mark.parametrize("file", ["logo.svg", "theme.css", "template.html", "i18n/de.toml", "part.html", "font.woff2"])
def test_a_link_out_of_the_reports_directory_is_not_followed(file: str, watched: Canary, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "sales"
    (folder / "i18n").mkdir(parents=True)
    (folder / "report.toml").write_text("")
    (folder / "orders.sql").write_text("select 1 as a")
    (folder / file).symlink_to(watched.directory / "secret.txt")
    [broken] = reports([folder.parent])
    assert isinstance(broken, Broken)
    assert "is a link that leads out of the report's directory" in broken.error.message
    assert watched.sang == []


def test_a_linked_folder_of_languages_is_not_followed(watched: Canary, tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "sales"
    folder.mkdir(parents=True)
    (folder / "report.toml").write_text("")
    (folder / "orders.sql").write_text("select 1 as a")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "de.toml").write_text('title = "x"')
    (folder / "i18n").symlink_to(outside)
    [broken] = reports([folder.parent])
    assert isinstance(broken, Broken)
    assert "leads out of the report's directory" in broken.error.message


@pytest.mark.parametrize(
    "element",
    [
        "<script>alert(1)</script>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><foreignObject><p>x</p></foreignObject></svg>",
        "<svg><animate></animate></svg>",
        "<svg><set></set></svg>",
        "<svg><a><text>x</text></a></svg>",
        "<math><mi>x</mi></math>",
        "<noscript>x</noscript>",
        "<template>x</template>",
        "<iframe></iframe>",
        "<object></object>",
        "<textarea></textarea>",
        "<select></select>",
        "<form></form>",
        "<xmp><b></xmp>",
        "<noembed>x</noembed>",
        "<plaintext>",
        "<marquee>x</marquee>",
        "<custom-element>x</custom-element>",
        "<base>",
        "<link>",
    ],
)
def test_an_element_that_is_not_on_the_list_is_refused_without_an_attribute_too(element: str) -> None:
    with pytest.raises(ReportError, match=r"<[\w-]+> can't stand in a document"):
        markup.read(f"<html><body>{element}</body></html>", OWN)
