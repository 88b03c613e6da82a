"""Reads the report directories again: when SIGHUP asks for it, and while an author works on them."""

from __future__ import annotations

import asyncio

from reportd.kinds.shelf import Shelf


class Reloader:
    """Brings `shelf` up to date. `watch` looks for changed files at every step; without it only `order` counts."""

    def __init__(self, shelf: Shelf, *, watch: bool) -> None:
        self.wake = asyncio.Event()
        self._shelf = shelf
        self._watch = watch
        self._ordered = False

    def order(self) -> None:
        """Reload at once, whatever the files' dates say."""
        self._ordered = True
        self.wake.set()

    async def step(self) -> None:
        """Reload if that is due. Errors: DatabaseUnavailable; the next step tries again."""
        if self._ordered or (self._watch and await self._shelf.settled_change()):
            self._ordered = True
            await self._shelf.reload()
            self._ordered = False
