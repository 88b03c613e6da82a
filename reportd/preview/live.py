"""What an author sees, and the loop that makes it anew: at every save, and whenever a parameter is changed.

One making at a time; what is saved or typed meanwhile breaks it off. While a report is broken, what was made of it last
stays in sight beside the error.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reportd import fetch, plugins
from reportd.errors import ReportdError
from reportd.job import Artifact, Step
from reportd.loops import every
from reportd.plugins import Broken, LoadedReport, Watch
from reportd.press import Press
from reportd.preview import form, pages, sheet
from reportd.preview.sheet import Sheet
from reportd.preview.trouble import Trouble, trouble
from reportd.preview.view import Made, View
from reportd.progress import Progress
from reportd.report.definition import Report
from reportd.report.locales import locale_of
from reportd.report.params import Params, resolve
from reportd.spool import read

FORMATS = ("pdf", "xlsx")
PAGES_MAX = 200
"""Pages that are shown; the file has them all."""

LOOK_S = 0.05
"""How often the files are looked at: a save is taken up once two looks agree."""

# A browser may still ask for pictures of what has just been replaced.
_KEPT = 3


class Live:
    """The report at `path`, called `shown`, as it is now. `tell` hears how each making ended, for a terminal."""

    def __init__(self, path: Path, press: Press, *, shown: str, tell: Callable[[View], None]) -> None:
        self._path = path
        self._press = press
        self._tell = tell
        self._loaded: LoadedReport | None = None
        self._report: Report | None = None
        self._texts: Mapping[str, str] = {}
        # The defaults that queries gave so far.
        self._found: Mapping[str, Any] = {}
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._kept: list[Made] = []
        self._number = 0
        missing = {name: why for name, why in press.parts.render.unusable.items() if name in FORMATS}
        self.view = View(0, path.stem, path.stem, shown, missing=missing)

    async def run(self) -> None:
        """Look at the files, and make what is wanted, until cancelled."""
        watch = Watch([self._path])
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(every(LOOK_S, lambda: self._look(watch)))
            group.create_task(self._work())

    async def after(self, version: int) -> View:
        """The view, as soon as it is a later one than `version`."""
        while self.view.version <= version:
            await self._news.wait()
        return self.view

    def enter(self, texts: Mapping[str, str | None]) -> None:
        """Take what the fields of the form hold, None for one that stays as it was, and make the report with it."""
        kept = {name: self._texts.get(name, "") for name, text in texts.items() if text is None}
        self._texts = {name: text for name, text in texts.items() if text is not None} | kept
        self._wanted.set()

    def file(self, number: int, format: str) -> Artifact | None:
        """What making `number` made in `format`, if it is still there."""
        return next((made.files.get(format) for made in self._kept if made.number == number), None)

    async def picture(self, number: int, page: int, *, width: int) -> bytes | None:
        """A page of making `number` as a PNG of `width` pixels; None: it is not there."""
        with suppress(FileNotFoundError):  # two makings later
            if file := self.file(number, "pdf"):
                return await pages.picture(path_of(file), page, width=width)
        return None

    async def sheet(self, number: int, place: int) -> Sheet | None:
        """A sheet of making `number`; None: it is not there."""
        with suppress(FileNotFoundError):
            if file := self.file(number, "xlsx"):
                return await asyncio.to_thread(sheet.read, path_of(file), place, locale_of(self._locale))
        return None

    @property
    def _locale(self) -> str:
        own = self._report.locale if self._report else None
        return own or self._press.config.reports.locale

    # -- the files

    async def _look(self, watch: Watch) -> None:
        if await watch.settled_change():
            await watch.reading()
            await self._load()

    async def _load(self) -> None:
        """Read the report again, and want it made if it has changed."""
        loaded = await asyncio.to_thread(plugins.load, self._path)
        if self._loaded is not None and _version(loaded) == _version(self._loaded):
            return
        self._loaded = loaded
        if not isinstance(loaded, Broken):
            self._report = loaded
        self._wanted.set()

    # -- the makings

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            work, newer = asyncio.create_task(self._make()), asyncio.create_task(self._wanted.wait())
            try:
                await asyncio.wait({work, newer}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                newer.cancel()
                work.cancel()
                # Until its process is gone; what it raised on its own comes out below.
                await asyncio.wait({work, newer})
            if not work.cancelled():
                work.result()

    async def _make(self) -> None:
        began = time.monotonic()
        self._number += 1
        self._show(busy=Step.INITIALIZING)
        found: Trouble | None = None
        made = self.view.made
        try:
            made = await self._made(began)
        except ReportdError as error:
            found = await asyncio.to_thread(trouble, error, self._path)
        self._show(busy=None, trouble=found, made=made)
        self._tell(self.view)

    async def _made(self, began: float) -> Made:
        assert self._loaded is not None
        if isinstance(self._loaded, Broken):
            raise self._loaded.error
        report, press, number = self._loaded, self._press, self._number
        choices = await self._choices(report)
        texts = {p.name: text for p in report.params if not p.secret and (text := self._texts.get(p.name))}
        fields = form.fields(report.params, choices, self._found)
        self._show(name=report.name, title=report.title, fields=fields, texts=texts)
        given = form.given(report.params, self._texts)
        progress = _Told(lambda step: self._show(busy=step))
        formats = [format for format in FORMATS if format not in self.view.missing]
        completed = await press.make(report, given, formats=formats, number=number, progress=progress)
        found = completed.result.get("defaults", {})
        # One that is typed over is asked of nobody; its field says what it was.
        self._found = {**self._found, **found}
        self._show(fields=form.fields(report.params, choices, self._found))
        made = Made(
            number,
            time.monotonic() - began,
            progress.usage()["steps_s"],
            as_of=completed.result["as_of"],
            rows=max((file.rows or 0 for file in completed.artifacts), default=0),
            means=self._means(report, {**found, **given}),
            files={file.format: file for file in completed.artifacts},
        )
        if "pdf" in made.files:
            count, sizes = await pages.sizes(path_of(made.files["pdf"]), first=PAGES_MAX)
            made = replace(made, pages=count, sizes=sizes)
        if "xlsx" in made.files:
            made = replace(made, sheets=await asyncio.to_thread(sheet.names, path_of(made.files["xlsx"])))
        self._kept.append(made)
        while len(self._kept) > _KEPT:
            for file in self._kept.pop(0).files.values():
                await press.parts.store.delete(file.uri)
        return made

    def _means(self, report: Report, given: Mapping[str, Any]) -> dict[str, str]:
        """What the values came to, in words, by parameter: `last month` is October 2026."""
        resolved = self._resolved(report, given)
        names = [param.name for param in report.params if resolved.typed[param.name] is not None]
        return dict(zip(names, (words for _, words in resolved.described(self._locale)), strict=True))

    async def _choices(self, report: Report) -> dict[str, tuple[str, ...]]:
        """What the database offers for the parameters that say so by a query; nothing where it can't be asked yet."""
        asked = {param.name: param.choices_block for param in report.params if param.choices_block}
        if not asked:
            return {}
        parts = self._press.parts
        open_ = replace(report, params=tuple(replace(param, required=False) for param in report.params))
        directory = parts.spool / f"choices-{self._number}"
        try:
            known = {name: value for name, value in self._found.items() if any(p.name == name for p in open_.params)}
            params = self._resolved(open_, {**known, **form.given(open_.params, self._texts)})
            only = replace(open_, blocks=tuple(asked.values()))
            zone = report.timezone or parts.settings.timezone
            dataset = await fetch.fetch(
                parts.source, only, params, directory=directory, timezone=zone, limits=parts.limits
            )
            return {
                name: tuple(row[0] for row in read(dataset.path(block.name)) if row[0] is not None)
                for name, block in asked.items()
            }
        except ReportdError:
            return {}  # the making says it, with its place
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True))

    def _resolved(self, report: Report, given: Mapping[str, Any]) -> Params:
        zone = report.timezone or self._press.config.reports.timezone
        return resolve(report.params, given, now=datetime.now(UTC), timezone=zone)

    def _show(self, **changes: Any) -> None:
        self.view = replace(self.view, version=self.view.version + 1, **changes)
        news, self._news = self._news, asyncio.Event()
        news.set()


class _Told(Progress):
    """A progress that says each step as it is entered."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        super().__init__()
        self._say = tell

    def enter(self, step: Step, message: str | None = None) -> None:
        super().enter(step, message)
        self._say(step)


def path_of(file: Artifact) -> Path:
    """Where a stored file is."""
    return Path(unquote(urlsplit(file.uri).path))


def _version(loaded: LoadedReport) -> str:
    return loaded.error.message if isinstance(loaded, Broken) else loaded.source.sha256
