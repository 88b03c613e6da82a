"""A render child's work: read the report, build the document, make the files, say how it went.

It knows a spool directory, an output directory and a pipe to the template; no database, no configuration, no secret.
Messages up: `{"step": …}`, `{"file": …}`, then `{"done": …}` or `{"error": …}`.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reportd import failpoints, spool
from reportd.job import Step
from reportd.render import confine
from reportd.render.build import build
from reportd.render.confine import RenderLimits
from reportd.render.failure import described
from reportd.render.leaves import Leaves
from reportd.render.task import RenderTask
from reportd.render.wire import Frame, Kind, pack
from reportd.report import sqlfile

Send = Callable[[Mapping[str, Any]], None]

_PLACES = {Step.BUILDING: "building", Step.GENERATING: "generating"}


def main(frame: Frame, leaves: Leaves, limits: RenderLimits) -> None:
    """Carry out the task in `frame` and report over the pipe. What goes wrong becomes a message; nothing is raised."""
    connection = socket.socket(fileno=confine.PIPE_FD)

    def send(message: Mapping[str, Any]) -> None:
        connection.sendall(pack(Kind.MESSAGE, frame.task, message))

    try:
        task = RenderTask.from_json(frame.message())
        confine.settle(Path(task.out))
        run(task, leaves, send)
    except BaseException as error:  # noqa: BLE001  a report may raise anything, SystemExit too; this is where it ends
        confine.lift_memory_limit()
        send({"error": described(error, limits=limits)})
    sys.stdout.flush()
    sys.stderr.flush()


def run(task: RenderTask, leaves: Leaves, send: Send) -> None:
    """Build the task's document and render it in each format, in the order asked. Raises what the stages raise."""
    steps_s: dict[str, float] = {}

    with _step(Step.BUILDING, send, steps_s):
        report = sqlfile.parse(task.source)
        dataset = spool.load(Path(task.directory))
        # WeasyPrint, xlsxwriter and zip take the time of creation from here: same data, same bytes.
        os.environ["SOURCE_DATE_EPOCH"] = str(int(dataset.as_of.timestamp()))
        document = build(report, dataset, settings=task.settings, title=task.title, job=task.job)

    with _step(Step.GENERATING, send, steps_s):
        for name in dict.fromkeys(task.formats):
            renderer = leaves.renderer(name)
            with _noted(f"while making {name}"):
                files = renderer.render(document, out=Path(task.out), settings=task.settings)
            for file in files:
                send({"file": asdict(file)})

    send({"done": {"steps_s": steps_s}})


@contextmanager
def _step(step: Step, send: Send, steps_s: dict[str, float]) -> Iterator[None]:
    send({"step": step})
    failpoints.reach_blocking(_PLACES[step])
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
