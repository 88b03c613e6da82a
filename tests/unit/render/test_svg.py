from __future__ import annotations

import math
import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reportd.render.scale import date_ticks, number_axis, number_labels, thinned
from reportd.render.svg import Drawing, draw
from reportd.report.definition import BlockKind
from reportd.report.document import Chart, Format
from reportd.report.locales import locale_of
from tests.spooled import Given, document

SVG = "{http://www.w3.org/2000/svg}"


def drawn(
    directory: Path, kind: BlockKind, x: str, *rows: tuple[object, ...], locale: str = "en", width: float = 500
) -> tuple[Drawing, ElementTree.Element]:
    columns = {"x": x, **{f"y{number}": "numeric" for number in range(1, len(rows[0]) if rows else 2)}}
    section = document(directory, Given(kind, columns, rows)).sections[0]
    assert isinstance(section, Chart)
    drawing = draw(section, title="Revenue by day", width=width, height=160, locale=locale)
    return drawing, ElementTree.fromstring(drawing.svg)


def classed(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in svg.iter() if element.get("class") == name]


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def numbers(svg: ElementTree.Element) -> list[float]:
    """Every coordinate and length of the drawing."""
    values = [v for element in svg.iter() for k, v in element.attrib.items() if k not in ("class", "fill", "stroke")]
    return [float(n) for value in values for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?|nan|inf", value)]


def test_a_bar_for_each_row_and_measure(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "text", ("North", 5, 3), ("South", 2, 8))
    assert len(classed(svg, "bar")) == 4
    assert {"North", "South", "5", "3", "2", "8", "Y1", "Y2"} <= set(texts(svg))


def test_bars_are_as_long_as_their_values(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "text", ("a", 10), ("b", 5), ("c", 0))
    heights = [float(bar.get("height", "")) for bar in classed(svg, "bar")]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.02)
    assert heights[2] == 0


def test_negative_bars_hang_from_zero(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "text", ("a", 10), ("b", -5))
    above, below = classed(svg, "bar")
    zero = float(above.get("y", "")) + float(above.get("height", ""))
    assert float(below.get("y", "")) == pytest.approx(zero, abs=0.02)


def test_many_names_lie_down_with_a_row_each(tmp_path: Path) -> None:
    rows = [(f"Department of the number {chr(65 + n)}", n - 3) for n in range(20)]
    _, svg = drawn(tmp_path, "bar", "text", *rows)
    bars = classed(svg, "bar")
    assert len(bars) == 20
    assert len({bar.get("y") for bar in bars}) == 20
    assert float(svg.get("viewBox", "").split()[3]) > 200


def test_what_is_not_drawn_is_said(tmp_path: Path) -> None:
    rows = [(f"Name {chr(65 + n // 26)}{chr(65 + n % 26)}", n) for n in range(45)]
    drawing, svg = drawn(tmp_path, "bar", "text", *rows)
    assert len(classed(svg, "bar")) == 30
    assert drawing.note == "The first 30 of 45 are drawn."


def test_months_as_text_stand_with_thinned_labels(tmp_path: Path) -> None:
    rows = [(f"{month:02d}/{year}", month) for year in (2024, 2025, 2026) for month in range(1, 13)]
    _, svg = drawn(tmp_path, "bar", "text", *rows)
    assert len(classed(svg, "bar")) == 36
    labels = [text for text in texts(svg) if "/" in text]
    assert labels[0] == "01/2024"
    assert 5 <= len(labels) <= 18


def test_a_line_breaks_where_there_is_no_number(tmp_path: Path) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(7)]
    values = [1, 2, None, "NaN", 3, "Infinity", 4]
    _, svg = drawn(tmp_path, "line", "date", *zip(days, values, strict=True))
    assert len(classed(svg, "line")) == 1
    assert len(classed(svg, "dot")) == 4


def test_points_stand_where_their_dates_are(tmp_path: Path) -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 11)]
    _, svg = drawn(tmp_path, "line", "date", *((day, 1) for day in days))
    first, second, last = (float(dot.get("cx", "")) for dot in classed(svg, "dot"))
    assert (second - first) * 10 == pytest.approx(last - first, abs=0.2)


def test_rows_out_of_order_make_no_zigzag(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "line", "date", ("2026-01-03", 3), ("2026-01-01", 1), ("2026-01-02", 2))
    path = classed(svg, "line")[0].get("d", "")
    xs = [float(point.split()[0]) for point in path[1:].split("L")]
    assert xs == sorted(xs)


def test_lines_differ_without_colour(tmp_path: Path) -> None:
    rows = [(n, n, 2 * n, 3 * n) for n in range(1, 5)]
    _, svg = drawn(tmp_path, "line", "integer", *rows)
    lines = [line for line in svg.iter(f"{SVG}path") if len(line.get("d", "").split("L")) == 4]
    assert len({line.get("stroke-dasharray") for line in lines}) == 3


@pytest.mark.parametrize("kind", ["bar", "line"])
@pytest.mark.parametrize(
    ("x", "rows"),
    [
        ("date", [("2026-01-01", 5)]),
        ("date", [("2026-01-01", 0), ("2026-01-01", 0)]),
        ("date", [("infinity", 1), ("2026-01-01", 2)]),
        ("date", [(None, 1), ("2026-01-01", 2)]),
        ("text", [("a", "1e308"), ("b", "-1e308")]),
        ("text", [("a", "1e-300")]),
        ("text", [("", 1), (None, -1)]),
        ("timestamp with time zone", [(f"2026-10-02 {hour:02d}:00:00+02", hour) for hour in range(24)]),
        ("integer", [(year, year) for year in range(1900, 2026)]),
        ("date", [(date(2026, 1, 1) + timedelta(days=n), math.sin(n)) for n in range(900)]),
    ],
)
def test_no_data_makes_a_broken_drawing(
    tmp_path: Path, kind: BlockKind, x: str, rows: list[tuple[object, ...]]
) -> None:
    _, svg = drawn(tmp_path, kind, x, *rows)
    assert all(math.isfinite(number) for number in numbers(svg))
    assert all(float(bar.get("height", "")) >= 0 and float(bar.get("width", "")) >= 0 for bar in classed(svg, "bar"))
    width = float(svg.get("viewBox", "").split()[2])
    assert all(0 <= float(element.get("cx", "0")) <= width for element in svg.iter())


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "date")
    assert texts(svg) == ["No values to draw"]
    _, svg = drawn(tmp_path, "bar", "date", ("2026-01-01", None), locale="de")
    assert texts(svg) == ["Keine Werte darzustellen"]


def test_a_screen_reader_hears_what_the_chart_shows(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "text", ("a", 1200), ("b", 300))
    assert svg.findtext(f"{SVG}title") == "Revenue by day: 2 values, from 300 to 1,200"


def test_names_are_escaped(tmp_path: Path) -> None:
    _, svg = drawn(tmp_path, "bar", "text", ("<b>&", 1), ('"quoted"', 2))
    assert {"<b>&", '"quoted"'} <= set(texts(svg))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 93], [0, 25, 50, 75, 100]),
        ([-5, 3.2], [-5, -2.5, 0, 2.5, 5]),
        ([0.001, 0.0042], [0, 0.002, 0.004, 0.006]),
        ([], [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_ticks_are_round(values: list[float], ticks: list[float]) -> None:
    assert list(number_axis(values).ticks) == pytest.approx(ticks)


def test_counts_have_no_ticks_between_integers() -> None:
    assert number_axis([0, 2], whole=True).ticks == (0, 1, 2)


def test_tick_labels_share_their_decimals_and_unit() -> None:
    english, german = locale_of("en"), locale_of("de")
    assert number_labels(number_axis([0, 1_234_567]), Format("number"), english) == ["0", "0.5M", "1.0M", "1.5M"]
    assert number_labels(number_axis([0, 0.55]), Format("percent"), german) == [
        "0\u00a0%",
        "20\u00a0%",
        "40\u00a0%",
        "60\u00a0%",
    ]


def test_date_ticks_are_round_at_every_scale() -> None:
    assert date_ticks(date(2026, 1, 1), date(2026, 12, 31), count=12)[0][0] == date(2026, 1, 1)
    months, unit = date_ticks(date(2026, 1, 15), date(2026, 12, 31), count=12)
    assert unit == "month"
    assert all(month.day == 1 for month in months)
    years, unit = date_ticks(date(1900, 5, 1), date(2026, 1, 1), count=10)
    assert unit == "year"
    assert years[0] == date(1920, 1, 1)
    assert date_ticks(date(2026, 5, 1), date(2026, 5, 1), count=10) == ([date(2026, 5, 1)], "day")


def test_labels_are_thinned_by_even_steps() -> None:
    assert [thinned(count, 10) for count in (5, 10, 11, 31, 365, 5000)] == [1, 1, 2, 4, 50, 500]
