"""Specifications that would load, read or run something, put to Vega itself: past our checks and the kernel's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from reportd.render.vega.clean import clean
from tests.integration.security.canary import TOKEN, Canary, canary
from tests.renders import ROOT

ENCODING = {"x": {"field": "a", "type": "quantitative"}, "tooltip": {"field": "a"}}
POINTS: dict[str, Any] = {"data": {"values": [{"a": 1}]}, "mark": "point", "encoding": ENCODING}


# Draws one after the other in one process, which in a daemon would have ended with the first that fails.
SCRIPT = """
import json, sys
from reportd.render.vega.process import answer
look = {"config": {}, "numbers": {}, "times": {}, "locale": "en"}
for line in sys.stdin:
    print(json.dumps(answer({"spec": json.loads(line), **look})), flush=True)
"""


@dataclass(frozen=True)
class Tried:
    """What became of the specifications: what a document would show of them, empty for those that were refused."""

    canary: Canary
    shown: Mapping[str, str]


def answers(specs: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input="".join(json.dumps(spec) + "\n" for spec in specs),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "TZ": "UTC"},
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def shown(answer: Mapping[str, str], *, name: str = "a") -> str:
    try:
        return clean(answer["svg"], name=name).content
    except (KeyError, ValueError):
        return ""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with canary(tmp_path_factory.mktemp("canary")) as bird:
        (bird.directory / "secret.csv").write_text(f"a,b\n{TOKEN},1\n", encoding="utf-8")
        specs = loading(f"http://{bird.address}", bird.file, str(bird.directory))
        found = answers(list(specs.values()))
        yield Tried(bird, {name: shown(answer) for name, answer in zip(specs, found, strict=True)})


def calculated(expression: str) -> dict[str, Any]:
    words = {"text": {"field": "z", "type": "nominal"}}
    return {**POINTS, "transform": [{"calculate": expression, "as": "z"}], "mark": "text", "encoding": words}


def loading(http: str, file: str, path: str) -> dict[str, Mapping[str, Any]]:
    """Specifications by a name of what they try to load."""
    csv = {"type": "csv"}
    texts = {"mark": "text", "encoding": {"text": {"field": "a"}}}
    return {
        "data.url": {**texts, "data": {"url": f"{http}/1.json"}},
        "data.url of a file": {**texts, "data": {"url": f"{file}/secret.csv", "format": csv}},
        "data.url of a file in capitals": {**texts, "data": {"url": f"FILE{file[4:]}/secret.csv", "format": csv}},
        "data.url as a path": {**texts, "data": {"url": f"{path}/secret.csv", "format": csv}},
        "data.url that climbs": {**texts, "data": {"url": f"../../../../../../..{path}/secret.csv", "format": csv}},
        "data.url without a scheme": {**texts, "data": {"url": f"//{http[7:]}/2.json"}},
        "data.url by a signal": {
            **texts,
            "params": [{"name": "u", "value": f"{http}/3"}],
            "data": {"url": {"expr": "u"}},
        },
        "topojson": {"mark": "geoshape", "data": {"url": f"{http}/4", "format": {"type": "topojson", "feature": "x"}}},
        "a lookup": {
            **POINTS,
            "transform": [{"lookup": "a", "from": {"data": {"url": f"{http}/5"}, "key": "a", "fields": ["b"]}}],
        },
        "a layer's data": {"layer": [POINTS, {**POINTS, "data": {"url": f"{http}/6"}}]},
        "an image": {**POINTS, "mark": {"type": "image", "url": f"{http}/7.png"}},
        "an image by field": {
            "data": {"values": [{"a": f"{http}/8.png"}]},
            "mark": "image",
            "encoding": {"url": {"field": "a"}, "x": {"value": 1}},
        },
        "an image of a file": {**POINTS, "mark": {"type": "image", "url": f"{file}/a.svg"}},
        "a paint": {**POINTS, "mark": {"type": "point", "fill": f"url({http}/9.svg#a)"}},
        "a cursor": {**POINTS, "mark": {"type": "point", "cursor": f"url({http}/10.cur)"}},
        "a schema": {**POINTS, "$schema": f"{http}/11/vega-lite/v5.json"},
        "embedding options": {
            **POINTS,
            "usermeta": {"embedOptions": {"loader": {"baseURL": http}, "config": f"{http}/12.json"}},
        },
        "a loader": {**POINTS, "config": {"loader": {"baseURL": f"{http}/13"}}, "loader": http},
        "a font": {**POINTS, "config": {"font": f"url({http}/15.woff)"}, "title": "t"},
        "a function that loads": calculated(f"load('{http}/16')"),
        "fetch": calculated(f"fetch('{http}/17')"),
        "a module": calculated(f"import('{http}/18')"),
        # Last: how these fail comes back with the next chart of the same process.
        "a link": {**POINTS, "mark": {"type": "point", "href": f"{http}/14"}},
        "a link that runs": {**POINTS, "mark": {"type": "point", "href": "javascript:fetch('/')"}},
    }


NAMES = tuple(loading("", "", ""))

ESCAPES = (
    "datum.constructor.constructor('return 6*7')()",
    "datum['__proto__']['constructor']['constructor']('return 6*7')()",
    "format['constructor']('return 6*7')()",
    "(function () { return 6*7 })()",
    "(() => 6*7)()",
    "new Date()",
    "this.constructor",
    "globalThis",
    "Deno.readTextFileSync('/etc/passwd')",
    "process.env",
    "event.view",
    "eval('6*7')",
    "setTimeout('6*7', 1)",
    "datum.a = 42",
    "`${6*7}`",
)


def test_nothing_is_asked_of_anybody(tried: Tried) -> None:
    assert tried.canary.asked == []


@pytest.mark.parametrize("name", NAMES)
def test_a_specification_shows_nothing_from_elsewhere(tried: Tried, name: str) -> None:
    shown = tried.shown[name]
    assert TOKEN not in shown
    assert tried.canary.address not in shown
    assert "file:" not in shown.lower()
    assert "javascript:" not in shown


def test_an_expression_reaches_nothing_but_its_row() -> None:
    plain, *escaped = answers([calculated("6*7"), *map(calculated, ESCAPES)])
    assert ">42<" in shown(plain)
    for expression, answer in zip(ESCAPES, escaped, strict=True):
        assert ">42<" not in shown(answer), expression
        assert "root:" not in shown(answer), expression
        assert "[object" not in shown(answer), expression


def test_what_a_chart_says_of_prototypes_is_not_there_for_the_next() -> None:
    polluting = json.loads(
        '{"__proto__": {"mark": "bar", "background": "#abcdef"}, "config": {"__proto__": {"background": "#abcdef"},'
        ' "constructor": {"prototype": {"background": "#abcdef"}}},'
        ' "data": {"values": [{"a": 1, "__proto__": {"background": "#abcdef"}}]},'
        ' "mark": "point", "encoding": {"x": {"field": "__proto__.background"}}}'
    )
    clear, _, after = answers([POINTS, polluting, POINTS])
    assert shown(clear) == shown(after) != ""


def test_texts_stay_texts() -> None:
    hostile = '</text><script>alert(1)</script><text onload="x()" style="a">'
    spec = {**POINTS, "title": hostile, "description": hostile, "config": {"font": 'x" onload="x()" y="'}}
    [answer] = answers([spec])
    found = shown(answer, name='a" onload="x()')
    assert "&lt;/text&gt;&lt;script&gt;" in found
    elements = list(fromstring(f"<svg>{found}</svg>").iter())
    assert not [element for element in elements if element.tag == "script" or "onload" in element.attrib]
