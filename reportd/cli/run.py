"""`reportd run`: the daemon."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import click

from reportd import daemon, telemetry
from reportd.cli.options import ADDRESS_FILE, database_options
from reportd.config import Config, load
from reportd.db import embedded
from reportd.db.embedded import EmbeddedPostgres
from reportd.errors import DatabaseUnavailable
from reportd.queue.worker import Shutdown
from reportd.supervisor import Supervisor

_END_LIMIT_S = 2.0


@click.command()
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of .sql reports; may be repeated. Default: the config file's, else ./reports.",
)
@click.option(
    "--state", "state_dir", type=click.Path(path_type=Path, file_okay=False), help="Where reportd keeps files."
)
@click.option("--role", "roles", metavar="ROLES", help="What it does: worker, scheduler, or worker,scheduler (both).")
@click.option("--tasks", "modules", multiple=True, metavar="MODULE", help="Module of @task functions; may be repeated.")
@click.option("--concurrency", "-j", type=click.IntRange(min=1), help="Jobs that run at once.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="The least that is said.")
@click.option(
    "--log-format", type=click.Choice(["auto", "console", "json"]), help="console for people, json for programs."
)
@click.option("--reload", is_flag=True, help="Read reports again as soon as a file of theirs changes (for authors).")
@database_options
def run(
    *,
    directories: tuple[Path, ...],
    state_dir: Path | None,
    roles: str | None,
    modules: tuple[str, ...],
    concurrency: int | None,
    log_level: str | None,
    log_format: str | None,
    reload: bool,
    dsn: str | None,
    config_path: Path | None,
) -> None:
    """Run the daemon: claim jobs, make reports, keep schedules.

    SIGTERM or Ctrl-C stops it: it takes no more jobs, lets running ones end, and gives back what takes too long; a
    second signal does not wait. SIGHUP reads reports and configuration again. Without a database of yours it starts
    its own and says where.
    """
    flags = {
        "database.dsn": dsn,
        "reports.directories": list(directories) or None,
        "storage.state_dir": state_dir,
        "worker.roles": roles,
        "tasks.modules": list(modules) or None,
        "worker.concurrency": concurrency,
        "log.level": log_level,
        "log.format": log_format,
    }
    config = load(config_path, flags)
    telemetry.configure(format=config.log.format, level=config.log.level)
    with asyncio.Runner() as runner:
        runner.run(_run(config, watch=reload, reread=lambda: load(config_path, flags)))
        # The runner waits for every thread that tasks have left behind, for ever if it must.
        end = threading.Timer(_END_LIMIT_S, os._exit, args=(0,))
        end.daemon = True
        end.start()
    end.cancel()


async def _run(config: Config, *, watch: bool, reread: Callable[[], Config]) -> None:
    supervisor = Supervisor.from_environment()
    shutdown = Shutdown(asyncio.Event(), asyncio.Event())
    async with supervisor.watching(stop=shutdown.stop), _database(config) as dsn:
        await daemon.serve(config, dsn=dsn, ready=supervisor.ready, shutdown=shutdown, watch=watch, reread=reread)


@asynccontextmanager
async def _database(config: Config) -> AsyncIterator[str]:
    """The address of the queue's database; without one in the configuration, that of a server of our own."""
    if config.database.dsn is not None:
        yield config.database.dsn
        return
    if (reason := embedded.available()) is not None:
        raise DatabaseUnavailable(
            f"no database is named, and {reason}",
            hint="give --dsn, set REPORTD_DSN, or write dsn under [database] in config.toml",
        )
    state = config.storage.state_dir
    server = EmbeddedPostgres(state / "postgres")
    dsn = await server.start()
    address = state / ADDRESS_FILE
    try:
        address.write_text(f"{dsn}\n", encoding="utf-8")
        _say(dsn, state / "postgres")
        yield dsn
    finally:
        address.unlink(missing_ok=True)
        await server.stop()


def _say(dsn: str, directory: Path) -> None:
    rule = "─" * 78
    bold = click.style(f"psql '{dsn}'", bold=True)
    click.echo(
        f"{rule}\nNo database is named, so reportd has started its own PostgreSQL for this daemon.\n"
        f"  data     {directory}\n  connect  {bold}\n"
        f"It ends with pid {os.getpid()}. For work that matters name yours: --dsn, REPORTD_DSN or config.toml.\n{rule}",
        err=True,
    )
