"""`reportd.templates`: presets of reports, as their files declare them. Rows made by SQL are left alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.report.definition import DeclaredTemplate

QUERIES = queries.load("templates")


@dataclass(frozen=True, slots=True)
class Declared:
    """What `declare` did, by name; `taken` are names that another has already: those declarations have no effect.

    The other is a row made by SQL, or a report of this very list.
    """

    changed: Sequence[str]
    retired: Sequence[str]
    taken: Sequence[str]


async def declare(conn: Connection, declared: Mapping[str, Sequence[DeclaredTemplate]], *, worker: int) -> Declared:
    """Bring the templates of these reports (name → what its front matter declares) to what the files say.

    Those that such a report no longer declares are retired: jobs that name them are refused. Other reports' are left
    alone, and so is a row that a later started daemon wrote.
    """
    rows: dict[str, dict[str, Any]] = {}
    twice: list[str] = []
    for kind, templates in declared.items():
        for template in templates:
            if template.name in rows:
                twice.append(template.name)
            else:
                rows[template.name] = _declaration(kind, template)
    async with conn.transaction():
        changed = await QUERIES["declare"].rows(conn, worker=worker, templates=list(rows.values()))
        retired = await QUERIES["retire"].rows(conn, worker=worker, kinds=list(declared), names=list(rows))
        taken = await QUERIES["taken"].rows(conn, names=list(rows))
    return Declared(
        changed=[row["name"] for row in changed],
        retired=[row["name"] for row in retired],
        taken=[*twice, *(row["name"] for row in taken)],
    )


def _declaration(kind: str, template: DeclaredTemplate) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": template.name,
        "declared_in": kind,
        "title": template.title,
        "params": dict(template.params),
        "formats": list(template.formats) or None,
        "deliver": list(template.deliver),
    }
    digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
    return {**row, "declared_hash": digest.hexdigest()}
