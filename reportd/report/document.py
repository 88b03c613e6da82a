"""The document model: what every renderer gets, and all that it gets. Values only, no I/O.

A `Table` or `Chart` names the spool file that holds its rows; long data is never in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from reportd.report.definition import Specification, Template
from reportd.report.theme import Theme

FormatKind = Literal[
    "text", "integer", "number", "percent", "date", "time", "datetime", "boolean", "link", "identifier"
]
Align = Literal["left", "right", "center"]
ChartKind = Literal["bar", "line", "area", "pie"]
Mark = Literal["warn", "good"]
Aggregate = Literal["sum", "avg", "min", "max", "count", "given"]
"""How a column adds up; `given`: it was computed elsewhere, and no sheet could compute it from the cells."""
PIE_SLICES_MAX = 6
"""More parts of a whole can't be told apart by colour or angle."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a column's values are shown, in every output alike.

    `identifier` is a number without separators or total (ids, years, phone numbers). `percent` values are fractions.
    `decimals` holds for number and percent; `unit` is a currency sign that stands with every number;
    `timezone` (IANA) for datetime columns made from timestamptz, else None.
    """

    kind: FormatKind
    decimals: int = 0
    timezone: str | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Cells whose value stands in `operator` (`< <= > >= = !=`) to `operand` have `mark`."""

    mark: Mark
    operator: str
    operand: Decimal | str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or chart.

    `index` is the position in the spooled row; `type` is the Postgres type's name (`numeric`, `int8`, `text[]`);
    `total` is the exact sum over all rows where the column is summed, else None (`aggregate` says if it is something
    else than a sum); `hidden` columns stand in the data formats alone; `width` is the natural width in
    characters of the formatted values and the title (the 98th percentile of a sample for text).
    """

    name: str
    title: str
    index: int
    type: str
    format: Format
    align: Align
    width: int
    total: Decimal | None = None
    nulls: int = 0
    aggregate: Aggregate = "sum"
    conditions: tuple[Condition, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Spooled rows: CSV as COPY wrote it, no header line. `count` is exact; `sha256` is of the file's bytes."""

    path: str
    count: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that its author describes, over the rows of `sources`; `title` stands above it, and not in it."""

    specification: Specification
    sources: tuple[PictureSource, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Rows that a picture draws: of the block `name`; `columns` are names, `types` and `titles` go with them."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    titles: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Kpi:
    """One tile: `value` is the number or text to show large; `delta` a signed change against `delta_label`."""

    label: str
    value: Decimal | int | str | datetime | None
    format: Format
    delta: Decimal | None = None
    delta_format: Format | None = None
    delta_label: str | None = None


@dataclass(frozen=True, slots=True)
class Kpis:
    """A band of tiles."""

    name: str
    title: str
    items: tuple[Kpi, ...]
    columns: tuple[Column, ...] = ()
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over spooled rows: `x` one column, `y` one or more numeric columns, in the rows' own order.

    A `pie` has one `y`, 1 to PIE_SLICES_MAX rows, and no value below zero. `note` is a sentence to print below. On
    pages `picture` stands in its place.
    """

    name: str
    kind: ChartKind
    title: str
    x: Column
    y: tuple[Column, ...]
    rows: Rows
    columns: tuple[Column, ...] = ()
    note: str = ""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table over spooled rows. A change in one of `groups`, the widest first, starts a new group, in which the
    `subtotal` columns are summed; `named` subtotals repeat what the group is called. `shown` is what stands on pages
    in its place, if that is another table; `picture` is drawn above it. `keys` are the first columns of a cross-tab,
    the widest first: what the row before has in all but the last of them is not said again on a page.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Rows
    groups: tuple[Column, ...] = ()
    subtotal: tuple[Column, ...] = ()
    named: bool = True
    shown: Table | None = None
    keys: tuple[Column, ...] = ()
    picture: Picture | None = None

    @property
    def group(self) -> Column | None:
        """The column of the widest groups."""
        return self.groups[0] if self.groups else None

    @property
    def totals(self) -> bool:
        """Whether the table ends in a line of totals."""
        return self.rows.count > 1 and any(column.total is not None for column in self.columns)


@dataclass(frozen=True, slots=True)
class Data:
    """Rows that only the data formats carry (`@data`); pages have the `picture` of them, if there is one."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Rows
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Prose, a paragraph at a time. `columns` and `rows` are the query's that it came from, if any."""

    name: str
    title: str
    paragraphs: tuple[str, ...]
    columns: tuple[Column, ...] = ()
    rows: Rows | None = None


Section = Kpis | Chart | Table | Text | Data


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the document's numbers come from; printed into every file's metadata.

    `params` are the resolved values as JSON; `data_sha256` covers every spool file, `report_sha256` the report's text,
    `sql_sha256` its queries alone.
    """

    report: str
    report_sha256: str
    data_sha256: str
    params: Mapping[str, object]
    version: str
    job: int | None = None
    sql_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A finished document, ready for any renderer.

    `as_of` is the snapshot's time (aware); `timezone` (IANA) and `locale` (`en`, `de-AT`) say how values are written;
    `filters` are (label, value in words) of the parameters, in the order declared; `template` is the report's own page.
    """

    title: str
    as_of: datetime
    timezone: str
    locale: str
    sections: tuple[Section, ...]
    provenance: Provenance
    subtitle: str | None = None
    description: str | None = None
    author: str | None = None
    confidentiality: str | None = None
    paper: Literal["A4", "Letter"] = "A4"
    filters: tuple[tuple[str, str], ...] = field(default=())
    attach: Literal["csv"] | None = None
    theme: Theme = field(default_factory=Theme)
    template: Template | None = None

    @property
    def tables(self) -> tuple[Table | Data, ...]:
        """The sections whose rows the data formats carry: every table, then every `@data`."""
        return tuple(s for s in self.sections if isinstance(s, Table)) + tuple(
            s for s in self.sections if isinstance(s, Data)
        )

    @property
    def origin(self) -> dict[str, object]:
        """All that it takes to make the same file again and to hold this one against it, as JSON values.

        `blocks` has the rows of each section and the digest of its spool file. Secret parameters are not in it.
        """
        told = self.provenance
        return {
            "report": told.report,
            "title": self.title,
            "as_of": self.as_of.isoformat(),
            "timezone": self.timezone,
            "locale": self.locale,
            "params": dict(told.params),
            "job": told.job,
            "version": told.version,
            "report_sha256": told.report_sha256,
            "sql_sha256": told.sql_sha256,
            "data_sha256": told.data_sha256,
            "blocks": {
                section.name: {"rows": section.rows.count, "sha256": section.rows.sha256}
                for section in self.sections
                if section.rows is not None
            },
        }

    @property
    def rows(self) -> int:
        """How many data rows the document has: those of its tables; tiles and charts are views of them."""
        return sum(table.rows.count for table in self.tables)
