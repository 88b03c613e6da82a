"""What a report's own Python works with: the two hooks of `report.py`, and what they are given.

```python
from reportd import Context, Document, Results, Text

def fetch(ctx: Context):                       # asks for rows, in the snapshot that the .sql files see
    top = ctx.query("select region from orders where day <@ :period group by 1 order by sum(amount) desc limit 3")
    regions = [row["region"] for row in top]
    return {"orders": ctx.query("select * from orders where region = any(:regions)", regions=regions)}

def build(params, data: Results) -> Document:  # makes the document; without it every result is a table
    return data.document(data.kpis("totals"), data.table("orders", group="region", subtotal=["amount"]))
```

These are protocols: render children bring the classes. A hook that raises fails the job with file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from reportd.report.document import Chart, Document, Kpis, Section, Table, Text
from reportd.report.formats import Value


class Result(Protocol):
    """The rows of one query, on disk: iterate as often as you like, memory holds one row.

    A row is a dict in the order of the columns. Values are Python's: int, Decimal (also for floats), str, bool, date,
    datetime, time, None; other types are Postgres' text.
    """

    @property
    def columns(self) -> Mapping[str, str]:
        """The Postgres type of each column, in order: `{"region": "text", "amount": "numeric"}`."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[dict[str, Value]]: ...

    def one(self) -> dict[str, Value]:
        """The only row. Errors: ValueError if there is none, or more than one."""
        ...

    def column(self, name: str) -> list[Value]:
        """All values of one column, in memory. Errors: KeyError."""
        ...


class Results(Protocol):
    """Results by name: a report's `.sql` blocks and what its `fetch` returned. Makes a document's parts of them.

    A part's `name` defaults to the result's; formats, widths and totals come from the rows, as in a `.sql` report.
    Errors of the makers: KeyError for a name that is not there, ReportError for columns that don't fit.
    """

    @property
    def as_of(self) -> datetime:
        """When the snapshot was taken; aware."""
        ...

    def __getitem__(self, name: str) -> Result: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...

    def add(self, name: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> Result:
        """Keep computed rows under `name`; `columns` gives Postgres types (`{"month": "date", "share": "numeric"}`).

        Rows are written to disk as they come. None is NULL. Errors: ValueError for a name that is taken or a row that
        is not as long as `columns`.
        """
        ...

    def kpis(self, name: str, *, title: str = "") -> Kpis:
        """A band of tiles: a tile per column of a result with one row."""
        ...

    def bar(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        """A bar chart; `x` defaults to the first column, `y` to the numeric ones."""
        ...

    def line(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        """A line chart, as `bar`."""
        ...

    def area(self, name: str, *, title: str = "", x: str | None = None, y: str | Sequence[str] = ()) -> Chart:
        """An area chart, as `bar`; several measures are stacked."""
        ...

    def pie(self, name: str, *, title: str = "", x: str | None = None, y: str | None = None) -> Chart:
        """A pie of one measure's shares; bars, and a note, where there are too many slices or values below zero."""
        ...

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
        """A table of all rows; `total` defaults to the columns whose sum means something.

        Rows are sorted by `group`; `running` adds each column's sum so far.
        """
        ...

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
        """A cross-tab: a line per value of `rows`, a column per value of `columns`.

        `agg` is sum, avg, min, max or count.
        """
        ...

    def text(self, name: str, *, title: str = "") -> Text:
        """Paragraphs from a result with one column."""
        ...

    def document(
        self, *sections: Section, title: str | None = None, subtitle: str | None = None, description: str | None = None
    ) -> Document:
        """The document of `sections`, in this order; without any: the `.sql` blocks as declared, the rest as tables.

        What is not given comes from `report.toml` and the job.
        """
        ...


class Context(Protocol):
    """What `fetch` is given."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The job's parameters as Python values: a daterange is a Period with `start` and `end`, a list a tuple."""
        ...

    @property
    def data(self) -> Results:
        """What the `.sql` files gave."""
        ...

    def query(self, sql: str, /, **params: Any) -> Result:
        """Run one SELECT in the report's snapshot. `:name` is bound to `params`, else to the job's parameter.

        Values: None, bool, int, float, Decimal, str, date, datetime, time, UUID, and lists of one of these for
        `= any(:name)`. What the report reads counts against `fetch.rows_max` and `fetch.bytes_max`. After
        60 s without a query the server ends the snapshot: compute in `build`.
        Errors: QueryError with the line of `report.py`, QueryInterrupted, LimitExceeded; TypeError for other values.
        """
        ...
