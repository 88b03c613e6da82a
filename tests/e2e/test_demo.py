"""`reportd demo`, as somebody types it who has just installed reportd: an empty home, no configuration, no database."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import signal
import sys
from pathlib import Path

import openpyxl
import pytest
from pypdf import PdfReader

REPORTD = Path(sys.executable).with_name("reportd")
REPORTS = {
    "learner-progress": "Learner progress",
    "course-completion": "Course completion",
    "department-summary": "Department summary",
    "at-risk-learners": "Learners at risk",
    "monthly-overview": "Monthly overview",
}


GALLERY = Path(__file__).parents[2] / "examples/gallery"
# Two of the six: the pages and the hundred thousand rows of the others take a minute, and are looked at elsewhere.
ORDERS = """\
-- Two reports.
insert into reportd.jobs (kind, formats, params)
values ('quarter-in-figures', :'formats', '{}'), ('account-letter', '{pdf}', '{"day": "2025-02-05"}')
returning id;
"""
ELSEWHERE = "import pathlib, sys; from reportd.cli import main, packs; packs._PLACES = (pathlib.Path('packs'),); main()"


async def started(
    *arguments: str, home: Path, program: tuple[str, ...] = (str(REPORTD),), **environment: str
) -> asyncio.subprocess.Process:
    # What would lead elsewhere: the demo has to leave it alone.
    astray = {"REPORTD_DSN": "postgresql://nobody@127.0.0.1:1/nowhere", "REPORTD_WORKER__CONCURRENCY": "none"}
    return await asyncio.create_subprocess_exec(
        *program,
        "demo",
        *arguments,
        cwd=home,
        env={"HOME": str(home / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", **astray, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o711)  # root's Postgres runs as nobody, who has to pass
    return tmp_path


async def test_the_demo_makes_every_report_in_every_format_and_leaves_nothing_else(home: Path) -> None:
    process = await started("--once", "out", home=home, TMPDIR=str(home))
    said = (await asyncio.wait_for(process.communicate(), 110))[0].decode()
    assert process.returncode == 0, said
    assert {path.name for path in home.iterdir()} == {"out"}, "something is left behind"
    out = home / "out"
    assert {path.name for path in out.iterdir()} == {
        f"{name}.{kind}" for name in REPORTS for kind in ("pdf", "xlsx", "csv")
    }
    assert "insert into reportd.jobs" in said
    for name, title in REPORTS.items():
        pdf = PdfReader(out / f"{name}.pdf")
        text = "\n".join(page.extract_text() for page in pdf.pages)
        assert title in text
        with (out / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert 0 < len(rows) <= 300
        sheet = openpyxl.load_workbook(out / f"{name}.xlsx").worksheets[1]
        [table] = sheet.tables.values()
        assert len(list(sheet[table.ref])) - 1 - (table.totalsRowCount or 0) == len(rows)
        # Names from right to left are read back in the order of their glyphs: staff numbers stand for them.
        column = "staff_no" if "staff_no" in rows[0] else list(rows[0])[1]
        first, last = (" ".join(rows[end][column].split()) for end in (0, -1))
        assert first in " ".join(text.split())
        assert last in " ".join(text.split())
        assert re.search(rf"{name} +csv +\S+ \w+ +{len(rows)} +– +out/{name}.csv", said), said


async def test_the_gallery_brings_its_files_and_what_was_delivered(home: Path) -> None:
    pack = home / "packs/gallery"
    pack.mkdir(parents=True)
    for name in ("schema.sql", "data.sql", "reports"):
        (pack / name).symlink_to(GALLERY / name)
    (pack / "orders.sql").write_text(ORDERS)
    program = (sys.executable, "-c", ELSEWHERE)
    process = await started("--gallery", "out", home=home, program=program, TMPDIR=str(home))
    said = (await asyncio.wait_for(process.communicate(), 110))[0].decode()
    assert process.returncode == 0, said
    assert {path.name for path in home.iterdir()} == {"out", "packs"}, "something is left behind"
    out = home / "out"
    assert {path.name for path in out.iterdir()} == {
        "letters",
        *(f"quarter-in-figures.{kind}" for kind in ("pdf", "xlsx", "csv")),
    }
    assert "EUR" in PdfReader(out / "quarter-in-figures.pdf").pages[0].extract_text()
    letters = sorted((out / "letters/2025-02-05").glob("*/account-letter.pdf"))
    assert f"{len(letters)} deliveries, each a job of its own, lie in out too" in said
    customer = letters[0].parent.name
    assert f"your account {customer} shows" in PdfReader(letters[0]).pages[0].extract_text()


async def test_without_pango_the_demo_makes_the_sheets_and_says_what_to_install(home: Path) -> None:
    """A library of that name that can't be loaded stands for a host without it."""
    broken = home / "lib"
    broken.mkdir()
    for name in ("libpango-1.0.so.0", "libpangoft2-1.0.so.0"):
        (broken / name).write_text("not a library")
    process = await started("--once", "out", home=home, LD_LIBRARY_PATH=str(broken))
    said = (await asyncio.wait_for(process.communicate(), 110))[0].decode()
    assert process.returncode == 0, said
    assert {path.suffix for path in (home / "out").iterdir()} == {".xlsx", ".csv"}
    assert "No pdf here" in said
    assert "install" in said


async def test_the_demo_goes_on_until_it_is_interrupted_and_starts_again_where_it_was(home: Path) -> None:
    for attempt in range(2):
        process = await started(home=home)
        assert process.stdout is not None
        said = ""
        try:
            async with asyncio.timeout(110):
                while "course-completion', '{xlsx}')" not in said:
                    line = (await process.stdout.readline()).decode()
                    assert line, said
                    said += line
            process.send_signal(signal.SIGINT)
            rest = (await asyncio.wait_for(process.communicate(), 30))[0].decode()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, said + rest
        assert "department-summary is scheduled (0 7 1 * *, Europe/Vienna), next on " in said
        assert ("tables, loaded" in said) is (attempt == 0), "the data is loaded once a day"
        assert "Traceback" not in said + rest
    assert [path.name for path in (home / "home/.local/state/reportd").iterdir()] == ["demo"]
