"""How a value is read and shown: name and Postgres type give a `Format`, and a `Format` shows a spooled text.

Every output uses these functions, so a value looks the same in a PDF, a web page and a sheet. Values come as Postgres'
own text with ISO dates; what Python has no type for (infinity, years before 1 or past 9999, NaN) stays text and is
shown as such, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from reportd.report.document import Align, Format
from reportd.report.locales import NO_BREAK_SPACE, Locale, locale_of

Value = int | Decimal | date | datetime | time | bool | str | None

MINUS = "\u2212"
NULL_SIGN = "\u2013"
INFINITY = "\u221e"

_ALIASES = {
    "int2": "smallint",
    "int4": "integer",
    "int": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "varchar": "character varying",
    "bpchar": "character",
    "decimal": "numeric",
}
_INTEGERS = {"smallint", "integer", "bigint", "oid"}
_DECIMALS = {"numeric", "real", "double precision"}
_TIMESTAMPS = {"timestamp with time zone", "timestamp without time zone"}
_TIMES = {"time without time zone", "time with time zone"}
_RIGHT_TYPES = _INTEGERS | _DECIMALS | {"money", "interval"}

_IDENTIFIER = re.compile(r"(.*_)?(id|no|nr|year|zip|phone|postcode|iban|isbn|ean)$", re.IGNORECASE)
_PERCENT = re.compile(r"(.*_)?(pct|percent|rate|share)$", re.IGNORECASE)
_LINK = re.compile(r"(.*_)?(url|link|href)$", re.IGNORECASE)
_ACRONYMS = {"id", "url", "kpi", "vat", "sku", "iban", "isbn", "ean", "gdp", "api", "ip", "ytd", "mtd"}
_UNITS = {unit.lower(): unit for unit in ("EUR", "USD", "GBP", "CHF", "kg", "km", "kWh", "MWh", "MB", "GB", "ms")}
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)
_EXPONENT_MAX = 350
_DIGITS_MAX = 21


def canonical(type_name: str) -> str:
    """`type_name` as `format_type` spells it without a modifier: `int8` → `bigint`, `numeric(12,2)` → `numeric`."""
    bare = re.sub(r"\s*\([^)]*\)", "", type_name).strip()
    array = bare.endswith("[]")
    name = _ALIASES.get(bare.removesuffix("[]"), bare.removesuffix("[]"))
    return f"{name}[]" if array else name


def format_for(name: str, type_name: str, *, timezone: str | None = None) -> Format:
    """How a column called `name` of a Postgres type is shown, before anybody has looked at its values.

    Decimals are a first guess (2 for fractional types, 1 for percent); `render.build` sets them from the values.
    `timezone` is the zone that timestamptz values are shown in.
    """
    kind = canonical(type_name)
    if kind in _INTEGERS or kind in _DECIMALS:
        if _IDENTIFIER.match(name):
            return Format("identifier")
        if _PERCENT.match(name):
            return Format("percent", decimals=1)
        return Format("integer") if kind in _INTEGERS else Format("number", decimals=2)
    if kind == "date":
        return Format("date")
    if kind in _TIMESTAMPS:
        return Format("datetime", timezone=timezone if kind == "timestamp with time zone" else None)
    if kind in _TIMES:
        return Format("time")
    if kind == "boolean":
        return Format("boolean")
    if _LINK.match(name):
        return Format("link")
    return Format("identifier") if _IDENTIFIER.match(name) else Format("text")


_CURRENCIES = {"eur": "€", "usd": "$", "gbp": "£", "chf": "CHF", "jpy": "¥"}
_NAMED: Mapping[str, Format] = {
    "int": Format("integer"),
    "id": Format("identifier"),
    "text": Format("text"),
    "link": Format("link"),
    "date": Format("date"),
    "datetime": Format("datetime"),
    "time": Format("time"),
    "bool": Format("boolean"),
    **{f"num{n}": Format("number", decimals=n) for n in range(7)},
    **{f"pct{n}": Format("percent", decimals=n) for n in range(5)},
    **{f"{code}{n}": Format("number", decimals=n, unit=sign) for code, sign in _CURRENCIES.items() for n in (0, 2)},
}
FORMAT_NAMES = (*_NAMED, "hidden")
"""What `format = "…"` may say; `hidden` is no format but leaves a column to the data formats."""


def named(name: str) -> Format | None:
    """The format that an author calls `name`, such as `eur0`, `pct1` or `date`; None: there is none."""
    return _NAMED.get(name)


def fits(format: Format, type_name: str) -> bool:
    """Whether values of a Postgres type can be shown in `format`."""
    kind = canonical(type_name)
    match format.kind:
        case "integer" | "number" | "percent":
            return kind in _INTEGERS or kind in _DECIMALS
        case "date":
            return kind == "date" or kind in _TIMESTAMPS
        case "datetime":
            return kind in _TIMESTAMPS
        case "time":
            return kind in _TIMES
        case "boolean":
            return kind == "boolean"
        case _:
            return True


def title_of(name: str) -> str:
    """A heading made of a name: `avg_order` → `Avg order`, `cost_eur` → `Cost (EUR)`; a label stays as written."""
    if name != name.lower() or " " in name:
        return name
    *words, last = [word for word in re.split(r"[_\-]+", name) if word] or [name]
    unit = _UNITS.get(last) if words else None
    shown = [w.upper() if w in _ACRONYMS else "%" if w in ("pct", "percent") else w for w in (*words, last)]
    if unit:
        shown[-1] = f"({unit})"
    title = " ".join(shown)
    return title[:1].upper() + title[1:]


def align_of(format: Format, type_name: str) -> Align:
    """Numbers right, all else left; a number that is only a name (an id, a year) stands right too."""
    if format.kind in ("integer", "number", "percent") or canonical(type_name) in _RIGHT_TYPES:
        return "right"
    return "left"


def parse(raw: str | None, type_name: str) -> Value:
    """A spooled text as a Python value of its Postgres type.

    bool, int, Decimal, date, datetime (aware for timestamptz), time, else the text itself. Infinity, NaN, dates outside
    years 1–9999 and `24:00:00` stay text.
    """
    return None if raw is None else _parser(canonical(type_name))(raw)


def display(raw: str | None, format: Format, locale: str) -> str:
    """A spooled text as a reader sees it; NULL is an en dash, zero is 0, a minus is U+2212."""
    return displayer(format, locale)(raw)


@lru_cache(maxsize=512)
def displayer(format: Format, locale: str) -> Callable[[str | None], str]:
    """`display` with its format and locale fixed, for the rows of a column."""
    show = _shower(format, locale_of(locale))

    def shown(raw: str | None) -> str:
        return NULL_SIGN if raw is None else show(raw)

    return shown


def display_number(value: Decimal | int, format: Format, locale: str) -> str:
    """A number that was computed here (a total, a delta), shown as its column's values are."""
    return displayer(format, locale)(f"{value:f}" if isinstance(value, Decimal) else str(value))


def display_date(day: date, locale: str, *, padded: bool = True) -> str:
    """A day in the locale's order: `02 Oct 2026` (in a column), `2 Oct 2026` (in a sentence), `02.10.2026`."""
    habits = locale_of(locale)
    shown = _day(f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}", habits)
    return shown if padded or "{mon}" not in habits.date else re.sub(r"(^|\s)0(\d)", r"\1\2", shown)


def display_datetime(moment: datetime, locale: str, *, zone: bool = False) -> str:
    """A moment to the minute, in the zone it carries; `zone` adds the zone's abbreviation."""
    name = f" {moment.tzname()}" if zone and moment.tzinfo is not None else ""
    return f"{display_date(moment.date(), locale, padded=False)} {_clock(moment.time(), locale_of(locale))}{name}"


def excel_number_format(format: Format, locale: str) -> str:
    """The sheet's number format that shows what `display` shows; Excel itself puts the reader's separators in."""
    habits = locale_of(locale)
    match format.kind:
        case "integer":
            return _signed("#,##0")
        case "number":
            return _signed(_with_unit("#,##0" + _fraction(format.decimals), format.unit, habits, quote='"'))
        case "percent":
            gap = f'"{habits.percent}"' if habits.percent else ""
            return _signed(f"0{_fraction(format.decimals)}{gap}%")
        case "identifier":
            return "0"
        case "date":
            return habits.excel_date
        case "datetime":
            return f"{habits.excel_date} {_excel_clock(habits)}"
        case "time":
            return _excel_clock(habits)
        case "boolean":
            return "General"
        case "text" | "link":
            return "@"


def _with_unit(number: str, unit: str, habits: Locale, *, quote: str = "") -> str:
    """`€1,234` where English is written, `1.234 €` elsewhere; a code of letters always stands apart."""
    if not unit:
        return number
    sign = f"{quote}{unit}{quote}"
    if habits.language in ("en", "nl"):
        return f"{sign}{NO_BREAK_SPACE}{number}" if unit.isalpha() else f"{sign}{number}"
    return f"{number}{NO_BREAK_SPACE}{sign}"


def _fraction(decimals: int) -> str:
    return "." + "0" * decimals if decimals else ""


def _signed(positive: str) -> str:
    return f'{positive};"{MINUS}"{positive}'


def _excel_clock(habits: Locale) -> str:
    return "hh:mm" if habits.clock24 else "h:mm AM/PM"


def _shower(format: Format, habits: Locale) -> Callable[[str], str]:
    match format.kind:
        case "integer" | "number" | "percent":
            return _number_shower(format, habits)
        case "date":
            return _date_shower(habits, format.timezone)
        case "datetime":
            return _datetime_shower(habits, format.timezone)
        case "time":
            return lambda raw: _show_time(raw, habits)
        case "boolean":
            yes, no = habits.words["yes"], habits.words["no"]
            return lambda raw: yes if raw in ("t", "true") else no if raw in ("f", "false") else raw
        case "identifier":
            return lambda raw: MINUS + raw[1:] if raw.startswith("-") and raw[1:].isdigit() else raw
        case "text" | "link":
            return lambda raw: raw


def _number_shower(format: Format, habits: Locale) -> Callable[[str], str]:
    decimals, percent = format.decimals if format.kind != "integer" else 0, format.kind == "percent"
    step = Decimal(1).scaleb(-decimals)
    sign = f"{habits.percent}%" if percent else ""
    group, point = habits.group, habits.decimal
    with_unit = partial(_with_unit, unit=format.unit, habits=habits)

    def show(raw: str) -> str:
        value = _decimal(raw)
        if isinstance(value, str):
            return _show_special(value)
        if value.adjusted() > _DIGITS_MAX:  # no column is that wide
            return f"{value:.3E}".replace("-", MINUS).replace(".", point)
        if percent:
            value = _EXACT.multiply(value, Decimal(100))
        value = value.quantize(step, context=_EXACT)
        digits = f"{abs(value):,f}"
        if group != "," or point != ".":
            whole, _, fraction = digits.partition(".")
            digits = whole.replace(",", group) + (point + fraction if fraction else "")
        return f"{MINUS if value < 0 else ''}{with_unit(digits)}{sign}"

    return show


def _date_shower(habits: Locale, timezone: str | None = None) -> Callable[[str], str]:
    zone = ZoneInfo(timezone) if timezone else None

    def show(raw: str) -> str:
        if len(raw) > 10 and not isinstance(moment := _timestamp(raw), str):  # the day of a timestamp
            raw = (moment.astimezone(zone) if zone and moment.tzinfo else moment).date().isoformat()
        if len(raw) != 10 or raw[4] != "-":
            return _show_special(raw)
        return _day(raw[:4], raw[5:7], raw[8:], habits)

    return show


def _day(y: str, mm: str, dd: str, habits: Locale) -> str:
    return habits.date.format(y=y, mm=mm, dd=dd, mon=habits.months[int(mm) - 1] if habits.months else "")


def _datetime_shower(habits: Locale, timezone: str | None) -> Callable[[str], str]:
    day = _date_shower(habits)
    zone = ZoneInfo(timezone) if timezone else None

    def show(raw: str) -> str:
        value = _timestamp(raw)
        if isinstance(value, str):
            return _show_special(value)
        if zone is not None and value.tzinfo is not None:
            try:
                value = value.astimezone(zone)
            except OverflowError:  # the first or last day of Python's calendar
                return raw
        return f"{day(value.date().isoformat())} {_clock(value.time(), habits)}"

    return show


def _show_time(raw: str, habits: Locale) -> str:
    value = _time(raw)
    return value if isinstance(value, str) else _clock(value, habits)


def _clock(value: time, habits: Locale) -> str:
    if habits.clock24:
        return f"{value.hour:02d}:{value.minute:02d}"
    return f"{(value.hour + 11) % 12 + 1}:{value.minute:02d} {'am' if value.hour < 12 else 'pm'}"


def _show_special(raw: str) -> str:
    match raw.lower():
        case "infinity":
            return INFINITY
        case "-infinity":
            return MINUS + INFINITY
        case _:
            return raw


def _parser(kind: str) -> Callable[[str], Value]:
    if kind in _INTEGERS:
        return _integer
    if kind in _DECIMALS:
        return _decimal
    if kind == "date":
        return _date
    if kind in _TIMESTAMPS:
        return _timestamp
    if kind in _TIMES:
        return _time
    if kind == "boolean":
        return lambda raw: True if raw in ("t", "true") else False if raw in ("f", "false") else raw
    return lambda raw: raw


def _integer(raw: str) -> int | str:
    try:
        return int(raw)
    except ValueError:
        return raw


def _decimal(raw: str) -> Decimal | str:
    try:
        value = Decimal(raw)
    except InvalidOperation:
        return raw
    # A double such as 1e308 is exact in 309 digits; a numeric beyond that is no quantity that a reader could take in.
    return value if value.is_finite() and abs(value.adjusted()) < _EXPONENT_MAX else raw


def _date(raw: str) -> date | str:
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return raw


def _timestamp(raw: str) -> datetime | str:
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        return raw


def _time(raw: str) -> time | str:
    try:
        return time.fromisoformat(raw)
    except ValueError:
        return raw
