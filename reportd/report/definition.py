"""What a report is, once its file has been read: parameters, blocks, schedules. Values only; `sqlfile` makes them.

A report's text travels as `ReportSource` (file name → content), so that a render child, which knows no database and no
configuration, reads exactly the text that the daemon has read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from reportd.report.theme import Theme

ParamType = Literal["text", "int", "numeric", "bool", "date", "timestamp", "daterange", "uuid", "enum", "any"]
BlockKind = Literal["kpi", "table", "pivot", "bar", "line", "area", "pie", "text", "sub", "data"]
FORMATS_DEFAULT = ("pdf", "xlsx", "csv")


@dataclass(frozen=True, slots=True)
class ReportSource:
    """The text of a report: `name` is the kind's, `files` maps a file's name to its content, `path` is for messages.

    `assets` are its pictures and fonts, in base64.
    """

    name: str
    files: Mapping[str, str]
    path: str
    assets: Mapping[str, str] = field(default_factory=dict)

    @property
    def front(self) -> str:
        """The path of the file that has the front matter, for messages about it."""
        return f"{self.path}/report.toml" if "report.toml" in self.files else self.path

    @property
    def sha256(self) -> str:
        """Hex digest over names and contents; it names this version of the report."""
        digest = hashlib.sha256()
        for file, text in sorted({**self.files, **self.assets}.items()):
            digest.update(f"{file}\0{len(text)}\0{text}".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a report and the query that feeds it.

    `name` is unique in the report and names the spool file; `title` is empty where the file gives none; `sql` is the
    statement without its trailing semicolon, as written; `line` and `column` (from 1) are where it starts in the file;
    `options` are the `key=value` words, lists still with their commas.
    """

    kind: BlockKind
    name: str
    title: str
    sql: str
    line: int
    file: str
    options: Mapping[str, str] = field(default_factory=dict)
    column: int = 1


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `default`, `minimum`, `maximum` and `choices` are JSON values as the file wrote them.

    `choices_block` is the query whose first column has the choices of an enum, in place of `choices`, `default_block`
    the one whose first cell (for a list: first column) is the default, in place of `default`.

    A placeholder that nobody declared is a required parameter of type `any`: PREPARE decides its type. `line` (1-based)
    is where the file declares it, or first uses it.
    """

    name: str
    type: ParamType
    title: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: Any = None
    maximum: Any = None
    pattern: str | None = None
    many: bool = False
    secret: bool = False
    line: int = 0
    description: str | None = None
    choices_block: Block | None = None
    default_block: Block | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders this parameter gives; a range also gives its first instant and the one past its last."""
        if self.type == "daterange" and not self.many:
            return self.name, f"{self.name}_start", f"{self.name}_end"
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Code:
    """A report's own Python: `file` is its name in the source, `fetch` and `build` say whether it defines them."""

    file: str
    fetch: bool
    build: bool


@dataclass(frozen=True, slots=True)
class Translation:
    """What one of a report's `i18n` files says, by what it stands for; `path` is the file's, for messages."""

    path: str
    sentences: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """A report's own page: `files` are `template.html` and what it may include, `path` leads to their directory."""

    path: str
    files: Mapping[str, str]
    assets: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Specification:
    """A chart of the author's own, in Vega-Lite: `spec` is what the file's `text` says.

    It is shown with `block`, and draws the rows of the blocks in `names`; `file` is for messages.
    """

    file: str
    block: str
    text: str
    spec: Mapping[str, Any]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burst:
    """One document per row of `block`'s query: its columns give the values of `params`.

    With `split` the report's queries run once, and each document has the rows of one value of these columns; then
    there are no `params`, and without a `block` there is a document for each value. `deliver` and `name` (the
    document's title) may have the columns as placeholders. `line` is that of the table.
    """

    block: Block | None
    params: tuple[str, ...]
    name: str | None = None
    deliver: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """What the front matter says of every column called `name`; None where its type and values decide.

    `format` is a name that `formats.named` knows, or `hidden`; `total` is an aggregate or `none`; `warn` and `good` are
    conditions such as `< 0.10`.
    """

    name: str
    title: str | None = None
    format: str | None = None
    align: Literal["left", "right", "center"] | None = None
    width: int | None = None
    total: str | None = None
    warn: str | None = None
    good: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Delivering:
    """Where a report's files go, and on which condition; jobs and schedules that name targets of their own use those.

    `when` is a condition as `conditions` reads it, which holds for those targets too.
    """

    to: tuple[str, ...] = ()
    when: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class DeclaredSchedule:
    """A schedule as a report's front matter declares it; `name` is the report's name, or `report-key` for one of many.

    `timezone` is the schedule's own, else the report's, else None: the daemon's default holds. `template` may be the
    report's own or one made by SQL; `starts_at` and `ends_at` are aware.
    """

    name: str
    cron: str
    timezone: str | None
    params: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    deliver: tuple[str, ...] = ()
    template: str | None = None
    misfire: Literal["skip", "last", "all"] = "last"
    overlap: Literal["allow", "skip", "queue"] = "allow"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_active: bool = True
    line: int = 0


@dataclass(frozen=True, slots=True)
class DeclaredTemplate:
    """Preset params and output of a report under a name of their own; jobs and schedules that name it may say more."""

    name: str
    title: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    deliver: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A report that could be read. `timezone`, `locale`, `paper` are None where the daemon's defaults hold."""

    name: str
    title: str
    source: ReportSource
    blocks: tuple[Block, ...]
    params: tuple[Param, ...] = ()
    schedules: tuple[DeclaredSchedule, ...] = ()
    templates: tuple[DeclaredTemplate, ...] = ()
    subtitle: str | None = None
    description: str | None = None
    author: str | None = None
    confidentiality: str | None = None
    formats: tuple[str, ...] = FORMATS_DEFAULT
    timezone: str | None = None
    locale: str | None = None
    paper: Literal["A4", "Letter"] | None = None
    queue: str | None = None
    priority: int | None = None
    timeout_s: float | None = None
    max_rows: int | None = None
    code: Code | None = None
    deliver: Delivering | None = None
    columns: Mapping[str, ColumnLook] = field(default_factory=dict)
    burst: Burst | None = None
    retain_s: float | None = None
    attach: Literal["csv"] | None = None
    theme: Theme = field(default_factory=Theme)
    translations: Mapping[str, Translation] = field(default_factory=dict)
    template: Template | None = None
    charts: Mapping[str, Specification] = field(default_factory=dict)

    @property
    def queries(self) -> tuple[Block, ...]:
        """Every block with SQL of its own, those of the burst and of params included."""
        choices = tuple(block for param in self.params for block in (param.default_block, param.choices_block) if block)
        burst = (self.burst.block,) if self.burst and self.burst.block else ()
        return (*self.blocks, *choices, *burst)

    @property
    def sql_sha256(self) -> str:
        """Hex digest over the queries alone: a new theme or title changes the report's version, and not this."""
        digest = hashlib.sha256()
        for block in self.queries:
            digest.update(f"{block.name}\0{len(block.sql)}\0{block.sql}".encode())
        return digest.hexdigest()

    @property
    def orderable(self) -> tuple[Param, ...]:
        """The parameters as an order may give them: what a burst provides may be left out."""
        provided = self.burst.params if self.burst else ()
        return tuple(replace(param, required=False) if param.name in provided else param for param in self.params)
