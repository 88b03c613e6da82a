"""Query results as a report's own code sees them, and the parts of a document that it makes of them.

The classes behind the protocols of `reportd.report.authoring`, where the words for authors are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from reportd import spool
from reportd.render import build
from reportd.render.build import Frame
from reportd.report.blocks import NAME
from reportd.report.definition import Block, BlockKind
from reportd.report.document import Chart, Document, Kpis, Section, Table, Text
from reportd.report.formats import Value, parse
from reportd.spool import Dataset, SpoolColumn, Spooled


class QueryResult:
    """One spooled query, or computed rows; `spooled.file` is relative to `directory`, or absolute."""

    def __init__(self, spooled: Spooled, directory: Path) -> None:
        self.spooled = spooled
        self._path = directory / spooled.file

    @property
    def columns(self) -> Mapping[str, str]:
        return {column.name: column.type for column in self.spooled.columns}

    def __len__(self) -> int:
        return self.spooled.rows

    def __iter__(self) -> Iterator[dict[str, Value]]:
        columns = [(column.name, column.type) for column in self.spooled.columns]
        for row in spool.read(self._path):
            yield {name: parse(cell, kind) for (name, kind), cell in zip(columns, row, strict=True)}

    def one(self) -> dict[str, Value]:
        if len(self) != 1:
            raise ValueError(f"one row was expected, {len(self)} came")
        return next(iter(self))

    def column(self, name: str) -> list[Value]:
        if name not in self.columns:
            raise KeyError(f"{name!r}; the columns are {', '.join(self.columns)}")
        return [row[name] for row in self]


class ResultSet:
    """The results of one job by name. `frame` has what every document of it shares; `scratch` takes computed rows."""

    def __init__(self, frame: Frame, dataset: Dataset, *, scratch: Path, place: str) -> None:
        self._frame = frame
        # Computed rows join the one and not the other: a document's digest is of what the database said.
        self._fetched = self._dataset = dataset
        self._scratch = scratch
        self._place = place

    @property
    def as_of(self) -> datetime:
        return self._dataset.as_of

    def __getitem__(self, name: str) -> QueryResult:
        if name not in self._dataset.blocks:
            raise KeyError(f"{name!r}; there are {', '.join(self._dataset.blocks) or 'none'}")
        return QueryResult(self._dataset.blocks[name], self._dataset.directory)

    def __iter__(self) -> Iterator[str]:
        return iter(self._dataset.blocks)

    def __len__(self) -> int:
        return len(self._dataset.blocks)

    def add(self, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> QueryResult:
        if not re.fullmatch(NAME, name):
            raise ValueError(f"{name!r} can't name a result: lower-case letters, digits, _ and -, at most 63")
        if name in self._dataset.blocks:
            raise ValueError(f"there is a result {name!r} already")
        path = self._scratch / f"{name}.computed"
        count = 0
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                if len(row) != len(columns):
                    raise ValueError(f"row {count + 1} of {name!r} has {len(row)} values for {len(columns)} columns")
                file.write(",".join(map(_cell, row)) + "\n")
                count += 1
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        kinds = tuple(SpoolColumn(column, kind) for column, kind in columns.items())
        spooled = Spooled(name, str(path), kinds, count, path.stat().st_size, digest)
        self._dataset = replace(self._dataset, blocks={**self._dataset.blocks, name: spooled})
        return self[name]

    def kpis(self, name: str, *, title: str = "") -> Kpis:
        section = self._section("kpi", name, title)
        assert isinstance(section, Kpis)
        return section

    def bar(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        return self._chart("bar", name, title, x, y)

    def line(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        return self._chart("line", name, title, x, y)

    def area(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        return self._chart("area", name, title, x, y)

    def pie(self, name: str, *, title: str = "", x: str | None = None, y: str | None = None) -> Chart:
        return self._chart("pie", name, title, x, y or ())

    def table(
        self,
        name: str,
        *,
        title: str = "",
        group: str | Sequence[str] = (),
        subtotal: str | Sequence[str] = (),
        total: str | Sequence[str] = (),
        running: str | Sequence[str] = (),
    ) -> Table:
        section = self._section("table", name, title, group=group, subtotal=subtotal, total=total, running=running)
        assert isinstance(section, Table)
        return section

    def pivot(
        self,
        name: str,
        *,
        rows: str | Sequence[str],
        columns: str | Sequence[str],
        values: str | Sequence[str] = (),
        agg: str = "sum",
        title: str = "",
    ) -> Table:
        section = self._section("pivot", name, title, rows=rows, columns=columns, values=values, agg=agg)
        assert isinstance(section, Table)
        return section

    def text(self, name: str, *, title: str = "") -> Text:
        section = self._section("text", name, title)
        assert isinstance(section, Text)
        return section

    def document(
        self, *sections: Section, title: str | None = None, subtitle: str | None = None, description: str | None = None
    ) -> Document:
        frame = replace(
            self._frame,
            title=self._frame.title if title is None else title,
            subtitle=self._frame.subtitle if subtitle is None else subtitle,
            description=self._frame.description if description is None else description,
        )
        return frame.document(_told_apart(sections or self._all()), self._fetched)

    def _all(self) -> Iterator[Section]:
        """Every block of the report as declared, then whatever else there is as a table each."""
        declared = {block.name for block in self._frame.report.blocks}
        yield from build.sections(self._frame, self._dataset)
        yield from (self.table(name) for name in self if name not in declared)

    def _chart(self, kind: BlockKind, name: str, title: str, x: str | None, y: str | Sequence[str]) -> Chart:
        section = self._section(kind, name, title, x=x, y=[y] if isinstance(y, str) else y)
        assert isinstance(section, Chart)
        return section

    def _section(self, kind: BlockKind, name: str, title: str, **options: str | Sequence[str] | None) -> Section:
        self[name]  # raises KeyError with the names that there are
        given = {key: value if isinstance(value, str) else ",".join(value) for key, value in options.items() if value}
        block = Block(kind, name, title, "", 0, self._place, given)
        report = self._frame.report
        return build.section(
            block, self._dataset, locale=self._frame.locale, looks=report.columns, charts=report.charts
        )


def _told_apart(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections, each with a name of its own: one result may be both a chart and a table."""
    taken: set[str] = set()
    told: list[Section] = []
    for section in sections:
        if not isinstance(section, Section):
            raise TypeError(f"{type(section).__name__} is no part of a document")
        name = section.name
        number = 1
        while name in taken:
            number += 1
            name = f"{section.name}-{number}"
        taken.add(name)
        if number > 1 and isinstance(section, Chart | Table):
            section = replace(section, picture=None)  # it stands with the first
        told.append(replace(section, name=name))
    return tuple(told)


def _cell(value: object) -> str:
    """A value as COPY would write it in CSV: nothing for NULL, quotes where they are needed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
    return '"' + text.replace('"', '""') + '"' if not text or any(c in text for c in ',"\r\n') else text
