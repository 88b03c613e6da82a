"""The process that draws charts: V8 with Vega in it, one chart after the other, until nobody needs it.

    python -m reportd.render.vega.process '{"daemon": 4711, "socket": 5, "caches": "/…", "memory_mb": 512, "cpu_s": 20}'

It is no fork of the template: a child forked after V8's first use hangs, and V8 keeps Python's lock while it draws.
It can open no socket and write no file. A chart that fails ends it, so that nothing is left for the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportd.children import confine, sockets
from reportd.children.wire import Decoder, Kind, pack
from reportd.render.vega.request import SPECIMEN

SVG_BYTES_MAX = 4 * 2**20
"""A drawing with more has more marks than a page can show."""

_ERROR_CHARACTERS = 500
# What d3 calls the habits of the languages that documents are written in.
_HABITS = {
    **{"en": "en-US", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "it": "it-IT", "pt": "pt-BR", "nl": "nl-NL"},
    **{"sv": "sv-SE", "da": "da-DK", "nb": "nb-NO", "fi": "fi-FI", "pl": "pl-PL", "cs": "cs-CZ"},
}


def main() -> None:
    """Get warm, say READY, draw what is asked for until the daemon closes its end."""
    settings = json.loads(sys.argv[1])
    confine.die_with_parent(settings["daemon"], by=signal.SIGKILL)
    confine.gain_no_rights()
    confine.first_to_go()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, and meant for the daemon
    connection = socket.socket(fileno=settings["socket"])
    connection.set_inheritable(False)
    fonts = faces(Path(settings["caches"]))
    sockets.refuse_sockets()
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))
    from vl_convert import register_font_directory

    register_font_directory(str(fonts))
    answer(json.loads(SPECIMEN))
    base = confine.data_bytes()  # V8 takes half a gigabyte before it draws anything
    connection.sendall(pack(Kind.READY, 0, {}))
    decoder = Decoder()
    while data := connection.recv(64 * 1024):
        for frame in decoder.feed(data):
            confine.hold(memory_bytes=base + (settings["memory_mb"] << 20), cpu_s=settings["cpu_s"])
            told = answer(frame.message())
            connection.sendall(pack(Kind.MESSAGE, 0, told))
            if "svg" not in told:
                # What V8 kept of the failure would come back with the next chart.
                os._exit(0)
    os._exit(0)


def answer(request: Mapping[str, Any]) -> dict[str, str]:
    """`{"svg": …}`, or `{"error": …}` in Vega-Lite's own words."""
    import vl_convert

    try:
        svg = vl_convert.vegalite_to_svg(
            request["spec"],
            config=request["config"],
            allowed_base_urls=[],
            format_locale=_numbers(request["numbers"], request["locale"]),
            time_format_locale=_times(request["times"], request["locale"]),
        )
    except ValueError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = " ".join(line for line in lines[1:] if line and not line.startswith("at ")) or str(error)
        return {"error": said.removeprefix("Error: ")[:_ERROR_CHARACTERS]}
    if len(svg.encode()) > SVG_BYTES_MAX:
        return {"error": f"the drawing is larger than {SVG_BYTES_MAX >> 20} MB: draw fewer marks"}
    return {"svg": svg}


def faces(caches: Path) -> Path:
    """Have our own fonts in a directory of `caches`, as files that V8's host finds by their names.

    It takes a family's name for CSS: with a number in it, as in that of the font's makers, it would measure nothing.
    """
    from reportd.render import fonts

    version = hashlib.sha256(b"".join(face.content for face in fonts.faces())).hexdigest()[:12]
    directory = caches / f"chart-fonts-{version}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for face in fonts.faces():
        path = directory / f"{face.name}.ttf"
        if not path.exists():
            # Whole or not at all: another daemon may look for it.
            partly = path.with_suffix(f".{os.getpid()}")
            partly.write_bytes(_renamed(face.content, face.family))
            partly.rename(path)
    return directory


def _renamed(content: bytes, family: str) -> bytes:
    from io import BytesIO

    from fontTools.ttLib import TTFont

    font = TTFont(BytesIO(content), lazy=True)
    for record in font["name"].names:
        if record.nameID == 1:
            record.string = family
    written = BytesIO()
    font.save(written)
    return written.getvalue()


def _numbers(ours: Mapping[str, str], tag: str) -> dict[str, Any]:
    """How numbers are written: as in the rest of the document, and the currency as where its language is spoken."""
    from vl_convert import get_format_locale

    name = _HABITS.get(tag, tag)
    # Norwegian has none.
    return {**get_format_locale(name if name != "nb-NO" else "da-DK"), **ours}  # type: ignore[arg-type]


def _times(ours: Mapping[str, Any], tag: str) -> dict[str, Any]:
    from vl_convert import get_time_format_locale

    return {**get_time_format_locale(_HABITS.get(tag, tag)), **ours}  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
