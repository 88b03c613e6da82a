"""What the drawing process is asked, and what of its answer a document takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reportd.errors import LimitExceeded, RenderError, ReportError
from reportd.render.vega import picture
from reportd.render.vega.clean import clean
from reportd.render.vega.drawing import asking, drawn
from reportd.render.vega.request import Size, request
from reportd.render.view import Figure, Grid, view_of
from reportd.report.document import Chart, Data, Document, Picture
from reportd.report.locales import locale_of
from reportd.report.theme import DEFAULT
from tests.folders import document
from tests.spooled import Given

SIZE = Size(500, 165)
TYPED = Given(
    "data",
    {
        "n": "integer",
        "amount": "numeric",
        "ok": "boolean",
        "day": "date",
        "at": "timestamp with time zone",
        "local": "timestamp without time zone",
        "words": "text",
    },
    [
        (1, "1234.50", True, "2026-03-29", "2026-03-29 01:30:00+01", "2026-03-29 02:30:00", 'a "b", é\n'),
        (None, "NaN", None, "infinity", None, "0044-03-15 00:00:00 BC", ""),
    ],
    name="rows",
)
BARS = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "mark": "bar",
    "encoding": {"x": {"field": "day", "type": "temporal"}, "y": {"field": "amount", "type": "quantitative"}},
}


def made(directory: Path, spec: Mapping[str, Any], *blocks: Given, **files: str) -> Document:
    return document(directory, {"rows.vl.json": json.dumps(spec), **files}, *(blocks or (TYPED,)))


def picture_of(found: Document) -> Picture:
    [drawing] = [s.picture for s in found.sections if isinstance(s, Chart | Data) and s.picture]
    return drawing


def asked(found: Document, *, locale: str = "en") -> dict[str, Any]:
    told = request(picture_of(found), size=SIZE, theme=DEFAULT, locale=locale_of(locale))
    return dict(json.loads(told))


def test_rows_are_typed_and_what_no_axis_has_is_null(tmp_path: Path) -> None:
    spec = asked(made(tmp_path, BARS))["spec"]
    assert spec["data"] == {"name": "rows"}
    assert "$schema" not in spec
    first, second = spec["datasets"]["rows"]
    assert first == {
        "n": 1,
        "amount": 1234.5,
        "ok": True,
        "day": "2026-03-29",
        "at": "2026-03-29T01:30:00",
        "local": "2026-03-29T02:30:00",
        "words": 'a "b", é\n',
    }
    assert second == {
        "n": None,
        "amount": None,
        "ok": None,
        "day": None,
        "at": None,
        "local": None,
        "words": "",
    }


def test_titles_of_columns_stand_where_the_specification_has_none(tmp_path: Path) -> None:
    toml = 'title = "Sales"\n[columns.amount]\ntitle = "Revenue (EUR)"\n'
    encoding = {
        "x": {"field": "day", "type": "temporal"},
        "y": {"field": "amount", "type": "quantitative"},
        "color": {"field": "words", "title": None},
        "size": {"field": "amount", "aggregate": "mean"},
        "shape": {"field": "n", "legend": {"title": "Own"}},
        "detail": [{"field": "n"}],
    }
    found = asked(made(tmp_path, {"mark": "point", "encoding": encoding}, TYPED, **{"report.toml": toml}))
    titled = found["spec"]["encoding"]
    assert (titled["x"]["title"], titled["y"]["title"]) == ("Day", "Revenue (EUR)")
    assert titled["color"]["title"] is None
    assert "title" not in titled["size"]
    assert "title" not in titled["shape"]
    assert titled["detail"] == [{"field": "n"}]


def test_layers_share_the_title_that_one_of_them_gives(tmp_path: Path) -> None:
    layers = [
        {"mark": "line", "encoding": {"y": {"field": "amount", "title": "EUR"}, "x": {"field": "day"}}},
        {"mark": "rule", "encoding": {"y": {"field": "n"}}},
    ]
    titled = asked(made(tmp_path, {"layer": layers}))["spec"]["layer"]
    assert titled[0]["encoding"]["x"]["title"] == "Day"
    assert "title" not in titled[1]["encoding"]["y"]


def test_a_chart_is_as_wide_as_the_page_and_several_share_it(tmp_path: Path) -> None:
    single = asked(made(tmp_path / "1", {**BARS, "width": "container"}))
    assert "width" not in single["spec"]
    assert single["config"]["view"]["continuousWidth"] == 500
    assert single["config"]["autosize"]["type"] == "fit"
    own = asked(made(tmp_path / "3", {**BARS, "width": 120}))
    assert own["config"]["autosize"]["type"] == "fit-y"
    several = asked(made(tmp_path / "2", {"hconcat": [BARS, BARS]}))
    assert several["config"]["view"]["continuousWidth"] < 200
    assert several["config"]["autosize"]["type"] == "pad"


def test_names_lie_where_they_fit_and_dates_are_as_many_as_the_room_takes(tmp_path: Path) -> None:
    named = {"mark": "bar", "encoding": {"x": {"field": "words"}, "y": {"field": "n", "type": "quantitative"}}}
    few = asked(made(tmp_path / "1", named))["config"]
    assert few["axisXDiscrete"] == {"labelAngle": 0}
    assert few["axisTemporal"]["tickCount"] == 8
    narrow = asked(made(tmp_path / "2", {**named, "width": 60}))["config"]
    assert "axisXDiscrete" not in narrow
    assert narrow["axisTemporal"]["tickCount"] == 2
    many = Given("data", {"words": "text", "n": "integer"}, [(f"Name {n}", n) for n in range(40)], name="rows")
    assert "axisXDiscrete" not in asked(made(tmp_path / "3", named, many))["config"]
    none = Given("data", {"words": "text", "n": "integer"}, [], name="rows")
    assert "axisXDiscrete" not in asked(made(tmp_path / "4", named, none))["config"]


def test_numbers_are_written_as_the_documents_locale_has_them(tmp_path: Path) -> None:
    found = asked(made(tmp_path, BARS), locale="de-AT")
    assert found["numbers"] == {"decimal": ",", "thousands": ".", "minus": "−", "percent": "\u00a0%"}
    assert found["locale"] == "de"
    assert "Mär" in found["times"]["shortMonths"]


def test_more_rows_than_a_chart_draws_are_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "ROWS_MAX", 1)
    found = picture_of(made(tmp_path, BARS))
    with asking(lambda _: {}), pytest.raises(LimitExceeded) as caught:
        drawn(found, title="", size=SIZE, locale=locale_of("en"), theme=DEFAULT)
    assert "sales/rows.vl.json: “rows” has 2 rows, and a chart draws 1 at most: group them in the query" in str(
        caught.value
    )


def test_a_field_that_is_no_column_is_the_reports_fault(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r'sales/rows.vl.json:1:\d+: field "dya".*did you mean "day"'):
        made(tmp_path, {"mark": "bar", "encoding": {"x": {"field": "dya"}}})


def test_the_picture_takes_a_charts_place_stands_above_a_table_and_shows_data(tmp_path: Path) -> None:
    spec = json.dumps({"mark": "bar", "encoding": {"x": {"field": "region"}}, "title": "Regions"})
    blocks = [
        Given("bar", {"region": "text", "amount": "integer"}, [("N", 1)], "Bars", name="bars"),
        Given("table", {"region": "text"}, [("N",)], "Rows", name="rows"),
        Given("data", {"region": "text"}, [("N",)], name="unseen"),
        Given("data", {"region": "text"}, [("N",)], name="seen"),
    ]
    found = document(tmp_path, {f"{name}.vl.json": spec for name in ("bars", "rows", "seen")}, *blocks)
    parts = view_of(found, rows_max=10).parts
    assert [(type(part), part.name, part.heading) for part in parts] == [
        (Figure, "bars", "Bars"),
        (Figure, "rows", "Rows"),
        (Grid, "rows", ""),
        (Figure, "seen", "Regions"),
    ]
    assert all(isinstance(part.chart, Picture) for part in parts if isinstance(part, Figure))
    last = parts[-1]
    assert isinstance(last, Figure)
    assert isinstance(last.chart, Picture)
    assert "title" not in last.chart.specification.spec  # it stands above


def svg(content: str, *, size: str = 'width="100" height="50"') -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" class="marks"'
        f" {size}>{content}</svg>"
    )


def test_a_drawing_keeps_what_it_draws_and_nothing_else() -> None:
    drawing = (
        '<g class="a" onclick="x()" aria-label="y" transform="translate(1.23456,2)">'
        '<path d="" /><path d="M0,0L1.50001,2Z" fill="#123456" opacity="1"/><path display="none" d="M0,0"/></g>'
        '<text font-family="reportd Sans" font-size="10px" style="x:y">a &lt;b&gt; &amp;</text>'
        '<text font-family="Georgia">z</text>'
    )
    found = clean(svg(drawing), name="rows")
    assert (found.width, found.height) == (100, 50)
    assert found.content.startswith(
        '<g transform="translate(1.23,2)"><path d="M0,0L1.5,2Z" fill="#123456"></path></g>'
        '<text style="font-size:10px">a &lt;b&gt; &amp;</text><text font-family="Georgia, reportd Sans'
    )
    assert found.content.endswith(">z</text>")


def test_names_are_the_drawings_own_and_do_not_count_on_from_the_last() -> None:
    content = '<defs><clipPath id="clip{0}"><rect width="1"/></clipPath></defs><g clip-path="url(#clip{0})"/>'
    first, second = (clean(svg(content.format(number)), name="by region") for number in (0, 17))
    assert first == second
    assert '<clipPath id="by-region-1">' in first.content
    assert 'clip-path="url(#by-region-1)"' in first.content


def test_a_link_stays_as_the_marks_in_it() -> None:
    found = clean(svg('<a xlink:href="javascript:alert(1)" href="x" target="_blank"><path d="M0,0"/></a>'), name="a")
    assert found.content == '<g><path d="M0,0"></path></g>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<script>alert(1)</script>", "<script> can't stand in a document"),
        ("<foreignObject/>", "<foreignObject> can't stand in a document"),
        ("<style>@import 'x'</style>", "<style> can't stand in a document"),
        ('<use href="http://127.0.0.1/a.svg#t"/>', "<use> can't stand in a document"),
        ('<animate attributeName="href"/>', "<animate> can't stand in a document"),
        ('<image xlink:href="http://127.0.0.1/a.png"/>', "a document loads nothing"),
        ('<image href="file:///etc/passwd"/>', "a document loads nothing"),
        ('<image href="data:text/html;base64,PGI+"/>', "a document loads nothing"),
        ('<image href="data:image/png;base64,PGI+"/>', "is not what it says to be"),
        ('<path d="M0,0" fill="url(http://127.0.0.1/a.svg#x)"/>', "a document loads nothing"),
        ('<path d="M0,0" fill="URL(&quot;//127.0.0.1/a.svg&quot;)"/>', "a document loads nothing"),
        ('<path d="M0,0" fill="\\75rl(http://127.0.0.1/)"/>', "a document loads nothing"),
        ('<g><x xmlns="http://www.w3.org/1999/xhtml"/></g>', "<x> can't stand in a document"),
        ("<g>" * 150 + "</g>" * 150, "nests more than 100 deep"),
        ("<g>", "is not SVG"),
    ],
)
def test_what_loads_or_runs_is_refused(content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        clean(svg(content), name="a")


@pytest.mark.parametrize(
    "size", ['width="0" height="50"', 'width="1e9" height="5"', 'height="5"', 'width="nan" height="5"']
)
def test_a_drawing_of_no_size_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="is empty, or larger than any page"):
        clean(svg("", size=size), name="a")


def test_entities_are_refused() -> None:
    with pytest.raises(ValueError, match="DOCTYPE or entities"):
        clean('<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("<text>&a;</text>"), name="a")


def test_a_small_chart_stays_small_and_a_wide_one_is_made_to_fit(tmp_path: Path) -> None:
    found = picture_of(made(tmp_path, {**BARS, "description": "Falls <b>."}))

    def picture_in(width: float) -> str:
        with asking(lambda message: {"svg": svg("<g/>", size=f'width="{width}" height="100"')}):
            return drawn(found, title="Rows & more", size=SIZE, locale=locale_of("en"), theme=DEFAULT)

    assert 'width="200pt" height="100pt" viewBox="0 0 200 100" style="width:200pt;' in picture_in(200)
    assert 'width="500pt" height="50pt" viewBox="0 0 1000 100" font-family=' in picture_in(1000)
    assert "<title>Rows &amp; more: Falls &lt;b&gt;.</title>" in picture_in(500)


def test_what_goes_wrong_is_told_with_the_charts_file(tmp_path: Path) -> None:
    found = picture_of(made(tmp_path, BARS))
    look: Mapping[str, Any] = {"title": "", "size": SIZE, "locale": locale_of("en"), "theme": DEFAULT}
    with pytest.raises(RenderError, match="in a render child only"):
        drawn(found, **look)

    def refused(message: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ReportError("Vega-Lite: no")

    with asking(refused), pytest.raises(ReportError, match=r"^sales/rows.vl.json: Vega-Lite: no$"):
        drawn(found, **look)
    with (
        asking(lambda message: {"svg": svg("<script/>")}),
        pytest.raises(ReportError, match=r"^sales/rows.vl.json: <s"),
    ):
        drawn(found, **look)
