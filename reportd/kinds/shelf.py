"""What this daemon can run now: the reports as they were last read, and kinds that don't change while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from reportd import plugins
from reportd.db import kinds, workers
from reportd.db.session import session
from reportd.errors import ConfigError
from reportd.kinds import catalogue
from reportd.kinds.catalogue import Loaded
from reportd.kinds.kind import Kind, Offered
from reportd.pipeline import Parts
from reportd.plugins import Broken

log = structlog.get_logger()


class Shelf:
    """The kinds by name, in one mapping that the queue reads at every claim and `reload` changes in place.

    A job that runs keeps the version of its report that it began with.
    """

    def __init__(
        self,
        loaded: Sequence[Loaded],
        installed: Sequence[Offered],
        *,
        own: Mapping[str, Kind],
        directories: Sequence[Path],
        parts: Parts,
        timezone: str,
    ) -> None:
        self._directories = directories
        self._parts = parts
        self._timezone = timezone
        self._loaded = list(loaded)
        self._dropped: set[str] = set()
        self._worker: int | None = None
        taken = {report.name for report in loaded}
        self._installed = [each for each in installed if each.name not in taken]
        self._fixed = {each.name: each.kind for each in self._installed} | dict(own)
        self._watch = plugins.Watch(directories)
        self.kinds: dict[str, Kind] = self._fixed | catalogue.runnable(loaded, parts)

    def adopt(self, parts: Parts, *, directories: Sequence[Path], timezone: str) -> None:
        """Make documents with `parts` of the reports in `directories` from the next `reload` on."""
        self._parts = parts
        self._timezone = timezone
        if list(directories) != list(self._directories):
            self._directories = directories
            self._watch = plugins.Watch(directories)

    async def announce(self, worker: int) -> None:
        """Tell the database, in the name of `worker`, what can be ordered."""
        self._worker = worker
        await catalogue.announce(
            self._parts.queue,
            self._loaded,
            installed=self._installed,
            dropped=self._dropped,
            channels=self._parts.channels,
            worker=worker,
            timezone=self._timezone,
        )

    async def settled_change(self) -> bool:
        """Whether the report directories differ from what was read, and have stood still since the last look."""
        return await self._watch.settled_change()

    async def reload(self) -> None:
        """Read all reports again and announce what changed. What can't be read is a broken kind, as at the start.

        Errors: DatabaseUnavailable; the new reports are run all the same, and the next call announces them.
        """
        await self._watch.reading()
        try:
            loaded = await catalogue.load(self._directories, source=self._parts.source)
        except ConfigError as error:
            log.error("reports.unreadable", error=error.message)
            return
        before, after = _versions(self._loaded), _versions(loaded)
        gone = before.keys() - after.keys()
        self._loaded = loaded
        self._dropped = (self._dropped | gone) - after.keys()
        fresh = self._fixed | catalogue.runnable(loaded, self._parts)
        # In place and without a pause in between: a claim sees the old kinds or the new ones.
        self.kinds.clear()
        self.kinds.update(fresh)
        changed = sorted(name for name, version in after.items() if before.get(name) != version)
        log.info("reports.reloaded", changed=changed, dropped=sorted(gone))
        if self._worker is not None:
            async with session(self._parts.queue) as conn:
                await workers.set_kinds(conn, worker=self._worker, kinds=sorted(self.kinds))
            await self.announce(self._worker)
            async with session(self._parts.queue) as conn:
                await kinds.retire(conn, sorted(self._dropped - self.kinds.keys()), worker=self._worker)


def _versions(loaded: Sequence[Loaded]) -> dict[str, str]:
    """Each report's version: a digest of its text, or what is wrong with it."""
    return {each.name: each.error.message if isinstance(each, Broken) else each.source.sha256 for each in loaded}
