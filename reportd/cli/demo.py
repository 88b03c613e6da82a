"""`reportd demo`: an example's reports, from an INSERT to files, on a machine that has nothing.

It starts a Postgres of its own, loads the pack, runs the daemon in this process, and orders reports as an application
would. Nothing of the user's is read or changed: no configuration, no database, no environment.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import click

from reportd import daemon, telemetry
from reportd.cli import follow, formats, packs
from reportd.cli.enqueue import JobNotDone
from reportd.cli.follow import Ended
from reportd.cli.output import emit_table, size
from reportd.cli.packs import Pack
from reportd.config import sources
from reportd.config.tables import Config, Reports, Schedules, Storage, Worker
from reportd.db import embedded, jobs, schedules
from reportd.db.client import client
from reportd.db.embedded import EmbeddedPostgres
from reportd.db.queries import Connection
from reportd.db.schedules import ScheduleRow
from reportd.errors import DatabaseUnavailable
from reportd.queue.worker import Shutdown

WANTED = ("pdf", "xlsx", "csv")
WATCH_S = 1.0
PLAN_LIMIT_S = 5.0


@click.command()
@click.option(
    "--once",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Put the files into DIR and end; leave nothing else behind.",
)
@click.option(
    "--gallery",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The same with the gallery: six reports that show what can be done.",
)
def demo(*, once: Path | None, gallery: Path | None) -> None:
    """Show it all: load a learning platform's data into a Postgres of its own, and make its reports.

    Goes on with the schedule until Ctrl-C. Everything stays under the state directory, in demo/.
    """
    if once and gallery:
        raise click.UsageError("--once and --gallery are two demos: name one")
    telemetry.configure(level="error")
    if (reason := embedded.available()) is not None:
        raise DatabaseUnavailable(
            f"the demo brings its own database, but {reason}",
            hint="or load one of the examples into a database of yours: its README says how",
        )
    with _home(once or gallery) as home:
        asyncio.run(_demo(packs.find("gallery" if gallery else "learning"), home, once or gallery))


@contextmanager
def _home(once: Path | None) -> Iterator[Path]:
    """Where the demo keeps its server and files: for good, or with `once` until it ends."""
    if once is None:
        home = sources.default_state_dir() / "demo"
        home.mkdir(parents=True, exist_ok=True)
        yield home
        return
    once.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reportd-demo-") as directory:
        # Root's Postgres runs as nobody, who has to pass.
        Path(directory).chmod(0o711)
        yield Path(directory)


async def _demo(pack: Pack, home: Path, once: Path | None) -> None:
    usable = asyncio.create_task(formats.probe())  # two seconds on another core, while Postgres starts
    async with _postgres(home / "postgres") as dsn, client(dsn, application_name="reportd demo") as connection:
        await _load(connection, pack)
        reasons = (await usable).unusable
        config = Config(
            storage=Storage(state_dir=home),
            reports=Reports(directories=(pack.reports,), timezone="Europe/Vienna"),
            # Somebody is watching.
            worker=Worker(retries=1, retry_delay_s=2.0),
            schedules=Schedules(interval_s=1.0),
        )
        shutdown, ready = Shutdown(asyncio.Event(), asyncio.Event()), asyncio.Event()
        serving = asyncio.create_task(daemon.serve(config, dsn=dsn, ready=ready.set, shutdown=shutdown))
        delivered = config.storage.deliver_dir
        story = asyncio.create_task(_story(connection, pack, reasons, ready, once=once, dsn=dsn, delivered=delivered))
        try:
            await asyncio.wait({serving, story}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            shutdown.stop.set()
            if not story.done():  # a signal or an error ended the daemon
                story.cancel()
            await asyncio.wait({serving, story})
        await serving
    if not story.cancelled():
        await story
    elif once is not None:
        raise click.Abort


@asynccontextmanager
async def _postgres(directory: Path) -> AsyncIterator[str]:
    with _timed("PostgreSQL of its own, started"):
        server = EmbeddedPostgres(directory)
        dsn = await server.start()
    try:
        yield dsn
    finally:
        await server.stop()


async def _load(connection: Connection, pack: Pack) -> None:
    """Load the pack, unless an earlier demo has done so today: its data ends on the day that it was made."""
    there = await connection.fetchval("select to_regclass($1 || '.made_for')", pack.name)
    if not there or not await connection.fetchval(
        f"select exists (select from {pack.name}.made_for where day = current_date)"
    ):
        with _timed("the example's tables, loaded"):
            await connection.execute(f"set client_min_messages = warning; drop schema if exists {pack.name} cascade")
            await connection.execute(pack.schema_sql)
            await connection.execute(pack.data_sql)
    tables = await connection.fetch(
        "select relname from pg_class where relnamespace = $1::text::regnamespace and relkind = 'r' order by oid",
        pack.name,
    )
    counts = [
        f"{await connection.fetchval(f'select count(*) from {pack.name}.{table}'):,} {table.replace('_', ' ')}"
        for (table,) in tables
        if table != "made_for"
    ]
    click.echo(f"  {', '.join(counts)}")


async def _story(
    connection: Connection,
    pack: Pack,
    reasons: Mapping[str, str],
    ready: asyncio.Event,
    *,
    once: Path | None,
    dsn: str,
    delivered: Path,
) -> None:
    with _timed("the daemon, ready"):
        await ready.wait()
    ended = await _order(connection, pack, [name for name in WANTED if name not in reasons])
    _show(ended, into=once)
    if once is not None:
        await _fetch_delivered(connection, delivered, into=once)
    for name in WANTED:
        if name in reasons:
            click.secho(f"\nNo {name} here: {reasons[name]}", fg="yellow")
    broken = [job for job in ended if job.status != "completed"]
    if broken:
        raise JobNotDone(f"{broken[0].row['kind']} {broken[0].said()}")
    if once is None:
        await _go_on(connection, dsn)


async def _order(connection: Connection, pack: Pack, wanted: Sequence[str]) -> list[Ended]:
    """Order the reports by the pack's own SQL, shown as it is sent, and follow them to their end."""
    lines = [line for line in pack.orders_sql.splitlines() if not line.startswith("--")]
    statement = "\n".join(lines).strip().replace(":'formats'", f"'{{{','.join(wanted)}}}'")
    click.echo("\nAn application orders reports in a transaction of its own:\n")
    click.secho("\n".join(f"  {line}" for line in statement.splitlines()) + "\n", fg="cyan")
    rows = await connection.fetch(statement)
    return await follow.to_the_end(connection, [row["id"] for row in rows])


def _show(ended: Sequence[Ended], *, into: Path | None) -> None:
    click.echo()
    rows: list[tuple[object, ...]] = []
    for job in ended:
        for file in job.artifacts:
            path = Path(follow.path_of(file.uri))
            if into is not None:
                path = Path(shutil.copyfile(path, into / file.name))
            rows.append((job.row["kind"], file.format, size(file.bytes), file.rows, file.pages, path))
    if rows:
        emit_table(("report", "format", "size", "rows", "pages", "file"), rows, right=("size", "rows", "pages"))


async def _fetch_delivered(connection: Connection, delivered: Path, *, into: Path) -> None:
    """Put what the reports themselves have delivered beside the other files."""
    sent = await jobs.list_(connection, kind="deliver", limit=1000)
    await follow.to_the_end(connection, [row["id"] for row in sent if row["status"] not in follow.FINAL])
    if sent:
        await asyncio.to_thread(shutil.copytree, delivered, into, dirs_exist_ok=True)
        click.echo(f"{len(sent)} deliveries, each a job of its own, lie in {into} too")


async def _go_on(connection: Connection, dsn: str) -> None:
    """Say what comes next, and tell of every job that ends, until somebody stops the demo."""
    click.echo("\nThe daemon goes on; Ctrl-C ends it all. From another terminal:\n")
    psql = f"psql '{dsn}'"
    for schedule in await _planned(connection):
        next_run = schedule.next_run_at.strftime("%A, %d %B %Y, %H:%M %Z") if schedule.next_run_at else "never"
        click.echo(f"  # {schedule.name} is scheduled ({schedule.cron}, {schedule.timezone}), next on {next_run}; now:")
        click.echo(f"  {psql} -c \"select reportd.run_now('{schedule.name}')\"")
    click.echo("  # your own order, and what became of it")
    order = "insert into reportd.jobs (kind, formats) values ('course-completion', '{xlsx}')"
    click.echo(f'  {psql} -c "{order}"')
    click.echo(f'  {psql} -c "select id, kind, status, percent from reportd.jobs"')
    told = max((row["id"] for row in await jobs.list_(connection, limit=1)), default=0)
    while True:
        await asyncio.sleep(WATCH_S)
        for row in reversed(await jobs.list_(connection, limit=50)):
            if row["id"] == told + 1 and row["status"] in follow.FINAL:
                told = row["id"]
                [ended] = await follow.to_the_end(connection, [told])
                click.echo(f"\njob {told} {row['kind']} {ended.said()}")
                for file in ended.artifacts:
                    click.echo(f"  {follow.path_of(file.uri)}")


async def _planned(connection: Connection) -> Sequence[ScheduleRow]:
    """The schedules, once the daemon has worked out when each is due; it needs a moment after it has declared them."""
    limit = time.monotonic() + PLAN_LIMIT_S
    while True:
        found = await schedules.list_(connection)
        if all(schedule.next_run_at for schedule in found) or time.monotonic() > limit:
            return found
        await asyncio.sleep(0.1)


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Say `what` when it is done, and how long it took."""
    began = time.monotonic()
    yield
    click.echo(f"{click.style('✓', fg='green')} {what} in {time.monotonic() - began:.1f} s")
