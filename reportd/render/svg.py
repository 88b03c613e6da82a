"""Charts as vector graphics: bars and lines drawn by hand, in points, set in the document's own family.

A chart carries little ink: hairline grid or direct labels, never both; labels thinned until they fit; one accent, and
for more measures a palette that survives colour-blindness and a grey printer (lines are dashed besides).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from reportd.render.canvas import SIZE, Canvas, dash_of, shortened, width_of
from reportd.render.pie import draw_pie
from reportd.render.scale import Axis, date_label, date_ticks, number_axis, number_labels, thinned
from reportd.render.series import ROWS_MAX, Line, Series, series, stacked
from reportd.render.vega.drawing import drawn
from reportd.render.vega.request import Size
from reportd.report.document import Chart, Picture
from reportd.report.formats import display_number
from reportd.report.locales import Locale, locale_of
from reportd.report.theme import DEFAULT, Theme

_LABELLED_MAX = 14
_BAR_MAX = 34.0
_OWN_DATES_MAX = 62
_HOURS_DAYS = 3


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn chart: `svg` is the element, `note` a sentence to print below (what was left out), or None."""

    svg: str
    note: str | None = None


def draw(
    chart: Chart | Picture, *, title: str, width: float, height: float, locale: str, theme: Theme = DEFAULT
) -> Drawing:
    """`chart` as an `<svg>` of `width` by about `height` points; horizontal bars take the height that they need."""
    if isinstance(chart, Picture):
        return Drawing(drawn(chart, title=title, size=Size(width, height), locale=locale_of(locale), theme=theme))
    drawing = _drawn(chart, title=title, width=width, height=height, locale=locale, theme=theme)
    return replace(drawing, note=" ".join(filter(None, (chart.note, drawing.note))) or None)


def _drawn(chart: Chart, *, title: str, width: float, height: float, locale: str, theme: Theme) -> Drawing:
    habits = locale_of(locale)
    data = series(chart, locale=locale)
    values = data.values
    if not values:
        canvas = Canvas(width, 4 * SIZE, title, theme)
        canvas.text(0, 2 * SIZE, habits.words["no values"])
        return Drawing(canvas.svg())
    if chart.kind == "pie":
        return Drawing(_pie(data, title, width=width, height=height, locale=habits, theme=theme))
    format = chart.y[0].format
    low, high = (display_number(Decimal(repr(value)), format, locale) for value in (min(values), max(values)))
    alt = habits.words["alt"].format(title=title, count=len(values), low=low, high=high)
    if chart.kind == "bar" and not data.ordered and not _fit_below(data, width):
        return _rows(data, alt, width=width, locale=habits, theme=theme)
    return _columns(chart, data, alt, title, width=width, height=height, locale=habits, theme=theme)


# -- bars and lines over a horizontal axis


def _columns(
    chart: Chart, data: Series, alt: str, title: str, *, width: float, height: float, locale: Locale, theme: Theme
) -> Drawing:
    canvas = Canvas(width, height, alt, theme)
    own, note = data, None
    if chart.kind == "area":
        if min(data.values) < 0:
            chart, note = replace(chart, kind="line"), locale.words["area negative"]
        elif len(data.lines) > 1:
            data = stacked(data)
    labelled = chart.kind == "bar" and _labels_above(data, width, locale)
    top = _legend(canvas, data.lines, title, strokes=chart.kind == "line") + (SIZE * 1.3 if labelled else SIZE * 0.6)
    bottom = height - SIZE * 1.9
    axis = number_axis(
        data.values,
        count=5 if height >= 120 else 4,
        zero=chart.kind != "line" or _near_zero(data.values),
        whole=all(line.column.format.kind == "integer" for line in data.lines),
    )
    ticks = number_labels(axis, chart.y[0].format, locale)
    left = 0.0 if labelled else max(map(width_of, ticks)) + 5
    right = width - (_last_label_width(own, locale) if chart.kind == "line" or len(data.lines) == 1 else 6)
    right = width if chart.kind == "bar" else right
    box = _Box(left, top, right, bottom, axis)
    if not labelled:
        for tick, label in zip(axis.ticks, ticks, strict=True):
            canvas.line(left, box.y(tick), right, box.y(tick))
            canvas.text(left - 5, box.y(tick) + SIZE * 0.33, label, anchor="end")
    place = _Place(data, left, right, bars=chart.kind == "bar")
    if chart.kind == "bar":
        _bars(canvas, data, box, place, labelled=labelled, locale=locale)
    else:
        if chart.kind == "area":
            _areas(canvas, data, box, place)
        if chart.kind == "line" or len(data.lines) == 1:
            _lines(canvas, data, box, place, locale=locale)
    base = min(max(0.0, axis.low), axis.high)
    canvas.line(left, box.y(base), right, box.y(base), color=canvas.theme.muted, weight=0.75)
    _labels_below(canvas, data, place, y=bottom + SIZE * 1.45, bars=chart.kind == "bar", locale=locale)
    if data.count > len(data.labels):
        note = locale.words["chart cut"].format(shown=len(data.labels), count=data.count)
    return Drawing(canvas.svg(), note)


@dataclass(frozen=True, slots=True)
class _Box:
    """The rectangle that values are drawn in."""

    left: float
    top: float
    right: float
    bottom: float
    axis: Axis

    def y(self, value: float) -> float:
        return self.bottom - self.axis.share(value) * (self.bottom - self.top)


class _Place:
    """Where positions lie between `left` and `right`, and how much room one of them has."""

    def __init__(self, data: Series, left: float, right: float, *, bars: bool) -> None:
        low, high = data.positions[0], data.positions[-1]
        gaps = [b - a for a, b in pairwise(data.positions) if b > a]
        room = (min(gaps) if gaps else 1.0) if bars or data.kind == "bands" or high == low else 0.0
        self._low, self._span, self._left, self._width = low - room / 2, high - low + room, left, right - left
        self.room = room / self._span * self._width

    def x(self, position: float) -> float:
        return self._left + (position - self._low) / self._span * self._width


def _bars(canvas: Canvas, data: Series, box: _Box, place: _Place, *, labelled: bool, locale: Locale) -> None:
    count = len(data.lines)
    slot = min(place.room * 0.74 / count, _BAR_MAX)
    thick = max(slot * (0.92 if count > 1 else 1), 0.3)
    zero = box.y(0)
    for number, line in enumerate(data.lines):
        for position, value in zip(data.positions, line.values, strict=True):
            if value is None:
                continue
            x = place.x(position) + (number - count / 2) * slot
            y = box.y(value)
            canvas.bar(x, min(y, zero), thick, abs(zero - y), canvas.theme.colour(number))
            if labelled:
                above = y - SIZE * 0.4 if value >= 0 else y + SIZE * 1.05
                canvas.text(x + thick / 2, above, _value(line, value, locale), anchor="middle", color=canvas.theme.ink)


def _lines(canvas: Canvas, data: Series, box: _Box, place: _Place, *, locale: Locale) -> None:
    dots = len(data.labels) <= 32
    taken: list[float] = []
    for number, line in enumerate(data.lines):
        color = canvas.theme.colour(number)
        points = [
            None if value is None else (place.x(position), box.y(value))
            for position, value in zip(data.positions, line.values, strict=True)
        ]
        for run in _runs(points):
            if len(run) > 1:
                canvas.curve(run, color, dash_of(number))
            if dots or len(run) == 1:
                for x, y in run:
                    canvas.dot(x, y, color, 1.7)
        last = next((value for value in reversed(line.values) if value is not None), None)
        if last is not None and (end := next((p for p in reversed(points) if p), None)):
            y = end[1] + SIZE * 0.33
            if all(abs(y - other) > SIZE for other in taken):
                taken.append(y)
                canvas.text(end[0] + 4, y, _value(line, last, locale), color=canvas.theme.ink, bold=True)


def _areas(canvas: Canvas, data: Series, box: _Box, place: _Place) -> None:
    """What lies under each line, down to the one before; white between two, so that they are told apart in grey."""
    xs = [place.x(position) for position in data.positions]
    floor = [box.y(0.0)] * len(xs)
    for number, line in enumerate(data.lines):
        tops = [box.y(value or 0.0) for value in line.values]
        outline = [*zip(xs, tops, strict=True), *zip(reversed(xs), reversed(floor), strict=True)]
        canvas.area(outline, canvas.theme.colour(number), opacity=0.18 if len(data.lines) == 1 else 0.9)
        if number:
            canvas.curve(list(zip(xs, floor, strict=True)), "#fff", "")
        floor = tops


def _runs(points: Iterable[tuple[float, float] | None]) -> Iterable[list[tuple[float, float]]]:
    """The stretches without a gap."""
    run: list[tuple[float, float]] = []
    for point in points:
        if point is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _labels_below(canvas: Canvas, data: Series, place: _Place, *, y: float, bars: bool, locale: Locale) -> None:
    for x, label in _axis_labels(data, place, bars=bars, locale=locale):
        half = width_of(label) / 2
        if x + half > canvas.width:
            canvas.text(canvas.width, y, label, anchor="end")
        elif x - half < 0:
            canvas.text(0, y, label)
        else:
            canvas.text(x, y, label, anchor="middle")


def _axis_labels(data: Series, place: _Place, *, bars: bool, locale: Locale) -> list[tuple[float, str]]:
    """(x, label) of what is written below: bars at their own dates, lines at round ones, hours within a few days."""
    xs, labels = [place.x(position) for position in data.positions], data.labels
    if data.days and (data.days[-1] - data.days[0]).days < _HOURS_DAYS and any(p % 1 for p in data.positions):
        labels = tuple(_clock(position) for position in data.positions)
    elif data.days:
        ticks, unit = list(data.days), "day"
        if not bars or len(ticks) > _OWN_DATES_MAX:
            ticks, unit = date_ticks(ticks[0], ticks[-1], count=max(int((xs[-1] - xs[0]) / 48), 2))
        elif len(ticks) > 1 and all(tick.day == 1 for tick in ticks):
            unit = "month"
        xs = [place.x(tick.toordinal()) for tick in ticks]
        every = _every(xs, [date_label(tick, unit, locale, with_year=False) for tick in ticks])
        shown = ticks[::every]
        new_years = [
            before is None or tick.year != before.year for before, tick in zip([None, *shown], shown, strict=False)
        ]
        dates = [date_label(tick, unit, locale, with_year=new) for tick, new in zip(shown, new_years, strict=True)]
        return list(zip(xs[::every], dates, strict=True))
    every = _every(xs, labels)
    return list(zip(xs[::every], labels[::every], strict=True))


def _every(xs: Sequence[float], labels: Sequence[str]) -> int:
    """Every how manieth label stands clear of the next."""
    widest = max(map(width_of, labels))
    return thinned(len(labels), int((xs[-1] - xs[0]) / (widest + 8)) + 1)


def _clock(position: float) -> str:
    minutes = round(position % 1 * 1440)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# -- bars lying down, a row per name


def _rows(data: Series, alt: str, *, width: float, locale: Locale, theme: Theme) -> Drawing:
    shown = min(len(data.labels), ROWS_MAX)
    lines = [Line(line.column, line.values[:shown]) for line in data.lines]
    thick = 8.5 if len(lines) == 1 else 6.0
    row = max(thick * len(lines) + 5, SIZE * 1.6)
    names = [shortened(label, width * 0.34) for label in data.labels[:shown]]
    values = [value for line in lines for value in line.values if value is not None] or [0.0]
    figures = max(width_of(_value(line, value, locale)) for line in lines for value in line.values if value is not None)
    left = max(map(width_of, names)) + 7 + (figures + 4 if min(values) < 0 else 0)
    right = width - figures - 6
    low, high = min(0.0, *values), max(0.0, *values)
    axis = Axis(low, high if high > low else low + 1, 1, ())
    canvas = Canvas(width, 0, alt, theme)
    top = _legend(canvas, lines, "", strokes=False) if len(lines) > 1 else 2.0
    zero = left + axis.share(0) * (right - left)
    for index, name in enumerate(names):
        y = top + index * row
        canvas.text(0, y + row / 2 + SIZE * 0.33, name, color=canvas.theme.ink)
        for number, line in enumerate(lines):
            if (value := line.values[index]) is None:
                continue
            end = left + axis.share(value) * (right - left)
            bar = y + (row - thick * len(lines)) / 2 + number * thick
            canvas.bar(
                min(zero, end),
                bar,
                abs(end - zero),
                thick - (0.8 if len(lines) > 1 else 0),
                canvas.theme.colour(number),
            )
            side, anchor = (end + 4, "start") if value >= 0 else (end - 4, "end")
            canvas.text(side, bar + thick / 2 + SIZE * 0.33, _value(line, value, locale), anchor=anchor)
    canvas.height = top + shown * row + 2
    canvas.line(zero, top, zero, canvas.height - 2, color=canvas.theme.muted, weight=0.75)
    note = None
    if data.count > shown:
        note = locale.words["chart cut"].format(shown=shown, count=data.count)
    return Drawing(canvas.svg(), note)


# -- parts of a whole


def _pie(data: Series, title: str, *, width: float, height: float, locale: Locale, theme: Theme) -> str:
    if not any(data.values):
        canvas = Canvas(width, 4 * SIZE, title, theme)
        canvas.text(0, 2 * SIZE, locale.words["no values"])
        return canvas.svg()
    parts = ", ".join(
        f"{label} {_value(line, value, locale)}"
        for line in data.lines
        for label, value in zip(data.labels, line.values, strict=True)
        if value is not None
    )
    canvas = Canvas(width, height, locale.words["share"].format(title=title, parts=parts), theme)
    draw_pie(canvas, data, locale=locale)
    return canvas.svg()


# -- what all share


def _legend(canvas: Canvas, lines: Sequence[Line], title: str, *, strokes: bool) -> float:
    """Draw which colour is which measure; give back the height used. One measure needs no key, at most its name."""
    if len(lines) == 1:
        name = lines[0].column.title
        if not title or name.casefold() in title.casefold():
            return 0.0
        canvas.text(0, SIZE, name)
        return SIZE * 1.6
    x, y = 0.0, SIZE
    for number, line in enumerate(lines):
        needed = 13 + width_of(line.column.title) + 14
        if x and x + needed - 14 > canvas.width:
            x, y = 0.0, y + SIZE * 1.5
        if strokes:
            canvas.curve(
                [(x, y - SIZE * 0.33), (x + 10, y - SIZE * 0.33)], canvas.theme.colour(number), dash_of(number)
            )
        else:
            canvas.key(x, y - SIZE * 0.85, SIZE * 0.95, canvas.theme.colour(number))
        canvas.text(x + 13, y, line.column.title, color=canvas.theme.ink)
        x += needed
    return y + SIZE * 0.8


def _value(line: Line, value: float, locale: Locale) -> str:
    return display_number(Decimal(repr(value)), line.label_format, locale.tag)


def _fit_below(data: Series, width: float) -> bool:
    """Whether every name has room under its bar."""
    return len(data.labels) <= _LABELLED_MAX and max(map(width_of, data.labels)) + 6 <= width / len(data.labels)


def _labels_above(data: Series, width: float, locale: Locale) -> bool:
    """Whether every bar has room for its figure above it."""
    figures = [_value(line, value, locale) for line in data.lines for value in line.values if value is not None]
    room = width / max(len(data.labels) * len(data.lines), 1)
    regular = len({round(b - a) for a, b in pairwise(data.positions)} - {28, 29, 30, 31}) <= 1
    return regular and len(figures) <= _LABELLED_MAX * 2 and max(map(width_of, figures)) + 4 <= room * 0.84


def _last_label_width(data: Series, locale: Locale) -> float:
    lasts = [(line, next((v for v in reversed(line.values) if v is not None), None)) for line in data.lines]
    return (
        max((width_of(_value(line, last, locale), bold=True) for line, last in lasts if last is not None), default=0)
        + 5
    )


def _near_zero(values: Sequence[float]) -> bool:
    """Whether a line's axis starts at zero: not where that would press the line into the upper third."""
    low, high = min(values), max(values)
    return low <= 0 <= high or min(abs(low), abs(high)) < 0.67 * max(abs(low), abs(high))
