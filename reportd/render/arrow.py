"""Spooled texts to Arrow columns: which type holds every value of a column exactly, and the values as that type.

Importing this module loads pyarrow, which starts a thread and takes some 40 MB: only children that make Parquet do.
A column of which one value has no place in its type (an infinite date, a numeric NaN, 39 digits, a year BC) is text
from its first row to its last, as Postgres wrote it: nothing is rounded, nulled or dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from reportd import spool
from reportd.report.document import Column
from reportd.report.formats import canonical

_DIGITS_SHORT, _DIGITS_MAX = 18, 38
"""Decimals of up to 18 digits take eight bytes; more than 38 no reader but Arrow's own knows as decimals."""
_GROUP_BYTES = 8 << 20
_SIMPLE = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "oid": pa.uint32(),
    "real": pa.float32(),
    "double precision": pa.float64(),
}


class Conversion(ABC):
    """How one column is turned."""

    @property
    @abstractmethod
    def type(self) -> Any:
        """The Arrow type."""

    @abstractmethod
    def array(self, values: Sequence[str | None]) -> Any:
        """A batch of values as an Arrow array."""


def conversions(columns: Sequence[Column], path: str | None, *, timezone: str) -> list[Conversion]:
    """A conversion for each column of the spool at `path`, after a pass over it where types depend on the values."""
    made = [_conversion(canonical(column.type), timezone=timezone) for column in columns]
    curious = [(c.index, one) for c, one in zip(columns, made, strict=True) if isinstance(one, _Fitting)]
    if curious and path is not None:
        for batch in spool.read_columns(path):
            for index, one in curious:
                present = [value for value in batch[index] if value is not None]
                if present:
                    one.survey(present)
    return made


def schema(names: Iterable[str], columns: Sequence[Column], made: Sequence[Conversion]) -> Any:
    """The Arrow schema of columns called `names`; each field says which Postgres type it was."""
    return pa.schema(
        pa.field(name, one.type, metadata={"postgres": canonical(column.type)})
        for name, column, one in zip(names, columns, made, strict=True)
    )


def groups(columns: Sequence[Column], path: str | None, made: Sequence[Conversion], *, schema: Any) -> Iterator[Any]:
    """The rows of the spool at `path` as Arrow tables of some 8 MB."""
    held: list[Any] = []
    held_bytes = 0
    for batch in spool.read_columns(path) if path is not None else ():
        arrays = [one.array(batch[column.index]) for one, column in zip(made, columns, strict=True)]
        held.append(pa.record_batch(arrays, schema=schema))
        held_bytes += held[-1].nbytes
        if held_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, held_bytes = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _conversion(kind: str, *, timezone: str) -> Conversion:
    match kind:
        case "numeric":
            return _Decimals()
        case "boolean":
            return _Booleans()
        case "bytea":
            return _Bytes()
        case "date":
            return _Days()
        case "time without time zone":
            return _Clocks()
        case "timestamp without time zone":
            return _Moments(None)
        case "timestamp with time zone":
            return _Moments(timezone)
        case _:
            return _Cast(_SIMPLE.get(kind, pa.string()))


class _Cast(Conversion):
    """A type that Arrow itself reads from Postgres' texts."""

    def __init__(self, type: Any) -> None:
        self._type = type

    @property
    def type(self) -> Any:
        return self._type

    def array(self, values: Sequence[str | None]) -> Any:
        return pa.array(values, pa.string()).cast(self.type)


class _Fitting(Conversion):
    """A type that may not hold every value; then the column is text. `survey` sees them all before the first array."""

    wanted: Any

    def __init__(self) -> None:
        self.fits = True

    @abstractmethod
    def survey(self, values: Sequence[str]) -> None:
        """Look at a batch of values, none of them NULL."""

    @property
    def type(self) -> Any:
        return self.wanted if self.fits else pa.string()

    def array(self, values: Sequence[str | None]) -> Any:
        return self.typed(values) if self.fits else pa.array(values, pa.string())

    def typed(self, values: Sequence[str | None]) -> Any:
        """The values of a column in which all fit."""
        return pa.array(values, pa.string()).cast(self.type)


class _Decimals(_Fitting):
    """Exact decimals, of as many decimals as the column has at most."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = self._scale = 0

    def survey(self, values: Sequence[str]) -> None:
        joined = "".join(values)
        if "N" in joined or "I" in joined:  # NaN, Infinity
            self.fits = False
        parts = [value.partition(".") for value in values]
        self._whole = max(self._whole, *(len(whole.lstrip("-")) for whole, _, _ in parts))
        self._scale = max(self._scale, *(len(fraction) for _, _, fraction in parts))
        self.fits = self.fits and self._whole + self._scale <= _DIGITS_MAX

    @property
    def wanted(self) -> Any:
        return pa.decimal128(_DIGITS_SHORT if self._whole + self._scale <= _DIGITS_SHORT else _DIGITS_MAX, self._scale)


class _Booleans(Conversion):
    type = pa.bool_()

    def array(self, values: Sequence[str | None]) -> Any:
        return pa.array([None if value is None else value[0] == "t" for value in values], self.type)


class _Bytes(Conversion):
    type = pa.binary()

    def array(self, values: Sequence[str | None]) -> Any:
        return pa.array([None if value is None else bytes.fromhex(value[2:]) for value in values], self.type)


class _Days(_Fitting):
    wanted = pa.date32()

    def survey(self, values: Sequence[str]) -> None:
        # Infinite days, those BC and those past 9999 are shorter or longer.
        self.fits = self.fits and all(len(value) == 10 for value in values)


class _Clocks(_Fitting):
    wanted = pa.time64("us")

    def survey(self, values: Sequence[str]) -> None:
        self.fits = self.fits and not any(value.startswith("24") for value in values)

    def typed(self, values: Sequence[str | None]) -> Any:
        return pa.array([None if v is None else _microseconds(v) for v in values], pa.int64()).cast(self.wanted)


class _Moments(_Fitting):
    """Timestamps; those with a zone are instants, which readers show in `timezone`."""

    def __init__(self, timezone: str | None) -> None:
        super().__init__()
        self.wanted = pa.timestamp("us", timezone)

    def survey(self, values: Sequence[str]) -> None:
        # Infinite ones have no blank there, nor have those past 9999.
        self.fits = self.fits and all(value[10:11] == " " and value[-1] != "C" for value in values)

    def typed(self, values: Sequence[str | None]) -> Any:
        try:
            return super().typed(values)
        except pa.ArrowInvalid:  # local mean time: an offset of seconds
            return pa.array([None if v is None else datetime.fromisoformat(v) for v in values], self.wanted)


def _microseconds(clock: str) -> int:
    """Microseconds since midnight of `12:34:56.789`."""
    whole, _, fraction = clock.partition(".")
    hours, minutes, seconds = map(int, whole.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int(fraction.ljust(6, "0"))
