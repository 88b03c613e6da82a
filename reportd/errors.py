"""Every error that reportd raises on purpose: one tree, and each class says whether another try can help.

An error's `code` is public: it lands in `jobs.error->>'code'`, in logs and in metrics, so it is only ever added to.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

# No room: the disk, the user's quota, or the process's own limit on file sizes.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ReportdError(Exception):
    """Base of the tree: a sentence for a person, a `code` for a program, and `detail` for the curious.

    `detail` holds JSON values only; it is stored in `jobs.error->'detail'` and shown by `reportd jobs show`.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = True

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return self.message


class ConfigError(ReportdError):
    """The configuration can't be used; the message names the key and the remedy."""

    code = "config"
    retryable = False


class DatabaseUnavailable(ReportdError):
    """No connection to a database could be had, or it broke."""

    code = "database-unavailable"


class SchemaError(ReportdError):
    """The schema in the database does not fit this version of reportd."""

    code = "schema"
    retryable = False


class UnknownJob(ReportdError):
    """No job has this id."""

    code = "unknown-job"
    retryable = False


class Refused(ReportdError):
    """The database refused an INSERT or a call; the message is the trigger's own."""

    code = "refused"
    retryable = False


class UnknownDelivery(ReportdError):
    """No delivery has this id."""

    code = "unknown-delivery"
    retryable = False


class UnknownSchedule(ReportdError):
    """No schedule has this name."""

    code = "unknown-schedule"
    retryable = False


class UnknownKind(ReportdError):
    """No report or task of this name is loaded here."""

    code = "unknown-kind"
    retryable = False


class ReportError(ReportdError):
    """A report's file is wrong; `detail` has file, line, column where known."""

    code = "report-broken"
    retryable = False


class CronError(ReportdError):
    """A cron expression or its time zone is not valid, or never fires."""

    code = "cron"
    retryable = False


class ReportCodeError(ReportdError):
    """A report's own Python raised; the message has its file and line, `detail` the traceback."""

    code = "report-code"
    retryable = False


class PluginError(ReportdError):
    """An installed package's kind of job can't be loaded; the message names its place."""

    code = "plugin-broken"
    retryable = False


class ParamsError(ReportdError):
    """A parameter is missing, unknown, or not of its type."""

    code = "params"
    retryable = False


class QueryError(ReportdError):
    """A report's query was refused by the server: wrong SQL, missing right, or an attempt to write."""

    code = "query"
    retryable = False


class QueryInterrupted(ReportdError):
    """A report's query broke off for a reason that may pass: serialization, lost connection, server restart."""

    code = "query-interrupted"


class LimitExceeded(ReportdError):
    """A report went past a limit on rows, bytes, pages or time that another try would meet again."""

    code = "limit"
    retryable = False


class JobTimeout(ReportdError):
    """An attempt passed the job's time-out."""

    code = "timeout"


class RenderError(ReportdError):
    """A render child reported an error of its own."""

    code = "render"


class RenderMemory(RenderError):
    """A render child ran into its memory limit."""

    code = "render-memory"


class ChildDied(RenderError):
    """A child process ended without an answer; the message names signal and peak memory."""

    code = "child-died"


class TaskError(ReportdError):
    """A task's own code raised; the message has its exception, file and line, `detail` the traceback."""

    code = "task"


class TaskFatal(TaskError):
    """A task raised what its `never_retry` lists, or this on purpose: no other try can help."""

    code = "task-fatal"
    retryable = False


class TaskMemory(TaskError):
    """A task ran into its memory limit."""

    code = "task-memory"


class TaskResultError(ReportdError):
    """A task returned what JSON can't hold."""

    code = "task-result"
    retryable = False


class TaskBroken(ReportdError):
    """A task, or its whole module, can't be loaded; the message says why."""

    code = "task-broken"
    retryable = False


class ServiceError(ReportdError):
    """A service that a task needs could not be opened."""

    code = "service"


class AttemptLost(ReportdError):
    """The job is another worker's by now, or has ended: this attempt keeps nothing any more."""

    code = "attempt-lost"


class PdfEngineMissing(ReportdError):
    """WeasyPrint can't load Pango on this host; the message has the install line."""

    code = "pdf-engine-missing"
    retryable = False


class ExtraMissing(ReportdError):
    """A format needs a package that an extra of reportd's brings; the message has the install line."""

    code = "extra-missing"
    retryable = False


class StoreFull(ReportdError):
    """No space for spool or artifact; nothing half-written was kept."""

    code = "store-full"


class CrashLoop(ReportdError):
    """The job's attempts kept dying with their worker or child: quarantined."""

    code = "crash-loop"
    retryable = False


def disk_error(error: OSError, *, doing: str) -> ReportdError:
    """`error` of a file operation as ours: StoreFull where room is what lacks; `doing` says what it was for."""
    if error.errno in _FULL:
        return StoreFull(f"no room left while {doing}: {error.strerror}", path=error.filename)
    return ReportdError(f"failed while {doing}: {error}", path=error.filename)
