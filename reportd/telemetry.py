"""What the daemon says: structlog, for people on a terminal and as JSON lines for programs, on stderr.

`EVENTS` is the list of everything that is said under a name of its own; a test holds it equal to the code. What
libraries say by the standard `logging` comes out in the same form.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Literal

import structlog

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "artifact.orphan_removed": "a stored file that no row names was old enough to be removed",
        "artifacts.deleted": "files past their time were deleted",
        "burst.completed": "the last document of a burst has ended; how many did how",
        "burst.left_out": "rows of a split burst belong to none of its documents; how many",
        "burst.read_again": "a document of a split burst lacked the rows that its parent had read, and reads them anew",
        "charts.ready": "the process that draws charts of Vega-Lite has started; it ends when it has been idle",
        "config.kept": "settings have changed that a running daemon can't take up; their names are with it",
        "config.reloaded": "settings that have changed are taken up; their names are with it",
        "config.unreadable": "the configuration could not be read again; everything stays as it was",
        "daemon.started": "the daemon is ready and takes jobs",
        "daemon.stopped": "the daemon has ended in good order",
        "database.pooled": "a pooler, such as pgbouncer, is before the database; nothing is kept between transactions",
        "database.unavailable": "the database can't be reached; the step is tried again",
        "delivery.failed": "a delivery that no job will try again; its row says why",
        "delivery.made": "a channel has a job's files",
        "format.unusable": "this host can't make a format; jobs that ask for it fail",
        "job.cancelled": "a running job was stopped because somebody cancelled it",
        "job.claimed": "this daemon took a job",
        "job.completed": "a job has all its files",
        "job.crashed": "an attempt ended by a fault of reportd's own; the traceback is with it",
        "job.divided": "a burst has ordered a job for each of its rows",
        "job.failed": "a job failed for good",
        "job.fenced": "this attempt's job had gone to another; its result was dropped",
        "job.released": "a job went back to the queue with nothing spent",
        "job.rescued": "a job of a worker that died was given back or given up",
        "job.retried": "an attempt failed and the job waits for the next",
        "job.started": "an attempt began",
        "job.uncleared": "what an ended attempt had left could not be removed now; the maintenance does it later",
        "job.unwritten": "the end of an attempt could not be written yet; it is offered again",
        "jobs.claimed": "this daemon took a batch of brief jobs",
        "jobs.completed": "a batch of brief jobs is done",
        "jobs.deleted": "finished jobs past their time were deleted, with their files",
        "jobs.fenced": "brief jobs had gone to another worker; their results were dropped",
        "lease.unrenewed": "the worker's lease could not be renewed; it is tried again",
        "loop.blocked": "one task kept all others waiting; its name and the lines where it stood are with it",
        "notifier.deaf": "LISTEN hears nothing, as behind pgbouncer; new jobs are looked for more often instead",
        "notifier.disconnected": "LISTEN lost its connection; polling goes on",
        "notifier.listening": "LISTEN works, tested from end to end: new jobs start at once",
        "plugin.broken": "an installed package's kind can't be loaded; its jobs fail with this error",
        "postgres.failed": "the embedded Postgres could not be started or taken over",
        "postgres.restarted": "the embedded Postgres had ended and is started again",
        "render.noted": "something is amiss in a file that was made, such as characters that no font here has",
        "render.template.died": "the template process of the render children died; another is started",
        "render.template.failed": "no template process could be started; it is tried again",
        "render.template.ready": "render children can be made",
        "report.broken": "a report can't be used; its jobs fail with this error",
        "report.unchecked": "a report could not be checked against the database now; its jobs will find out",
        "reports.reloaded": "the reports were read again; names of those that changed and of those that are gone",
        "reports.unreadable": "a report directory could not be read again; the reports stay as they were",
        "schedule.broken": "a schedule's cron or time zone can't be used; its error is in the row",
        "schedule.declared": "a report's schedule is new or has changed",
        "schedule.fired": "a schedule's slot became a job",
        "schedule.missed": "slots went by with no daemon, and the schedule's policy is to leave them",
        "schedule.refused": "a slot's job was refused by the database; the error is in the row",
        "schedule.retired": "a report declares this schedule no longer; it fires no more",
        "schedule.skipped": "a slot orders nothing: the schedule's former job had not ended, and its overlap says so",
        "schedule.taken": "a report's schedule has the name of one made by SQL and is ignored",
        "schedule.waits": "a slot waits for the schedule's former job to end",
        "service.closed": "a service of the tasks was closed",
        "service.failed": "a service of the tasks ended with an error",
        "service.opened": "a task wanted a service for the first time, and it was opened",
        "service.unclosed": "a service took too long to close and was left",
        "spool.pruned": "query results of a job that is over were removed",
        "task.broken": "a task, or a module of tasks, can't be used; the error says why",
        "task.process.failed": "no process for tasks could be started; it is tried again",
        "task.unstoppable": "a task went on after it was told to end; nothing that it does counts any more",
        "template.declared": "a report's template is new or has changed",
        "template.retired": "a template is no longer declared in its report; jobs that name it are refused",
        "template.taken": "a report declares a template whose name another has; the report's has no effect",
        "worker.draining": "no more jobs are taken; those that run are given time to end",
        "worker.left": "the worker took itself off the list",
        "worker.lost": "others declared this worker dead; it registers anew",
        "worker.registered": "the worker is on the list and has a lease",
        "worker.rescued": "another worker was found dead and its jobs were given back",
        "worker.stuck": "the event loop did not answer; the lease is let go so that others take over",
        "worker.unleft": "the worker could not take itself off the list; its lease will run out",
    }
)

REDACTED = "***"
_SECRET_KEYS = re.compile(r"(?:^|_)(?:password|passwd|secret|token|dsn|authorization)$", re.IGNORECASE)
_SECRET_IN_URI = re.compile(r"(?<=://)([^\s:/@]*):([^\s@]+)@")
_SECRET_IN_WORDS = re.compile(r"(?i)\b(password|passwd|token)=('[^']*'|[^\s&]+)")


def configure(*, format: Literal["auto", "console", "json"] = "auto", level: str = "info") -> None:
    """Send everything to stderr, from `level` up; `auto` is console on a terminal, JSON lines elsewhere."""
    console = sys.stderr.isatty() if format == "auto" else format == "console"
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not console),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    logging.captureWarnings(True)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out: values under a key that says so, and passwords in addresses wherever they are."""
    return {key: REDACTED if _SECRET_KEYS.search(key) and value else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_IN_WORDS.sub(rf"\1={REDACTED}", _SECRET_IN_URI.sub(rf"\1:{REDACTED}@", value))
        case Mapping():
            return {
                key: REDACTED if isinstance(key, str) and _SECRET_KEYS.search(key) and inner else _clean(inner)
                for key, inner in value.items()
            }
        case list() | tuple():
            return [_clean(part) for part in value]
        case _:
            return value
