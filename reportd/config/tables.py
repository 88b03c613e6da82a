"""What can be configured: one frozen model per [table] of config.toml.

The descriptions and examples are the text of `config.example.toml`, which a test holds equal to them.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from reportd.config.sources import default_state_dir


def _zone(name: object) -> object:
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        near = get_close_matches(str(name), available_timezones(), n=1)
        meant = f"did you mean {near[0]}?" if near else "write it like Europe/Vienna"
        raise ValueError(f"is not a time zone: {meant}") from None
    return name


def _address(dsn: object) -> object:
    if isinstance(dsn, str) and not dsn.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a URI: postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return dsn


def _words(text: object) -> object:
    return [word.strip() for word in text.split(",")] if isinstance(text, str) else text


Count = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000)]
Large = Annotated[int, Field(ge=1, le=2**62)]
Zone = Annotated[str, BeforeValidator(_zone)]
Address = Annotated[str, BeforeValidator(_address)]
Role = Literal["worker", "scheduler"]


class Table(BaseModel):
    """What all tables are: unchangeable, and strict about their keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Table):
    """Which Postgres holds the queue, and which one reports read.

    Without a dsn reportd starts its embedded Postgres under storage.state_dir.
    """

    dsn: Address | None = Field(
        default=None,
        repr=False,
        description="Where the queue lives, as a URI. In the environment: REPORTD_DSN.",
        examples=["postgresql://reportd@localhost/app"],
    )
    dsn_file: Path | None = Field(
        default=None,
        description="A file that holds the dsn, instead of it.",
        examples=["/run/credentials/reportd.service/dsn"],
    )
    report_dsn: Address | None = Field(
        default=None,
        repr=False,
        description="What reports read: a login role with nothing but SELECT, or a replica. Default: the dsn.",
        examples=["postgresql://reportd_report@localhost/app"],
    )
    report_dsn_file: Path | None = Field(
        default=None,
        description="A file that holds the report_dsn, instead of it.",
        examples=["/run/credentials/reportd.service/report-dsn"],
    )
    listen_dsn: Address | None = Field(
        default=None,
        repr=False,
        description="A direct address for LISTEN where dsn leads to pgbouncer. Default: the dsn.",
        examples=["postgresql://reportd@localhost:5432/app"],
    )
    notify: bool = Field(
        default=True, description="Whether to LISTEN for new jobs; without it they wait for the next poll."
    )
    pool_max: Count = Field(default=8, description="Most connections to the queue's database.")
    statement_cache_size: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=200, description="Prepared statements kept per connection; behind pgbouncer none are, whatever it says."
    )
    application_name: str = Field(default="reportd", description="What pg_stat_activity shows.")


class Worker(Table):
    """How this daemon takes and runs jobs. A job's own values, its kind's and its queue's come first."""

    roles: Annotated[tuple[Role, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=("worker", "scheduler"), description="What this daemon does: run jobs, keep the schedules, or both."
    )
    concurrency: Count = Field(default=3, description="Jobs that run at once.")
    brief_concurrency: Count = Field(
        default=400, description="Brief jobs in hand at once: those of tasks that take milliseconds."
    )
    poll_interval_s: Seconds = Field(default=5.0, description="Longest wait before it looks for jobs again.")
    timeout_s: Seconds = Field(default=300.0, description="How long one attempt may take.")
    retries: Annotated[int, Field(ge=0, le=1000)] = Field(default=3, description="Further tries after a first failure.")
    retry_delay_s: Seconds = Field(default=60.0, description="Wait before the first retry.")
    retry_factor: Annotated[float, Field(ge=1, le=10)] = Field(
        default=1.0, description="By what each further wait grows: 1 keeps them equal, 2 doubles them."
    )
    retry_delay_max_s: Seconds = Field(default=3600.0, description="Longest wait between two tries.")
    retry_jitter: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="Random share of a wait, more or less, so that retries do not come all at once."
    )
    crashes_max: Count = Field(
        default=3, description="Attempts that may die with their worker before a job is given up."
    )
    lease_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=15.0, description="Silence after which other daemons take over this one's jobs."
    )
    drain_limit_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=30.0, description="How long SIGTERM waits for running jobs; what is left goes back to the queue."
    )


class Reports(Table):
    """Where reports are, and what a report that says nothing else looks like."""

    directories: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(Path("reports"),),
        description="Folders of reports, relative to this file. In the environment separated by colons.",
    )
    timezone: Zone = Field(default="UTC", description="Zone of dates, period words and times.")
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = Field(
        default="en", description="How numbers and dates are written: en, en-GB, de, de-AT …"
    )
    paper: Literal["A4", "Letter"] = Field(default="A4", description="Size of a page: A4 or Letter.")
    pdf_rows_max: Large = Field(
        default=1_000_000, description="Rows of a table in a PDF; a longer one is cut, and says so."
    )
    pdf_pages_max: Large = Field(default=100_000, description="Pages of a PDF; a longer one fails.")


class Fetch(Table):
    """What the queries of one report may cost."""

    rows_max: Large = Field(default=10_000_000, description="Rows of one block.")
    bytes_max: Large = Field(default=4 * 2**30, description="Bytes of all results of one job on disk.")
    row_bytes_max: Large = Field(default=16 * 2**20, description="Bytes of one row as CSV.")
    columns_max: Annotated[int, Field(ge=1, le=1664)] = Field(default=1600, description="Columns of one block.")
    query_timeout_s: Seconds = Field(default=300.0, description="Time of one query, by the server's clock.")
    lock_wait_s: Seconds = Field(default=10.0, description="How long a query waits for a lock.")
    temp_bytes_max: Large = Field(default=8 * 2**30, description="Bytes a query may spill on the server's disk.")


class Render(Table):
    """What making one job's files may cost, in a process of its own."""

    concurrency: Count | None = Field(
        default=None, description="Processes that render at once. Default: worker.concurrency.", examples=[3]
    )
    memory_mb: Annotated[int, Field(ge=128, le=1_048_576)] = Field(default=1024, description="Memory of one, in MiB.")
    cpu_s: Count = Field(default=600, description="CPU time of one.")
    file_mb: Annotated[int, Field(ge=1, le=1_048_576)] = Field(
        default=4096, description="Size of any one file, in MiB."
    )
    chart_cpu_s: Count = Field(default=20, description="CPU time for one chart of Vega-Lite.")


class Storage(Table):
    """Where files go."""

    state_dir: Path = Field(
        default_factory=lambda: default_state_dir(os.environ),
        description="What reportd keeps. Default: $REPORTD_STATE, systemd's StateDirectory, or XDG's state home.",
        examples=["~/.local/state/reportd"],
    )
    artifacts_dir: Path = Field(
        default_factory=lambda seen: seen.get("state_dir", Path()) / "artifacts",
        description="Finished files. Daemons on several hosts need one that they share. Default: below state_dir.",
        examples=["~/.local/state/reportd/artifacts"],
    )
    spool_dir: Path = Field(
        default_factory=lambda seen: seen.get("state_dir", Path()) / "spool",
        description="Query results of running jobs. Default: below state_dir.",
        examples=["~/.local/state/reportd/spool"],
    )
    deliver_dir: Path = Field(
        default_factory=lambda seen: seen.get("state_dir", Path()) / "delivered",
        description="Where targets such as file:sales/ begin; nothing is written outside. Default: below state_dir.",
        examples=["~/.local/state/reportd/delivered"],
    )
    orphan_age_s: Seconds = Field(
        default=86_400.0, description="Age at which a finished file that no row names is removed."
    )


class Tasks(Table):
    """Tasks of the application's, and the processes of those that have isolation = "process"."""

    modules: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(),
        description="Modules whose @task functions are kinds of jobs; they must be importable, say by PYTHONPATH.",
        examples=[("myapp.jobs",)],
    )
    processes_min: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="Processes that are kept though idle."
    )
    processes_max: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=2, description="Processes at once; their jobs count apart from worker.concurrency."
    )
    idle_s: Seconds = Field(default=30.0, description="Idle time after which a process ends.")
    waiting_max: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=4, description="Jobs in hand that may wait for a process; more are not claimed."
    )
    memory_mb: Annotated[int, Field(ge=64, le=1_048_576)] = Field(
        default=1024, description="Memory of a process, in MiB, for tasks that say nothing."
    )
    cpu_s: Count = Field(default=600, description="CPU time of one attempt in a process, for tasks that say nothing.")


class Retention(Table):
    """How long finished work is kept. A queue's own rule (reportd.queues.keep_…) comes first.

    Unfinished jobs are never deleted. A job's files go with it.
    """

    completed_s: Seconds | None = Field(default=2_592_000.0, description="Age at which completed jobs are deleted.")
    failed_s: Seconds | None = Field(
        default=7_776_000.0, description="Age at which failed and cancelled jobs are deleted."
    )
    completed: Large | None = Field(
        default=None, description="How many completed jobs each queue keeps. Default: all.", examples=[10_000]
    )
    failed: Large | None = Field(
        default=None, description="How many failed and cancelled jobs each queue keeps. Default: all.", examples=[1000]
    )
    artifacts_s: Seconds | None = Field(
        default=None,
        description="Age at which files are deleted before their jobs. Default: with them.",
        examples=[604_800],
    )
    occurrences_s: Seconds | None = Field(
        default=31_536_000.0, description="Age at which ticks are dropped from the ledger of schedules."
    )


class Schedules(Table):
    """How schedules are kept; worker.roles says by whom."""

    interval_s: Seconds = Field(default=15.0, description="Longest wait before it looks for new and changed schedules.")
    catch_up_max: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=100, description='Missed ticks of one schedule that run afterwards, where it says misfire = "all".'
    )


class Log(Table):
    """What the daemon says, on stderr."""

    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="console for people, json for programs; auto: console on a terminal."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is said.")


class Config(BaseSettings):
    """All of it. Built by `load`; parts are given the values that they use, not the whole."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="REPORTD_", env_nested_delimiter="__", env_ignore_empty=True
    )

    database: Database = Database()
    worker: Worker = Worker()
    reports: Reports = Reports()
    fetch: Fetch = Fetch()
    render: Render = Render()
    storage: Storage = Field(default_factory=lambda: Storage())
    tasks: Tasks = Tasks()
    retention: Retention = Retention()
    schedules: Schedules = Schedules()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but what it is given: `load` has read the rest already, and merged it by our rules."""
        return (init_settings,)
