"""The Postgres of a measurement: the embedded one, on a new directory, as durable as by default."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reportd.db.embedded import EmbeddedPostgres


@contextmanager
def server(**options: str) -> Iterator[tuple[str, Path]]:
    """Its DSN, and an empty directory beside it; both go at the end. `options` are server settings."""
    with tempfile.TemporaryDirectory(prefix="reportd-bench-") as name:
        parent = Path(name)
        parent.chmod(0o711)  # where root's server runs as nobody, nobody has to pass
        work = parent / "work"
        work.mkdir()
        with EmbeddedPostgres(parent / "pg", options=options) as dsn:
            yield dsn, work
