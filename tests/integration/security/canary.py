"""A canary: a server that nobody may ask, files that nobody may open, and an ear for every socket of this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "canarytoken"
_ASKING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "ftplib.connect")


@dataclass
class Canary:
    """`asked` are the paths that the server was asked for, `heard` what Python itself was about to ask or open."""

    address: str
    directory: Path
    asked: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The address of a file, to which any name may be added."""
        return self.directory.as_uri()

    @property
    def sang(self) -> list[str]:
        """All that should not have been."""
        return [*self.asked, *self.heard]


@contextmanager
def canary(directory: Path) -> Iterator[Canary]:
    """A canary that listens within the block; its files are made in `directory`."""
    for name in ("a.css", "b.css"):
        (directory / name).write_text(f'p::after {{ content: "{TOKEN}" }}', encoding="utf-8")
    for name in ("a.svg", "b.svg"):
        (directory / name).write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><text id="t" y="15">{TOKEN}</text></svg>',
            encoding="utf-8",
        )
    (directory / "secret.txt").write_text(TOKEN, encoding="utf-8")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            watched.asked.append(self.path)
            if "redirect" in self.path:
                self.send_response(302)
                self.send_header("Location", f"{watched.file}/a.svg")
                self.end_headers()
                return
            path = directory / Path(self.path.partition("?")[0]).name
            content = path.read_bytes() if path.is_file() else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/css" if path.suffix == ".css" else "image/svg+xml")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watched = Canary(f"127.0.0.1:{server.server_port}", directory)
    _Ear.hear(watched)
    try:
        yield watched
    finally:
        _Ear.listening = None
        server.shutdown()
        server.server_close()


class _Ear:
    """Python's audit events; a hook can't be taken out again, so there is one, which listens or not."""

    listening: Canary | None = None
    hooked = False
    thread = 0

    @classmethod
    def hear(cls, watched: Canary) -> None:
        cls.listening, cls.thread = watched, threading.get_ident()
        if not cls.hooked:
            cls.hooked = True
            sys.addaudithook(cls._take)

    @classmethod
    def _take(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if cls.listening is None or threading.get_ident() != cls.thread:
            return
        if event in _ASKING and not str(arguments[0]).startswith("data:"):
            cls.listening.heard.append(f"{event} {arguments[-1]}")
        elif event in ("open", "os.listdir") and str(cls.listening.directory) in str(arguments[0]):
            cls.listening.heard.append(f"open {arguments[0]}")
