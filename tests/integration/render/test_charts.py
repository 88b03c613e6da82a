"""The process that draws charts: its pictures, its limits, its end. One for the module, as in a daemon."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from reportd.errors import ExtraMissing, LimitExceeded, RenderMemory, ReportError
from reportd.render.canvas import width_of
from reportd.render.vega import remote
from reportd.render.vega.remote import Charts
from reportd.render.vega.request import Size, config
from reportd.report.theme import DEFAULT
from tests.conftest import Eventually
from tests.renders import ROOT, alive

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = [
    {"region": "North", "amount": 5, "day": "2026-03-01"},
    {"region": "South", "amount": 7250.5, "day": "2026-05-01"},
]
BARS = {
    "mark": "bar",
    "encoding": {"x": {"field": "region", "type": "nominal"}, "y": {"field": "amount", "type": "quantitative"}},
}
# Takes memory, and time, as long as there is any.
ENDLESS = {
    "data": {"sequence": {"start": 0, "stop": 1_000_000_000}},
    "mark": "point",
    "encoding": {"x": {"field": "data", "type": "quantitative"}},
}
# Takes time alone.
BACKTRACKING = {
    **BARS,
    "transform": [{"calculate": "test(/(a+)+$/, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')", "as": "region"}],
}


def asked(spec: Mapping[str, Any], *, locale: str = "en", **numbers: str) -> str:
    """A request over ROWS."""
    look = {**config(DEFAULT, Size(500, 165), composed=False), "autosize": {"type": "fit", "contains": "padding"}}
    spec = {"data": {"values": ROWS}, **spec}
    return json.dumps({"spec": spec, "config": look, "numbers": numbers, "times": {}, "locale": locale})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def charts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Charts]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        drawing = Charts(caches=tmp_path_factory.mktemp("caches"), chart_cpu_s=2)
        yield drawing
        await drawing.close()


async def test_a_chart_becomes_svg_with_words_in_it(charts: Charts) -> None:
    svg = await charts.draw(asked(BARS))
    assert svg.startswith("<svg")
    assert ">North</text>" in svg
    assert f'fill="{DEFAULT.palette[0]}"' in svg
    assert 'width="500"' in svg


async def test_the_same_request_is_the_same_drawing_whatever_came_between(charts: Charts) -> None:
    first = await charts.draw(asked(BARS))
    layered = {"layer": [BARS, {**BARS, "mark": {"type": "line", "clip": True}}]}
    pid, other = charts.pid, await charts.draw(asked(layered))
    assert await charts.draw(asked(BARS)) == first
    assert await charts.draw(asked({**layered})) != first != other
    assert charts.pid == pid


async def test_texts_are_measured_in_the_documents_own_font(charts: Charts) -> None:
    label = "Ein sehr langer Name, ĄŻŹ, 1,234.50"
    spec = {
        "data": {"values": [{"name": label, "amount": 1}]},
        "mark": "bar",
        "encoding": {
            "y": {"field": "name", "axis": {"title": None, "labelLimit": 0}},
            "x": {"field": "amount", "type": "quantitative"},
        },
    }
    found = re.search(r"translate\(([\d.]+),", await charts.draw(asked(spec)))
    assert found
    # What the label takes, the padding of axis and chart, and a pixel's rounding.
    assert abs(float(found[1]) - width_of(label)) < 10


async def test_numbers_and_months_are_written_as_in_the_rest_of_the_document(charts: Charts) -> None:
    spec = {
        "mark": "point",
        "encoding": {
            "x": {"field": "day", "type": "temporal", "axis": {"format": "%B"}},
            "y": {"field": "amount", "type": "quantitative", "axis": {"format": ",.1f"}},
        },
    }
    svg = await charts.draw(asked(spec, locale="de", decimal=",", thousands="’"))
    assert ">März</text>" in svg
    assert re.search(r">[2-5]’000,0</text>", svg)


async def test_what_the_specification_says_goes_before_the_look(charts: Charts) -> None:
    svg = await charts.draw(asked({**BARS, "width": 120, "config": {"mark": {"color": "#123456"}}}))
    assert 'fill="#123456"' in svg
    assert DEFAULT.palette[0] not in svg
    assert "<svg" in svg
    assert 'width="500"' not in svg


async def test_what_vega_lite_refuses_is_told_in_its_words_and_leaves_nothing_behind(charts: Charts) -> None:
    await charts.draw(asked(BARS))
    before = charts.pid
    with pytest.raises(ReportError, match=r"Vega-Lite: .*Unrecognized function: foo"):
        await charts.draw(asked({**BARS, "transform": [{"calculate": "foo(1)", "as": "x"}]}))
    assert ">North</text>" in await charts.draw(asked(BARS))
    assert charts.pid != before
    assert before is not None
    assert not alive(before)


async def test_a_chart_that_takes_too_long_is_killed_and_the_next_one_drawn(charts: Charts) -> None:
    waiting = asyncio.create_task(charts.draw(asked(BACKTRACKING)))
    await asyncio.sleep(0)
    behind = asyncio.create_task(charts.draw(asked(BARS)))
    with pytest.raises(LimitExceeded, match="the chart took more than 2 s of CPU time") as caught:
        await waiting
    assert not caught.value.retryable
    assert ">North</text>" in await behind


async def test_a_chart_that_takes_too_much_memory_ends_its_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(remote, "MEMORY_MB", 64)
    charts = Charts(caches=tmp_path, chart_cpu_s=60)
    try:
        with pytest.raises(RenderMemory, match="needs more memory than it may use, 64 MB"):
            await charts.draw(asked(ENDLESS))
        assert ">North</text>" in await charts.draw(asked(BARS))
    finally:
        await charts.close()
    assert charts.pid is None


async def test_a_cancelled_chart_ends_its_process(charts: Charts, eventually: Eventually) -> None:
    drawing = asyncio.create_task(charts.draw(asked(BACKTRACKING)))
    await eventually(lambda: charts._turn.locked() and charts.pid is not None)
    pid = charts.pid
    assert pid is not None
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert not alive(pid)


async def test_an_idle_process_ends_and_comes_back(charts: Charts, tmp_path: Path, eventually: Eventually) -> None:
    charts._idle_s, before = 0.05, charts._idle_s
    try:
        await charts.draw(asked(BARS))
        await eventually(lambda: charts.pid is None)
    finally:
        charts._idle_s = before
    await charts.draw(asked(BARS))
    assert charts.pid is not None


async def test_one_that_somebody_killed_is_replaced(charts: Charts, eventually: Eventually) -> None:
    await charts.draw(asked(BARS))
    pid = charts.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: charts.pid is None)
    assert ">North</text>" in await charts.draw(asked(BARS))


async def test_the_process_knows_nothing_and_is_the_first_to_go(
    charts: Charts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await charts.draw(asked(BARS))
    process = Path(f"/proc/{charts.pid}")
    names = {entry.partition("=")[0] for entry in (process / "environ").read_text().split("\0") if entry}
    assert names == {"PATH", "LANG", "TZ", "HOME", "XDG_CACHE_HOME", "PYTHONHASHSEED", "PYTHONPATH"}
    assert (process / "oom_score_adj").read_text().strip() == "500"
    limits = (process / "limits").read_text()
    assert re.search(r"Max file size +0 +0 ", limits)
    assert re.search(r"Max core file size +0 +0 ", limits)
    status = (process / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


async def test_without_the_extra_the_install_line_is_told(charts: Charts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match=r"pip install 'reportd\[vega\]'"):
        await charts.draw(asked(BARS))
