"""What the browser may ask: one page, its pictures and cells, and the news of each making.

Every address begins with a random token, and only names of this machine are answered, so that neither another user nor
a page from elsewhere reads the report. A browser that we start is given an address that leads there a single time:
others may see with what it was started. Nothing is logged.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import fontpkg_source_sans_3
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reportd.preview.form import TEXT_CHARACTERS_MAX
from reportd.preview.live import Live, path_of

_HOSTS = ("127.0.0.1", "localhost")
_ASSETS = {"preview.css": "text/css", "preview.js": "text/javascript"}
_BODY_BYTES_MAX = 1 << 18
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# What a making has made never changes.
_FOR_GOOD = {"cache-control": "private, max-age=3600, immutable"}
_FONT = Path(fontpkg_source_sans_3.ROOT) / "files" / "SourceSans3[wght].ttf"
_WIDTH = 900


@dataclass(slots=True)
class Keys:
    """What opens the page: `token` always, `once` a single time."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    once: str | None = field(default_factory=lambda: secrets.token_urlsafe(16))


def app(live: Live, keys: Keys, *, closing: asyncio.Event) -> Starlette:
    """The application under `/TOKEN/`; its streams of news end once `closing` is set."""
    shown = _Shown(live, closing)
    routes = [
        Route("/", shown.page),
        Route("/events", shown.events),
        Route("/params", shown.params, methods=["POST"]),
        Route("/made/{number:int}/page/{page:int}", shown.picture),
        Route("/made/{number:int}/sheet/{sheet:int}", shown.sheet),
        Route("/made/{number:int}/file/{format}", shown.file),
        Route("/font", shown.font),
        Route("/{asset}", shown.asset),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False),
            Middleware(_Guard, keys=keys),
        ],
    )


class _Guard:
    """Lets in who knows the token, and takes it off the address; puts the headers on that every answer has."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, token, path = (*scope["path"].split("/", 2), "", "")[:3]

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in there
                ]
            await send(message)

        if self._keys.once is not None and _same(token, self._keys.once):
            self._keys.once = None
            await RedirectResponse(f"/{self._keys.token}/", 303)(scope, receive, sent)
            return
        if not _same(token, self._keys.token) or not _is_ours(scope):
            await Response("Open the address that reportd dev has printed.\n", 404)(scope, receive, sent)
            return
        await self._app({**scope, "path": f"/{path}"}, receive, sent)


def _same(given: str, key: str) -> bool:
    return secrets.compare_digest(given.encode(), key.encode())


def _is_ours(scope: Scope) -> bool:
    """Whether the request comes from our own page, or from no page at all."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is None or origin == b"http://" + headers.get(b"host", b"")


class _Shown:
    """One method per address."""

    def __init__(self, live: Live, closing: asyncio.Event) -> None:
        self._live = live
        self._closing = closing

    async def page(self, request: Request) -> Response:
        return Response(_asset("page.html"), media_type="text/html", headers={"content-security-policy": _POLICY})

    async def asset(self, request: Request) -> Response:
        name = request.path_params["asset"]
        if name not in _ASSETS:
            return _gone()
        return Response(_asset(name), media_type=_ASSETS[name])

    async def font(self, request: Request) -> Response:
        """The reports' own face, for the page too."""
        return FileResponse(_FONT, media_type="font/ttf", headers=_FOR_GOOD)

    async def events(self, request: Request) -> Response:
        """The view at once, and again whenever it has changed."""
        return StreamingResponse(self._news(), media_type="text/event-stream")

    async def params(self, request: Request) -> Response:
        """Take the form's texts: an object of strings, null where a field stays as it was."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _BODY_BYTES_MAX:
                return Response(status_code=413)
        try:
            texts = json.loads(body)
        except ValueError:
            return Response(status_code=400)
        if not isinstance(texts, dict) or not all(map(_is_text, texts.values())):
            return Response(status_code=400)
        self._live.enter(texts)
        return Response(status_code=204)

    async def picture(self, request: Request) -> Response:
        number, page = request.path_params["number"], request.path_params["page"]
        width = request.query_params.get("width", "")
        image = await self._live.picture(number, page, width=int(width) if width.isdecimal() else _WIDTH)
        return _gone() if image is None else Response(image, media_type="image/png", headers=_FOR_GOOD)

    async def sheet(self, request: Request) -> Response:
        found = await self._live.sheet(request.path_params["number"], request.path_params["sheet"])
        return _gone() if found is None else JSONResponse(asdict(found))

    async def file(self, request: Request) -> Response:
        file = self._live.file(request.path_params["number"], request.path_params["format"])
        if file is None:
            return _gone()
        shown = "inline" if file.format == "pdf" else "attachment"
        return FileResponse(
            path_of(file), filename=file.name, media_type=file.content_type, content_disposition_type=shown
        )

    async def _news(self) -> AsyncIterator[str]:
        version = -1
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not self._closing.is_set():
                news = asyncio.create_task(self._live.after(version))
                try:
                    await asyncio.wait({news, closing}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
                if news.done() and not news.cancelled():
                    view = news.result()
                    version = view.version
                    yield f"data: {json.dumps(view.as_json(), ensure_ascii=False)}\n\n"
        finally:
            closing.cancel()


def _gone() -> Response:
    return Response("It is not there any more.\n", status_code=404)


def _is_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= TEXT_CHARACTERS_MAX)


def _asset(name: str) -> bytes:
    return resources.files("reportd.preview").joinpath("assets", name).read_bytes()
