"""Parameter values in words, for a document's header: `October 2026`, `1–15 Oct 2026`, `Oct 1–15, 2026`."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from reportd.report.locales import Locale, locale_of
from reportd.report.periods import Period

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad grudzień",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_OPEN = {
    "en": ("from {}", "until {}", "all time"),
    "de": ("ab {}", "bis {}", "gesamter Zeitraum"),
    "fr": ("à partir du {}", "jusqu’au {}", "depuis toujours"),
    "es": ("desde {}", "hasta {}", "todo el período"),
    "it": ("dal {}", "fino al {}", "tutto il periodo"),
    "nl": ("vanaf {}", "tot en met {}", "de hele periode"),
    "pl": ("od {}", "do {}", "cały okres"),
    "pt": ("desde {}", "até {}", "todo o período"),
}
_EN_DASH = "–"


def period(value: Period, locale: str) -> str:
    """`value` in the words of `locale`, by its first and last day."""
    habits = locale_of(locale)
    since, until, always = _OPEN.get(habits.language, _OPEN["en"])
    start, last = value.start, value.last
    if start is None or last is None:
        return since.format(day(start, locale)) if start else until.format(day(last, locale)) if last else always
    if start == last:
        return day(start, locale)
    if start.day == 1 and (last + timedelta(days=1)).day == 1:
        return _months(start, last, habits)
    if habits.language == "en" and start.year == last.year:
        return _days_of_a_year(start, last, habits)
    return f"{day(start, locale)} {_EN_DASH} {day(last, locale)}"


def day(value: date, locale: str) -> str:
    """`value` as `locale` writes dates, without leading zeros where it spells the month."""
    habits = locale_of(locale)
    padded = "{mon}" not in habits.date
    return habits.date.format(
        d=value.day,
        dd=f"{value.day:02}" if padded else value.day,
        m=value.month,
        mm=f"{value.month:02}",
        mon=habits.months[value.month - 1] if habits.months else "",
        y=f"{value.year:04}",
    )


def moment(value: datetime, locale: str) -> str:
    """`value` as date and time of its own zone; the first instant of a day as the day alone."""
    if (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0):
        return day(value, locale)
    if locale_of(locale).clock24:
        return f"{day(value, locale)} {value:%H:%M}"
    return f"{day(value, locale)} {value.hour % 12 or 12}:{value:%M} {'am' if value.hour < 12 else 'pm'}"


def _months(start: date, last: date, habits: Locale) -> str:
    """Whole months: one, a span, a year or years."""
    if start.month == 1 and last.month == 12:
        return f"{start.year}" if start.year == last.year else f"{start.year}{_EN_DASH}{last.year}"
    names = _MONTHS.get(habits.language, "").split()
    first, final = (f"{names[at.month - 1]} {at.year}" if names else f"{at.month:02}/{at.year}" for at in (start, last))
    if first == final:
        return first
    if start.year == last.year and names:
        return f"{names[start.month - 1]}{_EN_DASH}{final}"
    return f"{first} {_EN_DASH} {final}"


def _days_of_a_year(start: date, last: date, habits: Locale) -> str:
    first, final = habits.months[start.month - 1], habits.months[last.month - 1]
    month_leads = habits.date.startswith("{mon}")
    if not month_leads and "{mon}" not in habits.date:
        return f"{day(start, habits.tag)} {_EN_DASH} {day(last, habits.tag)}"
    if start.month == last.month:
        span = f"{start.day}{_EN_DASH}{last.day}"
        return f"{first} {span}, {last.year}" if month_leads else f"{span} {first} {last.year}"
    if month_leads:
        return f"{first} {start.day} {_EN_DASH} {final} {last.day}, {last.year}"
    return f"{start.day} {first} {_EN_DASH} {last.day} {final} {last.year}"
