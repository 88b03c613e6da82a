"""`reportd dev`: write a report with its pages and its sheet beside it, made anew at every save."""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from reportd import press, telemetry
from reportd.cli.options import database_options, find_dsn
from reportd.cli.output import near
from reportd.config import Config, load
from reportd.db import embedded
from reportd.db.embedded import EmbeddedPostgres
from reportd.errors import DatabaseUnavailable
from reportd.preview.live import Live
from reportd.preview.server import serving
from reportd.preview.view import View


@click.command()
@click.argument("report")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any that is free.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in your browser.")
@click.option(
    "--reports",
    "directories",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of reports; may be repeated. Default: the config file's, else ./reports.",
)
@database_options
def dev(
    *,
    report: str,
    port: int,
    open_browser: bool,
    directories: tuple[Path, ...],
    dsn: str | None,
    config_path: Path | None,
) -> None:
    """Show REPORT, a report's name or its path, in the browser while you write it.

    Its pages and its sheet stand side by side and follow every save; parameters have a form; a fault is shown with its
    lines. The page is for this machine alone. Ctrl-C ends it.
    """
    with TemporaryDirectory(prefix="reportd-dev-") as scratch:
        flags = {"database.dsn": dsn, "reports.directories": list(directories) or None, **press.settings(scratch)}
        config = load(config_path, flags)
        telemetry.configure(format=config.log.format, level="error")
        path = press.place(press.find(report, config.reports.directories))
        source = config.database.report_dsn or _named(dsn, config_path)
        if source is None:
            Path(scratch).chmod(0o711)  # root's Postgres runs as nobody, who has to pass
        asyncio.run(_serve(config, source, path, port=port, open_browser=open_browser))


def _named(dsn: str | None, config_path: Path | None) -> str | None:
    """The database that somebody has named, or that runs here; None where a server of our own has to do."""
    try:
        return find_dsn(dsn, config_path)
    except DatabaseUnavailable:
        if embedded.available() is not None:
            raise
        return None


@asynccontextmanager
async def _source(named: str | None, scratch: Path) -> AsyncIterator[str]:
    """The address of `named`, else of an empty server that lasts as long as this: a first report reads no table."""
    if named is not None:
        yield named
        return
    server = EmbeddedPostgres(scratch / "postgres")
    dsn = await server.start()
    try:
        click.echo(
            "No database is named (--dsn, REPORTD_DSN, config.toml): reports see an empty one of its own.", err=True
        )
        yield dsn
    finally:
        await server.stop()


async def _serve(config: Config, source: str | None, path: Path, *, port: int, open_browser: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        _source(source, config.storage.state_dir) as address,
        press.warm(config, address, name="reportd dev") as warm,
    ):
        live = Live(path, warm, shown=near(path), tell=_tell)
        async with serving(live, port=port) as addresses:
            click.secho(addresses.page, bold=True, err=True)
            click.echo(f"{live.view.path} is made anew at every save; Ctrl-C ends this", err=True)
            if open_browser:
                await asyncio.to_thread(webbrowser.open, addresses.once)
            working, stopping = asyncio.create_task(live.run()), asyncio.create_task(stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            stopping.cancel()
            await asyncio.wait({working})
    if not working.cancelled():
        working.result()


def _tell(view: View) -> None:
    """Say on the terminal how a making ended."""
    if view.trouble is not None:
        click.echo(f"{click.style('✗', fg='red')} {view.trouble}", err=True)
    elif view.made is not None:
        pages = f", {view.made.pages} page{'s' * (view.made.pages != 1)}" if "pdf" in view.made.files else ""
        click.echo(
            f"{click.style('✓', fg='green')} {view.made.seconds:.2f} s: {view.made.rows:,} rows{pages}", err=True
        )
