"""WeasyPrint, with everything parsed and loaded that documents share, and with nothing that it may fetch.

Importing this module loads Pango: OSError where the host has none. One `Engine` per process; it survives a fork, so a
child starts with layout.
"""

from __future__ import annotations

import atexit
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from cssselect2 import ElementWrapper
from weasyprint import CSS, HTML, svg
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from reportd.render.cells import Cells
from reportd.render.coverage import unknown
from reportd.render.fonts import FAMILY, Face, faces, faces_of
from reportd.render.html import coloured, style
from reportd.render.scripts import Script, scripts_of
from reportd.render.typeface import own_family_lacks
from reportd.report.theme import DEFAULT

_DATA_URI_BYTES_MAX = 2_000_000
_FONT_SCHEME = "reportd-font:"
OPTIONS = {"pdf_variant": "pdf/ua-1", "custom_metadata": True}
# No XML may hold these, not even escaped; a report's data may.
_NOT_XML = dict.fromkeys([*range(0x9), 0xB, 0xC, *range(0xE, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ")


class Engine:
    """Sets pages. Fonts and the theme's stylesheets are read when it is made, in some 100 ms."""

    def __init__(self) -> None:
        self._fonts = FontConfiguration()
        self._owner = os.getpid()
        self._scripts: set[str] = set()
        atexit.register(_forget, self._fonts, self._owner)
        self._fetcher = _Fetcher()
        self._styles = [
            self._style(text)
            for text in (_font_faces(faces()), coloured(style("base"), DEFAULT), coloured(style("print"), DEFAULT))
        ]

    def ready(self, characters: Iterable[str]) -> tuple[str, ...]:
        """Load the fonts that `characters` need beyond our own; those that no font here has, in order.

        Costs nothing where our own family has them all, and 20 to 60 ms for a script's first time in this process.
        """
        strange = own_family_lacks(characters)
        for script in scripts_of(strange):
            if script.name not in self._scripts:
                self._load(script)
        return unknown(strange, self._fonts.font_map, family=FAMILY) if strange else ()

    def _own_folder(self) -> None:
        """Put fonts that are still to come into a directory of this process's own."""
        if os.getpid() != self._owner:
            # A fork shares its parent's directory of fonts: what a sibling has put there is not in this process.
            self._fonts._folder = None
            self._owner = os.getpid()

    def _load(self, script: Script) -> None:
        self._own_folder()
        made = faces_of(script)
        self._fetcher.admit(made)
        self._style(_font_faces(made))
        self._scripts.add(script.name)

    def write(self, html: str | Element, *, css: str, path: Path, as_of_s: int, cells: Cells | None = None) -> int:
        """Set `html`, a tree or XML, with the theme and then `css`, into `path`; the number of pages.

        `cells` draws those of the tables that `html` has slots for. `as_of_s` (Unix time) stands wherever a file wants
        a time of its own: same data, same bytes.
        """
        rendering = self.render(html, css=css, as_of_s=as_of_s)
        rendering.write_pdf(path, finisher=cells, **OPTIONS)
        return len(rendering.pages)

    def render(self, html: str | Element, *, css: str, as_of_s: int) -> Any:
        """`html` laid out: WeasyPrint's own document, to be written with `OPTIONS`."""
        os.environ.setdefault("SOURCE_DATE_EPOCH", str(as_of_s))
        if "@font-face" in css or not isinstance(html, str):
            self._own_folder()
        page = _Page(html, fetcher=self._fetcher)
        return page.render(
            font_config=self._fonts,
            stylesheets=[*self._styles, self._style(css)],
            presentational_hints=not isinstance(html, str),  # such as the width of an img, for whoever writes it
            **OPTIONS,
        )

    def _style(self, text: str) -> CSS:
        return CSS(string=text, font_config=self._fonts, url_fetcher=self._fetcher)


class _Whole(str):
    """A text that is one piece to whoever goes through its letters."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        yield str(self)


def _whole_words(draw: Any) -> Any:
    """WeasyPrint's drawing of SVG text, which goes letter by letter: no script that joins its letters survives that."""

    def text(drawing: Any, node: Any, font_size: float) -> None:
        node._etree_node.text = _Whole(node.text)
        draw(drawing, node, font_size)

    return text


svg.text = svg.TAGS["text"] = _whole_words(svg.TAGS["text"])


def _forget(fonts: FontConfiguration, owner: int) -> None:
    """Remove the files of `fonts` when its process ends; a fork of it only borrows them."""
    if os.getpid() == owner and fonts._folder is not None:
        shutil.rmtree(fonts._folder, ignore_errors=True)
    fonts._folder = None  # its own clean-up would come when Python is half gone


class _Page(HTML):  # type: ignore[misc]
    """HTML that our templates wrote, read by Python's C parser: a tenth of what the HTML5 parser takes; or a tree."""

    def __init__(self, html: str | Element, *, fetcher: URLFetcher) -> None:
        self.base_url = None
        self.url_fetcher = fetcher
        self.media_type = "print"
        # What we write ourselves has no DTD of its own.
        tree = fromstring(html.translate(_NOT_XML)) if isinstance(html, str) else html  # noqa: S314
        self.wrapper_element = ElementWrapper.from_html_root(tree, content_language=None)
        self.etree_element = self.wrapper_element.etree_element


class _Fetcher(URLFetcher):  # type: ignore[misc]
    """Hands out our font's faces and small `data:` URIs, and refuses every other address."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=("data",), allow_redirects=False)
        self._faces: dict[str, bytes] = {}
        self.admit(faces())

    def admit(self, made: Iterable[Face]) -> None:
        """Hand these out from now on."""
        self._faces.update({face.name: face.content for face in made})

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:
        if url.startswith(_FONT_SCHEME):
            content = self._faces[url.removeprefix(_FONT_SCHEME)]
            return URLFetcherResponse(url, content, {"Content-Type": "font/ttf"})
        if url.startswith("data:") and len(url) <= _DATA_URI_BYTES_MAX:
            return super().fetch(url, headers)
        raise ValueError(f"a document may not load {url[:100]!r}")


def _font_faces(made: Iterable[Face]) -> str:
    return "".join(
        f'@font-face {{ font-family: "{face.family}"; font-weight: {face.weight};'
        f' src: url("{_FONT_SCHEME}{face.name}");'
        f" unicode-range: {_ranges(face.characters)} }}"
        for face in made
    )


def _ranges(characters: tuple[int, ...]) -> str:
    """Code points as CSS writes them: `U+20-7E, U+A0-17F`."""
    runs: list[list[int]] = []
    for code in sorted(characters):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return ", ".join(f"U+{first:X}-{last:X}" if last > first else f"U+{first:X}" for first, last in runs)
