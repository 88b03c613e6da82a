"""Native charts over a grid's cells, in the house's colours."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from math import ceil
from typing import Any

from xlsxwriter import Workbook

from reportd import spool
from reportd.render.xlsx.grid import Grid
from reportd.render.xlsx.serials import Moments, day_serial
from reportd.render.xlsx.styles import DASHES, FONT, INK, MUTED, RULE, Styles
from reportd.render.xlsx.texts import heading, printable
from reportd.report.document import PIE_SLICES_MAX, Chart, Column, Format

HEIGHT = 300
_CACHED_POINTS = 10_000
_YEAR = 366
_LYING_FROM = 12
_LABEL_WIDTH_MAX = 14


def draw(book: Workbook, chart: Chart, grid: Grid, styles: Styles, *, width: int) -> Any:
    """The xlsxwriter chart of `chart`, bound to the cells of `grid`; `width` in pixels."""
    if chart.kind == "pie":
        return _pie(book, chart, grid, styles, width=width)
    lying = chart.kind == "bar" and _is_text(chart.x) and _crowded(chart)
    drawn = book.add_chart(_type(chart, lying=lying))
    sheet, rows = grid.sheets[0].name, grid.sheets[0].rows
    points = list(islice(spool.read(chart.rows.path), _CACHED_POINTS))
    for number, column in enumerate(chart.y):
        position = _position(grid, column)
        drawn.add_series(
            {
                "name": [sheet, 0, position],
                "categories": [sheet, 1, _position(grid, chart.x), max(rows, 1), _position(grid, chart.x)],
                "values": [sheet, 1, position, max(rows, 1), position],
                # Viewers that don't compute (a mail's preview, a phone) draw from this copy.
                "categories_data": [_category(point[chart.x.index], chart.x) for point in points],
                "values_data": [_number(point[column.index]) for point in points],
                **_ink(chart, number, styles, points=rows),
            }
        )
    drawn.set_title({"name": heading(chart.title), "overlay": False, "name_font": _font(12, INK, bold=True)})
    drawn.set_legend({"none": True} if len(chart.y) == 1 else {"position": "top", "font": _font(9, MUTED)})
    category = {
        "num_font": _font(9, MUTED),
        "line": {"color": RULE},
        "major_tick_mark": "none",
        **_scale(chart, points, styles),
    }
    value = {
        "num_format": _measure(chart, points, styles),
        "num_font": _font(9, MUTED),
        "line": {"none": True},
        "major_gridlines": {"visible": True, "line": {"color": RULE, "width": 0.5}},
        "major_tick_mark": "none",
    }
    if lying:
        # xlsxwriter means the lying axis by x. The first row shall stand on top, and the scale stay at the bottom.
        drawn.set_y_axis({**category, "reverse": True, "major_gridlines": {"visible": False}})
        drawn.set_x_axis({**value, "label_position": "high"})
    else:
        drawn.set_x_axis(category)
        drawn.set_y_axis(value)
    drawn.set_chartarea({"border": {"none": True}})
    drawn.set_size({"width": width, "height": HEIGHT})
    drawn.show_blanks_as("gap")
    return drawn


def _type(chart: Chart, *, lying: bool) -> dict[str, str]:
    match chart.kind:
        case "line":
            return {"type": "line"}
        case "area":
            return {"type": "area", "subtype": "stacked"} if len(chart.y) > 1 else {"type": "area"}
        case _:
            return {"type": "bar" if lying else "column"}


def _pie(book: Workbook, chart: Chart, grid: Grid, styles: Styles, *, width: int) -> Any:
    """A pie whose slices carry their shares; the legend names them."""
    drawn = book.add_chart({"type": "pie"})
    sheet, rows = grid.sheets[0].name, max(grid.sheets[0].rows, 1)
    points = spool.head(chart.rows.path, PIE_SLICES_MAX)
    [measure] = chart.y
    place, value = _position(grid, chart.x), _position(grid, measure)
    drawn.add_series(
        {
            "name": [sheet, 0, value],
            "categories": [sheet, 1, place, rows, place],
            "values": [sheet, 1, value, rows, value],
            "categories_data": [_category(point[chart.x.index], chart.x) for point in points],
            "values_data": [_number(point[measure.index]) for point in points],
            "points": [
                {"fill": {"color": styles.theme.colour(number)}, "border": {"color": "#FFFFFF"}}
                for number in range(len(points))
            ],
            "data_labels": {"percentage": True, "position": "outside_end", "font": _font(9, MUTED)},
        }
    )
    drawn.set_title({"name": heading(chart.title), "overlay": False, "name_font": _font(12, INK, bold=True)})
    drawn.set_legend({"position": "right", "font": _font(9, MUTED)})
    drawn.set_chartarea({"border": {"none": True}})
    drawn.set_size({"width": width, "height": HEIGHT})
    return drawn


def _scale(chart: Chart, points: Sequence[list[str | None]], styles: Styles) -> dict[str, Any]:
    """The axis of days: at most a dozen labels, with the year only where years differ.

    Where every point is a month's first day, or a year's, programs count in months or years, and a step in days would
    leave no label but the first.
    """
    if chart.x.format.kind != "date":
        return {}
    texts = [text for point in points if day_serial(text := point[chart.x.index] or "")]
    days = [int(serial) for text in texts if (serial := day_serial(text))]
    if not days:
        return {}
    span = max(days) - min(days)
    if span >= _YEAR - 1 and all(text.endswith("-01-01") for text in texts):
        form, step, unit = "yyyy", ceil(span / _YEAR / 12), "years"
    elif span > _YEAR or (span and all(text.endswith("-01") for text in texts)):
        form, step, unit = "mmm yyyy", max(ceil(span / 370), 1), "months"
    else:
        form, step, unit = styles.day(), ceil((span + 1) / 12), "days"
    return {"date_axis": True, "num_format": form, "major_unit": step, "major_unit_type": unit}


def _measure(chart: Chart, points: Sequence[list[str | None]], styles: Styles) -> str:
    """The number format of the measures' axis, without decimals where the values are large."""
    format = chart.y[0].format
    values = [number for point in points for y in chart.y if isinstance(number := _number(point[y.index]), float)]
    large = format.kind == "number" and max(map(abs, values), default=0) >= 10
    return styles.number(Format("integer") if large else format)


def _ink(chart: Chart, number: int, styles: Styles, *, points: int) -> dict[str, Any]:
    colour, dash = styles.theme.colour(number), DASHES[number % len(DASHES)]
    if chart.kind == "bar":
        return {"fill": {"color": colour}, "border": {"none": True}, "gap": 60 if points <= 40 else 20}
    if chart.kind == "area":
        if len(chart.y) > 1:
            # White between two, as on the page: so they are told apart in grey.
            return {"fill": {"color": colour}, "border": {"color": "#FFFFFF", "width": 1}}
        return {"fill": {"color": colour, "transparency": 60}, "line": {"color": colour}}
    marker = {"type": "circle", "size": 4, "fill": {"color": colour}, "border": {"color": colour}}
    return {
        "line": {"color": colour, "width": 2, "dash_type": dash},
        "marker": marker if points <= 31 else {"type": "none"},
    }


def _font(size: int, colour: str, *, bold: bool = False) -> dict[str, Any]:
    return {"name": FONT, "size": size, "color": colour, "bold": bold}


def _is_text(column: Column) -> bool:
    return column.format.kind in ("text", "identifier", "link")


def _crowded(chart: Chart) -> bool:
    """Whether the names under upright bars would have to be turned or left out."""
    return chart.rows.count > _LYING_FROM or (chart.rows.count > 4 and chart.x.width > _LABEL_WIDTH_MAX)


def _position(grid: Grid, column: Column) -> int:
    return next(position for position, other in enumerate(grid.columns) if other.index == column.index)


def _category(value: str | None, column: Column) -> str | float:
    if value is None:
        return ""
    if column.format.kind == "date":
        serial = day_serial(value)
    elif column.format.kind == "datetime":
        serial = Moments(column.format.timezone).serial(value)
    else:
        serial = None
    return printable(value) if serial is None else float(serial)


def _number(value: str | None) -> float | str:
    try:
        return float(Decimal(value)) if value is not None else ""
    except ArithmeticError:
        return ""
