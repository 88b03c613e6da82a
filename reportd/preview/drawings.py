"""What lies on a sheet: pictures as they are, and native charts, which spreadsheet programs draw each in their own way.

A chart is drawn here from the values, names and colours that the file itself keeps for it, with the hand that draws
those of the pages.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from reportd.preview.package import RELATION, related, xml
from reportd.render.svg import draw
from reportd.report.document import Chart, ChartKind, Column, Format, Rows
from reportd.report.theme import Theme
from reportd.spool import record

Area = tuple[int, int, int, int]
"""First row, first column, last row, last column; rows from 1, columns from 0."""

_XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_KINDS: dict[str, ChartKind] = {"barChart": "bar", "lineChart": "line", "areaChart": "area", "pieChart": "pie"}
_EPOCH = datetime(1899, 12, 30)
_WIDTH, _HEIGHT = 560.0, 200.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """Something on a sheet. `source` is an address that holds it, empty for what can't be shown here."""

    area: Area
    kind: Literal["chart", "picture"]
    title: str
    source: str


def drawings(package: ZipFile, part: str, *, locale: str) -> Iterator[Drawing]:
    """What the drawing `part` puts onto its sheet, from the top down."""
    names = related(package, part)
    for anchor in xml(package, part).iter(f"{_XDR}twoCellAnchor"):
        area = _area(anchor)
        if (shown := anchor.find(f".//{_A}blip")) is not None:
            name = names[shown.get(f"{RELATION}embed", "")]
            yield Drawing(area, "picture", "", _uri(mimetypes.guess_type(name)[0] or "", package.read(name)))
        elif (named := anchor.find(f".//{_C}chart")) is not None:
            chart = xml(package, names[named.get(f"{RELATION}id", "")])
            title = "".join(text.text or "" for text in chart.iterfind(f"{_C}chart/{_C}title//{_A}t"))
            svg = _svg(chart, title, locale)
            yield Drawing(area, "chart", title, _uri("image/svg+xml", svg.encode()) if svg else "")


def _area(anchor: Element) -> Area:
    top, left, bottom, right = (
        int(anchor.findtext(f"{_XDR}{end}/{_XDR}{line}", "0")) for end in ("from", "to") for line in ("row", "col")
    )
    return top + 1, left, bottom + 1, right


def _uri(type: str, content: bytes) -> str:
    return f"data:{type};base64,{b64encode(content).decode()}"


def _svg(chart: Element, title: str, locale: str) -> str:
    """The chart in one of our kinds; empty for another."""
    found = [(kind, each) for name, kind in _KINDS.items() for each in chart.iter(f"{_C}{name}")]
    if len(found) != 1:
        return ""
    kind, plot = found[0]
    series = plot.findall(f"{_C}ser")
    x, xs = _across(chart, series[0])
    values = [_cached(each, "val") for each in series]
    format = _format(chart, values)
    ys = tuple(
        _column("".join(name.itertext()), number, "double precision", format)
        for number, name in enumerate((_name(each) for each in series), start=1)
    )
    rows = [[at, *(line.get(index) for line in values)] for index, at in enumerate(xs)]
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "points.csv"
        path.write_text("".join(map(record, rows)), encoding="utf-8", newline="\n")
        made = Chart("chart", kind, title, x, ys, Rows(str(path), len(rows), path.stat().st_size, ""))
        theme = Theme(palette=tuple(_colours(series, each_point=kind == "pie")))
        return draw(made, title=title, width=_WIDTH, height=_HEIGHT, locale=locale, theme=theme).svg


def _name(series: Element) -> Element:
    found = series.find(f"{_C}tx/{_C}strRef/{_C}strCache/{_C}pt/{_C}v")
    return series if found is None else found


def _across(chart: Element, series: Element) -> tuple[Column, list[str | None]]:
    """The axis of names or days, and where each point lies on it."""
    points = _cached(series, "cat")
    texts = [points.get(index) for index in range(max(map(len, (points, _cached(series, "val")))))]
    if series.find(f"{_C}cat/{_C}numRef") is None:
        return _column("", 0, "text", Format("text")), texts
    moments = [None if text is None else _EPOCH + timedelta(days=float(text)) for text in texts]
    # A pie has no axis that would say whether these are days.
    if chart.find(f".//{_C}dateAx") is not None or all(text is None or not float(text) % 1 for text in texts):
        return _column("", 0, "date", Format("date")), [f"{at:%Y-%m-%d}" if at else None for at in moments]
    clocks = [f"{at:%Y-%m-%d %H:%M:%S}" if at else None for at in moments]
    return _column("", 0, "timestamp without time zone", Format("datetime")), clocks


def _cached(series: Element, what: str) -> dict[int, str]:
    """The values that the file keeps for viewers that don't compute, by their number."""
    points = series.iterfind(f"{_C}{what}/*/*/{_C}pt")
    return {int(point.get("idx", "0")): value for point in points if (value := point.findtext(f"{_C}v"))}


def _format(chart: Element, values: Sequence[dict[int, str]]) -> Format:
    axis = chart.find(f".//{_C}valAx/{_C}numFmt")
    code = "" if axis is None else axis.get("formatCode", "")
    decimals = re.search(r"0\.(0+)", code)
    count = len(decimals[1]) if decimals else 0
    if axis is None and any(float(value) % 1 for line in values for value in line.values()):
        count = 2
    return Format("percent" if "%" in code else "number" if count else "integer", count)


def _colours(series: Sequence[Element], *, each_point: bool) -> Iterator[str]:
    for each in series[0].iter(f"{_C}dPt") if each_point else series:
        found = each.find(f"{_C}spPr//{_A}srgbClr")
        yield f"#{found.get('val', '000000').lower()}" if found is not None else "#000000"


def _column(title: str, index: int, type: str, format: Format) -> Column:
    return Column(title, title, index, type, format, "left" if type == "text" else "right", 12)
