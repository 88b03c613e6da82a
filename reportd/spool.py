"""The spool: what a job's queries returned, on disk, as COPY wrote it. One directory per job, one CSV per block.

Layout: `<block>.csv` (RFC 4180 without a header line; NULL is nothing, the empty string is `""`) and `manifest.json`,
written last, so that a directory with a manifest is whole. The daemon writes (`fetch`), render children only read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class SpoolColumn:
    """A column as the server described it: `type` is `format_type`'s name without its modifier (`numeric`, `text[]`)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Spooled:
    """One query's result. `file` is relative to the dataset's directory; `sha256` is of the file's bytes."""

    name: str
    file: str
    columns: tuple[SpoolColumn, ...]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """All results of one job, read in one snapshot at `as_of`, text forms in `timezone`."""

    directory: Path
    as_of: datetime
    timezone: str
    report_sha256: str
    params: Mapping[str, object]
    blocks: Mapping[str, Spooled]

    @property
    def sha256(self) -> str:
        """Hex digest that covers every block's name and bytes."""
        digest = hashlib.sha256()
        for name, spooled in sorted(self.blocks.items()):
            digest.update(f"{name}\0{spooled.sha256}\0".encode())
        return digest.hexdigest()

    def path(self, block: str) -> Path:
        """Where `block`'s rows are."""
        return self.directory / self.blocks[block].file

    def manifest(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(
            {
                "as_of": self.as_of.isoformat(),
                "timezone": self.timezone,
                "report_sha256": self.report_sha256,
                "params": self.params,
                "blocks": [
                    {
                        "name": block.name,
                        "file": block.file,
                        "columns": [[column.name, column.type] for column in block.columns],
                        "rows": block.rows,
                        "bytes": block.bytes,
                        "sha256": block.sha256,
                    }
                    for block in self.blocks.values()
                ],
            },
            ensure_ascii=False,
            indent=1,
        )


def load(directory: Path) -> Dataset:
    """The dataset in `directory`. Errors: FileNotFoundError without a manifest (never written, or half-written)."""
    raw = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    return Dataset(
        directory=directory,
        as_of=datetime.fromisoformat(raw["as_of"]),
        timezone=raw["timezone"],
        report_sha256=raw["report_sha256"],
        params=raw["params"],
        blocks={
            block["name"]: Spooled(
                name=block["name"],
                file=block["file"],
                columns=tuple(SpoolColumn(*column) for column in block["columns"]),
                rows=block["rows"],
                bytes=block["bytes"],
                sha256=block["sha256"],
            )
            for block in raw["blocks"]
        },
    )
