"""What the drawing process is asked: a specification with its rows, the look of the document, and how numbers read.

Sizes are points: a chart fills the width of the page unless its specification says otherwise. What a specification says
in its own `config` goes before all that stands here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from reportd.render.canvas import SIZE, width_of
from reportd.render.fonts import SEMIBOLD
from reportd.render.vega.picture import Datum, data
from reportd.report.document import Picture
from reportd.report.formats import MINUS
from reportd.report.locales import Locale
from reportd.report.theme import Theme

FAMILY = "reportd Sans"
"""What texts are measured in: our own family, by the name that `process` gives its files."""

SPECIMEN = json.dumps(
    {
        "spec": {"data": {"values": [{"a": "a"}]}, "mark": "bar", "encoding": {"x": {"field": "a", "title": "A"}}},
        "config": {"font": FAMILY},
        "numbers": {},
        "times": {},
        "locale": "en",
    }
)
"""A request that has the process use all that it needs for any other."""

_COMPOSED = ("concat", "hconcat", "vconcat", "facet", "repeat")
_ACROSS = ("row", "column", "facet")
_STEP = 14
_PADDING = 2
_LABEL_MAX = 140
_DATE_WIDTH = 60
_NAMES = (None, "nominal", "ordinal")
_APART = 8
_FOR_AXES = 0.85


@dataclass(frozen=True, slots=True)
class Size:
    """The room that a chart has, in points."""

    width: float
    height: float


def request(picture: Picture, *, size: Size, theme: Theme, locale: Locale) -> str:
    """The request as JSON text: `spec`, `config`, and how the `locale` writes `numbers` and `times`."""
    titles = {name: title for each in picture.sources for name, title in zip(each.columns, each.titles, strict=True)}
    spec = _titled(picture.specification.spec, titles)
    spec.pop("$schema", None)  # ours is the version that is installed
    spec.pop("usermeta", None)
    if spec.get("width") == "container":
        del spec["width"]
    if spec.get("height") == "container":
        del spec["height"]
    spec.setdefault("data", {"name": picture.specification.block})
    own = spec.get("datasets")
    rows = {source.name: list(data(source)) for source in picture.sources}
    spec["datasets"] = {**rows, **(own if isinstance(own, Mapping) else {})}
    asked = {
        "spec": spec,
        "config": {
            **config(theme, size, composed=_is_composed(spec)),
            "autosize": _autosize(spec),
            **_axes(spec, rows, size),
        },
        "numbers": _numbers(locale),
        "times": {"shortMonths": list(locale.months)} if locale.months else {},
        "locale": locale.tag,
    }
    return json.dumps(asked, ensure_ascii=False)


def config(theme: Theme, size: Size, *, composed: bool) -> dict[str, Any]:
    """The look of our own charts, in the colours of `theme`, as Vega-Lite's defaults."""
    words = {"labelFontSize": SIZE, "labelColor": theme.muted, "labelFontWeight": "normal"}
    titles = {"titleFontSize": SIZE, "titleColor": theme.muted, "titleFontWeight": "normal"}
    # Of charts side by side each has a third of the page; what is then too wide is made smaller as a whole.
    width = round(size.width / 3 if composed else size.width, 2)
    return {
        "font": FAMILY,
        "background": None,
        "padding": _PADDING,
        "view": {
            "stroke": None,
            "continuousWidth": width,
            "discreteWidth": width,
            "continuousHeight": size.height,
            "discreteHeight": {"step": _STEP},
        },
        "axis": {
            **words,
            **titles,
            "labelLimit": _LABEL_MAX,
            "gridColor": theme.hairline,
            "gridWidth": 0.5,
            "domainColor": theme.muted,
            "domainWidth": 0.75,
            "tickColor": theme.hairline,
            "tickSize": 3,
            "labelPadding": 3,
            "titlePadding": 6,
        },
        "axisQuantitative": {"domain": False, "ticks": False},
        "axisBand": {"ticks": False},
        "axisPoint": {"ticks": False},
        "legend": {**words, **titles, "symbolSize": 40, "labelLimit": _LABEL_MAX},
        "header": {**words, **titles, "labelColor": theme.ink},
        "title": {
            "anchor": "start",
            "frame": "group",
            "fontSize": SIZE + 1,
            "fontWeight": SEMIBOLD,
            "color": theme.ink,
            "subtitleFontSize": SIZE,
            "subtitleColor": theme.muted,
        },
        "mark": {"color": theme.palette[0]},
        "text": {"fontSize": SIZE, "color": theme.ink},
        "line": {"strokeWidth": 1.4, "strokeJoin": "round", "strokeCap": "round"},
        "trail": {"color": theme.palette[0]},
        "rule": {"color": theme.muted, "strokeWidth": 0.75},
        "point": {"size": 20, "filled": True},
        "area": {"opacity": 0.9},
        "range": {
            "category": list(theme.palette),
            "ramp": [theme.tile, theme.palette[0]],
            "heatmap": [theme.tile, theme.palette[0]],
            "ordinal": [theme.tile, theme.palette[0]],
        },
    }


def _titled(spec: Any, titles: Mapping[str, str], *, given: frozenset[str] = frozenset()) -> Any:
    """`spec` with the columns' titles where its channels have none of their own, but for the channels `given`."""
    if not _is_object(spec):
        return spec
    made = dict(spec)
    if "spec" in spec:
        made["spec"] = _titled(spec["spec"], titles)
    for key in ("concat", "hconcat", "vconcat"):
        if isinstance(views := spec.get(key), list):
            made[key] = [_titled(view, titles) for view in views]
    if isinstance(layers := spec.get("layer"), list):
        # They share their axes: a title that one of them gives is that of all.
        given |= {name for view in (spec, *layers) for name, channel in _channels(view) if _has_title(channel)}
        made["layer"] = [_titled(view, titles, given=given) for view in layers]
    if channels := _channels(spec):
        made["encoding"] = {
            name: {**channel, "title": titles[channel["field"]]}
            if name not in given and not _has_title(channel) and _takes_title(channel, titles)
            else channel
            for name, channel in channels
        }
    return made


def _channels(spec: Any) -> list[tuple[str, Any]]:
    encoding = spec.get("encoding") if _is_object(spec) else None
    return list(encoding.items()) if _is_object(encoding) else []


def _takes_title(channel: Any, titles: Mapping[str, str]) -> bool:
    if not _is_object(channel) or not isinstance(field := channel.get("field"), str) or field not in titles:
        return False
    # Of other aggregates Vega-Lite says what they are: mean of amount.
    return bool(channel.get("aggregate", "sum") == "sum")


def _has_title(channel: Any) -> bool:
    guides = [channel, *(channel.get(guide) for guide in ("axis", "legend", "header"))] if _is_object(channel) else []
    return any(_is_object(guide) and "title" in guide for guide in guides)


def _is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _autosize(spec: Mapping[str, Any]) -> dict[str, str]:
    """What the specification gives a width or height is that of the axes; what it does not, fills the room with all."""
    fits = () if _is_composed(spec) else tuple(side for side in ("width", "height") if side not in spec)
    kind = {("width", "height"): "fit", ("width",): "fit-x", ("height",): "fit-y"}.get(fits, "pad")
    return {"type": kind, "contains": "padding"}


def _axes(spec: Mapping[str, Any], rows: Mapping[str, Sequence[Datum]], size: Size) -> dict[str, Any]:
    """What suits the axes in this room: no more dates than it takes, and names that lie where they fit side by side."""
    own = spec.get("width")
    width = own if isinstance(own, int | float) else size.width / 3 if _is_composed(spec) else size.width
    axes: dict[str, Any] = {"axisTemporal": {"grid": False, "tickCount": max(2, round(width / _DATE_WIDTH))}}
    layers = spec.get("layer")
    first = layers[0] if isinstance(layers, list) and layers else spec
    channel = dict(_channels(spec) or _channels(first)).get("x")
    source = str(spec["data"].get("name")) if _is_object(spec["data"]) else ""
    if source in rows and not _is_composed(spec) and _is_object(channel) and channel.get("type") in _NAMES:
        names = {str(row.get(str(channel.get("field")), "")) for row in rows[source]}
        if names and (max(map(width_of, names)) + _APART) * len(names) <= width * _FOR_AXES:
            axes["axisXDiscrete"] = {"labelAngle": 0}
    return axes


def _is_composed(spec: Mapping[str, Any]) -> bool:
    encoding = spec.get("encoding")
    across = isinstance(encoding, Mapping) and any(key in encoding for key in _ACROSS)
    return across or any(key in spec for key in _COMPOSED)


def _numbers(locale: Locale) -> dict[str, str]:
    return {"decimal": locale.decimal, "thousands": locale.group, "minus": MINUS, "percent": f"{locale.percent}%"}
