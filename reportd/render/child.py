"""A render child's work: read the report, build the document, make the files, say how it went.

It knows a spool directory, an output directory and a pipe to the template; no database, no configuration, no secret.
Messages up: `{"step": …}`, `{"file": …}`, then `{"done": …}` or `{"error": …}`. A report's own code asks: `{"query":
…}` and at last `{"fetched": …}`, and a chart of the author's own `{"draw": …}`; the daemon answers each.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reportd import failpoints, spool
from reportd.children import confine
from reportd.children.confine import TEMPORARY, ChildLimits
from reportd.children.wire import Decoder, Frame, Kind, WireError, pack
from reportd.errors import LimitExceeded
from reportd.job import Step
from reportd.render.build import frame_of, sections
from reportd.render.failure import described, rebuilt
from reportd.render.leaves import Leaves
from reportd.render.script import Ask, Script
from reportd.render.task import RenderTask
from reportd.render.vega.drawing import asking
from reportd.report import reader, translation
from reportd.report.definition import Code, Report
from reportd.report.locales import speaking
from reportd.spool import Dataset

Send = Callable[[Mapping[str, Any]], None]

_PLACES = {Step.BUILDING: "building", Step.GENERATING: "generating"}


def main(frame: Frame, leaves: Leaves, limits: ChildLimits) -> None:
    """Carry out the task in `frame` and report over the pipe. What goes wrong becomes a message; nothing is raised."""
    connection = socket.socket(fileno=confine.PIPE_FD)

    def send(message: Mapping[str, Any]) -> None:
        connection.sendall(pack(Kind.MESSAGE, frame.task, message))

    try:
        task = RenderTask.from_json(frame.message())
        confine.settle(Path(task.out))
        run(task, leaves, send, lambda message: _asked(message, connection, send))
    except BaseException as error:  # noqa: BLE001  a report may raise anything, SystemExit too; this is where it ends
        confine.lift_memory_limit()
        send({"error": described(error, limits=limits)})
    sys.stdout.flush()
    sys.stderr.flush()


def run(task: RenderTask, leaves: Leaves, send: Send, ask: Ask) -> None:
    """Build the task's document and render it in each format, in the order asked. Raises what the stages raise.

    `ask` sends a message that the daemon answers, for a report's own `fetch` and for charts in Vega-Lite.
    """
    report = reader.read(task.source)
    locale = task.locale or report.locale or task.settings.locale
    with speaking(translation.words(report, locale)), asking(ask):
        _run(replace(translation.localised(report, locale), locale=locale), task, leaves, send, ask)


def _run(report: Report, task: RenderTask, leaves: Leaves, send: Send, ask: Ask) -> None:
    steps_s: dict[str, float] = {}
    frame = frame_of(report, settings=task.settings, title=task.title, job=task.job)

    fetched: Script | None = None
    if report.code is not None and report.code.fetch:
        with _step(Step.FETCHING, send, steps_s):
            fetched = _script(report, report.code, _dataset(task), task)
            fetched.fetch(frame, ask)

    with _step(Step.BUILDING, send, steps_s):
        if report.code is None:
            dataset = _dataset(task)
            document = frame.document(sections(frame, dataset), dataset)
        else:
            script = fetched or _script(report, report.code, _dataset(task), task)
            document = script.build(frame)

    with _step(Step.GENERATING, send, steps_s):
        for name in dict.fromkeys(task.formats):
            renderer = leaves.renderer(name)
            with _noted(f"while making {name}"):
                files = renderer.render(document, out=Path(task.out), settings=task.settings)
            for file in files:
                send({"file": asdict(file)})

    send({"done": {"steps_s": steps_s}})


def _dataset(task: RenderTask) -> Dataset:
    dataset = spool.load(Path(task.directory))
    # WeasyPrint, xlsxwriter and zip take the time of creation from here: same data, same bytes.
    os.environ["SOURCE_DATE_EPOCH"] = str(int(dataset.as_of.timestamp()))
    return dataset


def _script(report: Report, code: Code, dataset: Dataset, task: RenderTask) -> Script:
    return Script(report, code, dataset, scratch=Path(task.out) / TEMPORARY)


def _asked(message: Mapping[str, Any], connection: socket.socket, send: Send) -> Mapping[str, Any]:
    """The daemon's answer to `message`. Raises the error that it answers with."""
    try:
        send(message)
    except WireError as error:
        raise LimitExceeded(f"What the daemon was to be asked is too large: {error}") from error
    decoder = Decoder()
    while not (frames := decoder.feed(data := connection.recv(64 * 1024))):
        if not data:
            raise SystemExit("the template is gone")
    answer = frames[0].message()
    if "error" in answer:
        raise rebuilt(answer["error"])
    return answer


@contextmanager
def _step(step: Step, send: Send, steps_s: dict[str, float]) -> Iterator[None]:
    send({"step": step})
    if place := _PLACES.get(step):
        failpoints.reach_blocking(place)
    start = time.monotonic()
    yield
    steps_s[step] = time.monotonic() - start


@contextmanager
def _noted(note: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(note)
        raise
