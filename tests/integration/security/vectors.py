"""Ways to have a document load something: HTML for a page's body, and CSS for its style, round a canary."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

from tests.integration.security.canary import Canary


def html(canary: Canary) -> dict[str, str]:
    """Elements by a name of what they try; each would load from the canary in its own way."""
    http, file = f"http://{canary.address}", canary.file
    inner = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
    nested = b64encode(inner.format(f'<image href="{http}/nested.svg" width="9" height="9"/>').encode()).decode()
    imported = inner.format(f"<style>@import url({http}/in-svg.css);</style>")
    return {
        "img http": f'<img src="{http}/img.svg">',
        "img https": f'<img src="https://{canary.address}/img.svg">',
        "img file": f'<img src="{file}/a.svg">',
        "img file, localhost": f'<img src="{file.replace("file://", "file://localhost")}/a.svg">',
        "img FILE in capitals": f'<img src="{file.replace("file", "FILE")}/a.svg">',
        "img HtTp in capitals": f'<img src="HtTp://{canary.address}/mixed.svg">',
        "img ftp": f'<img src="ftp://{canary.address}/a.svg">',
        "img without a scheme": f'<img src="//{canary.address}/a.svg">',
        "img backslashes": f'<img src="\\\\{canary.address}\\a.svg">',
        "img absolute path": f'<img src="{canary.directory}/a.svg">',
        "img relative path": '<img src="a.svg">',
        "img traversal": '<img src="../../../../../etc/passwd">',
        "img encoded traversal": '<img src="%2e%2e/%2e%2e/etc/passwd">',
        "img spaces round it": f'<img src="  {http}/spaces.svg  ">',
        "img newline in it": f'<img src="ht\ntp://{canary.address}/newline.svg">',
        "img tab in it": f'<img src="ht\ttp://{canary.address}/tab.svg">',
        "img control character": f'<img src="\x01{http}/control.svg">',
        "img entities": f'<img src="&#104;ttp://{canary.address}/entities.svg">',
        "img encoded path": f'<img src="{file}/%61.svg">',
        "img user and password": f'<img src="http://user:secret@{canary.address}/auth.svg">',
        "img redirect": f'<img src="{http}/redirect">',
        "img srcset": f'<img srcset="{http}/srcset.svg 2x" src="data:image/svg+xml,%3Csvg%3E%3C/svg%3E">',
        "img jar": f'<img src="jar:{file}/a.zip!/a.svg">',
        "img javascript": '<img src="javascript:alert(1)">',
        "img data of html": '<img src="data:text/html,<script>1</script>">',
        "svg in data": f'<img src="data:image/svg+xml;base64,{nested}">',
        "import in svg in data": f'<img src="data:image/svg+xml,{quote(imported)}">',
        "svg image": inner.format(f'<image href="{http}/svg-image.svg" width="9" height="9"/>'),
        "svg image xlink": inner.format(f'<image xlink:href="{file}/a.svg" width="9" height="9"/>'),
        "svg use": inner.format(f'<use href="{file}/a.svg#t"/>'),
        "svg use xlink": inner.format(f'<use xlink:href="{http}/use.svg#t"/>'),
        "svg style": inner.format(f"<style>@import '{http}/svg-style.css';</style>"),
        "svg font": inner.format(
            f"<style>@font-face {{ font-family: F; src: url({http}/svg.woff2) }} text {{ font-family: F }}</style>"
            "<text y='9'>x</text>"
        ),
        "svg fill": inner.format(f'<rect width="9" height="9" fill="url({http}/fill.svg#a)"/>'),
        "svg mask": inner.format(f'<rect width="9" height="9" mask="url({file}/a.svg#t)"/>'),
        "svg foreign": inner.format(f'<foreignObject><img src="{http}/foreign.svg"/></foreignObject>'),
        "svg xml:base": inner.format(f'<image xml:base="{http}/" href="based.svg" width="9" height="9"/>'),
        "link stylesheet": f'<link rel="stylesheet" href="{http}/link.css">',
        "link stylesheet file": f'<link rel="stylesheet" href="{file}/a.css">',
        "link attachment": f'<link rel="attachment" href="{file}/secret.txt">',
        "link icon": f'<link rel="icon" href="{http}/icon.svg">',
        "a attachment": f'<a rel="attachment" href="{file}/secret.txt">x</a>',
        "a attachment http": f'<a rel="attachment" href="{http}/attached.txt">x</a>',
        "base": f'<base href="{http}/based/"><img src="a.svg">',
        "meta refresh": f'<meta http-equiv="refresh" content="0; url={http}/refresh">',
        "iframe": f'<iframe src="{http}/iframe.html"></iframe>',
        "object": f'<object data="{http}/object.svg" type="image/svg+xml"></object>',
        "object file": f'<object data="{file}/a.svg" type="image/svg+xml"></object>',
        "embed": f'<embed src="{http}/embed.svg" type="image/svg+xml">',
        "video": f'<video src="{http}/a.mp4" poster="{http}/poster.svg"></video>',
        "input image": f'<input type="image" src="{http}/input.svg">',
        "form": f'<form action="{http}/form"><button>x</button></form>',
        "script": f'<script src="{http}/a.js"></script>',
        "body background": f'<table background="{http}/background.svg"><tr><td>x</td></tr></table>',
        "style attribute": f'<p style="background: url({http}/attribute.svg)">x</p>',
        "style in the body": f"<style>@import '{http}/in-body.css';</style>",
    }


def css(canary: Canary) -> dict[str, str]:
    """Rules by a name of what they try."""
    http, file = f"http://{canary.address}", canary.file
    return {
        "import": f"@import '{http}/import.css';",
        "import url": f"@import url({file}/b.css);",
        "import escaped": f"@\\69mport '{http}/escaped.css';",
        "background": f"p {{ background: url({http}/background.svg) }}",
        "background in quotes": f'p {{ background-image: url("{file}/b.svg") }}',
        "URL in capitals": f"p {{ background: URL({http}/capitals.svg) }}",
        "escaped letters of url": f"p {{ background: \\75 rl({http}/letters.svg) }}",
        "escaped letters of http": f"p {{ background: url(\\68ttp://{canary.address}/scheme.svg) }}",
        "list": f"li {{ list-style-image: url({http}/list.svg) }}",
        "content": f"p::before {{ content: url({file}/a.svg) }}",
        "border": f"p {{ border: 1px solid; border-image-source: url({http}/border.svg) }}",
        "cursor": f"p {{ cursor: url({http}/cursor.svg), auto }}",
        "image-set": f'p {{ background: image-set("{http}/set.svg" 1x) }}',
        "src": f'p {{ background: src("{http}/src.svg") }}',
        "custom property": f":root {{ --x: url({http}/property.svg) }} p {{ background: var(--x) }}",
        "page": f"@page {{ background: url({http}/page.svg); @top-right {{ content: url({file}/a.svg) }} }}",
        "media": f"@media print {{ p {{ background: url({http}/media.svg) }} }}",
        "supports": f"@supports (color: red) {{ p {{ background: url({http}/supports.svg) }} }}",
        "font": f"@font-face {{ font-family: F; src: url({http}/font.woff2) }} p {{ font-family: F }}",
        "font file": f"@font-face {{ font-family: G; src: url({file}/a.ttf) }} p {{ font-family: G }}",
        "profile": f"@color-profile --c {{ src: url({http}/profile.icc) }} p {{ color: color(--c 1 1 1) }}",
        "namespace": f"@namespace url({http}/namespace);",
        "without a scheme": f"p {{ background: url(//{canary.address}/a.svg) }}",
        "link": f"p {{ -weasy-link: url({http}/linked) }}",
    }


def addresses(canary: Canary) -> Iterator[str]:
    """Addresses that a fetcher may be asked for."""
    http, file = f"http://{canary.address}", canary.file
    yield from (f"{http}/a.svg", f"HTTP://{canary.address}/a.svg", f"https://{canary.address}/a.svg")
    yield from (f"{file}/a.svg", f"{file.upper()}/a.svg", file.replace("file://", "file:") + "/a.svg")
    yield from (file.replace("file://", "file://localhost") + "/a.svg", f"{canary.directory}/a.svg", "a.svg")
    yield from (f"ftp://{canary.address}/a.svg", f"//{canary.address}/a.svg", f"\\\\{canary.address}\\a.svg")
    yield from (f" {http}/a.svg", f"\t{http}/a.svg", f"\n{file}/a.svg", f"\0{file}/a.svg", f"url:{http}/a.svg")
    yield from ("../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "file:/etc/passwd", "file:etc/passwd")
    yield from ("gopher://127.0.0.1/1", "jar:file:///a!/b", "local_file:///etc/passwd", "netdoc:///etc/passwd")
    yield from ("blob:null/1", "about:blank", "javascript:1", "mailto:a@b.c", "view-source:file:///etc/passwd", "")
    yield from ("DATA:text/plain,x", " data:text/plain,x", f"data:text/plain,{'x' * 2_000_001}", "reportd-asset:a.svg")
    yield from ("reportd-font:../../etc/passwd", "reportd-font:nothing", "http://[::1]:9/", "http://0x7f000001/", "x")
