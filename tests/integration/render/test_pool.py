"""A pool over its real template process: results, errors, limits, and what a child finds itself in."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from reportd.errors import (
    ChildDied,
    ConfigError,
    LimitExceeded,
    ParamsError,
    RenderError,
    RenderMemory,
    ReportdError,
    StoreFull,
)
from reportd.job import Step
from reportd.render.pool import ChildLimits, RenderPool
from reportd.report.definition import ReportSource
from tests.conftest import Eventually
from tests.renders import LIMITS, alive, ignore, odd, render_pool, render_task

pytestmark = pytest.mark.asyncio(loop_scope="module")
MB = 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RenderPool]:
    """One for the module: a template takes a while to start, and tests can't meet in it."""
    names = ("Words", "Wait", "Hog", "Spin", "Link", "Elsewhere", "Look", "Fail", "Shell", "Unloadable")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PGPASSWORD", "hunter2")
        monkeypatch.setenv("REPORTD_DATABASE__DSN", "postgresql://reportd:hunter2@localhost/app")
        async with render_pool(monkeypatch, *names, limits=replace(LIMITS, cpu_s=1)) as pool:
            yield pool


async def test_a_task_gives_files_with_progress_and_its_cost(pool: RenderPool, tmp_path: Path) -> None:
    entered: list[Step] = []
    rendered = await pool.run(render_task(tmp_path / "a", "words", title="Übung"), on_progress=entered.append)

    assert entered == [Step.BUILDING, Step.GENERATING]
    [file] = rendered.files
    assert (file.format, file.name, file.content_type, file.rows) == ("words", "words.txt", "text/plain", 1)
    assert Path(file.path).read_text(encoding="utf-8") == "Übung"
    assert set(rendered.usage.steps_s) == {"building-report", "generating-file"}
    assert rendered.usage.cpu_s > 0
    assert 5 * MB < rendered.usage.peak_bytes < LIMITS.memory_bytes


async def test_progress_that_is_awaited_is_awaited(pool: RenderPool, tmp_path: Path) -> None:
    entered: list[Step] = []

    async def enter(step: Step) -> None:
        await asyncio.sleep(0)
        entered.append(step)

    await pool.run(render_task(tmp_path / "a", "words"), on_progress=enter)
    assert entered == [Step.BUILDING, Step.GENERATING]


async def test_every_one_of_fifty_tasks_at_once_gets_its_own_result(pool: RenderPool, tmp_path: Path) -> None:
    tasks = [render_task(tmp_path / str(number), "words", title=f"report {number}") for number in range(50)]
    results = await asyncio.gather(*(pool.run(task, on_progress=ignore) for task in tasks))
    assert [Path(result.files[0].path).read_text() for result in results] == [f"report {n}" for n in range(50)]
    assert pool.pids().children == ()


async def test_no_more_children_than_the_concurrency(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, eventually: Eventually
) -> None:
    go = tmp_path / "go"
    async with render_pool(monkeypatch, "Wait", concurrency=2) as pool:
        tasks = [render_task(tmp_path / str(number), "wait", title=str(go)) for number in range(5)]
        running = [asyncio.create_task(pool.run(task, on_progress=ignore)) for task in tasks]
        await eventually(lambda: len(pool.pids().children) == 2)
        go.touch()
        assert len(await asyncio.gather(*running)) == 5


async def test_two_hundred_tasks_leave_no_descriptor_and_no_process(pool: RenderPool, tmp_path: Path) -> None:
    def descriptors(pid: int | str) -> int:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))

    template = pool.pids().template
    assert template is not None
    task = render_task(tmp_path / "a", "words")
    failing = replace(task, formats=("fail",), title="exit now")

    async def one(number: int) -> None:
        if number % 10:
            await pool.run(task, on_progress=ignore)
        else:
            with pytest.raises(ChildDied):
                await pool.run(failing, on_progress=ignore)

    await one(1)
    before = descriptors("self"), descriptors(template)
    await asyncio.gather(*(one(number) for number in range(200)))
    assert (descriptors("self"), descriptors(template)) == before
    assert pool.pids().template == template
    assert Path(f"/proc/{template}/task/{template}/children").read_text().split() == []


@pytest.mark.parametrize(
    ("way", "kind", "message"),
    [
        ("divide", RenderError, r"ZeroDivisionError: division by zero \(odd_formats.py, line \d+\), while making fail"),
        ("known", ParamsError, r"period: 'soon' is no period"),
        ("of a plugin", ParamsError, r"worse"),
        ("odd text", RenderError, r"ValueError: nul \\x00 and half a pair \\ud800 xxx"),
        ("no text", RenderError, r"MuteError \(odd_formats.py"),
        ("full", StoreFull, r"No space is left for the report's files"),
        ("large", LimitExceeded, r"grew past its limit of 64 MB"),
        ("exit", RenderError, r"SystemExit: that's it"),
        ("exit now", ChildDied, r"ended at generating-file with status 3 and without an answer"),
        ("segfault", ChildDied, r"killed by SIGSEGV at generating-file, peak \d+ MB"),
        ("babble", ChildDied, r"killed at \S+: it sent what is no message"),
        ("nonsense", RenderError, r"sent what can't be understood"),
        ("thread", RenderError, r"while a thread is running"),
    ],
)
async def test_a_failing_render_says_how(
    pool: RenderPool, tmp_path: Path, way: str, kind: type[ReportdError], message: str
) -> None:
    with pytest.raises(ReportdError, match=message) as failure:
        await pool.run(render_task(tmp_path / "a", "fail", title=way), on_progress=ignore)
    assert type(failure.value) is kind
    stored = json.dumps([failure.value.message, failure.value.detail])
    assert len(stored) < 8192
    assert "\\u0000" not in stored
    assert pool.pids().children == ()


async def test_a_crash_in_c_code_names_the_python_line_that_led_to_it(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(ChildDied) as failure:
        await pool.run(render_task(tmp_path / "a", "fail", title="segfault"), on_progress=ignore)
    assert "in _segfault" in failure.value.detail["stderr"]


async def test_a_traceback_shows_the_renderers_lines_and_not_ours(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(RenderError) as failure:
        await pool.run(render_task(tmp_path / "a", "fail", title="divide"), on_progress=ignore)
    assert "_ = 1 / 0" in failure.value.detail["traceback"]
    assert "child.py" not in failure.value.detail["traceback"]


async def test_a_child_past_its_memory_says_so(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(RenderMemory, match=r"more memory than a render may use, 512 MB"):
        await pool.run(render_task(tmp_path / "a", "hog"), on_progress=ignore)


async def test_a_child_past_its_cpu_time_dies_of_sigxcpu(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(
        ChildDied, match=r"killed by SIGXCPU \(past its limit of 1 CPU seconds\) at generating-file"
    ) as died:
        await pool.run(render_task(tmp_path / "a", "spin"), on_progress=ignore)
    assert "odd_formats.py" in died.value.detail["stderr"]


async def test_a_memory_limit_that_leaves_no_room_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"8 MB is too low .* set at least \d+ MB"):
        async with render_pool(monkeypatch, "Words", limits=replace(LIMITS, memory_bytes=8 * MB)):
            pass


async def test_a_format_that_can_not_be_loaded_fails_alone_and_is_named(pool: RenderPool, tmp_path: Path) -> None:
    assert list(pool.unusable) == ["unloadable"]
    with pytest.raises(RenderError, match=r"'unloadable' .*libodd.so.1: cannot open"):
        await pool.run(render_task(tmp_path / "a", "unloadable"), on_progress=ignore)
    assert (await pool.run(render_task(tmp_path / "b", "words"), on_progress=ignore)).files


async def test_an_unknown_format_is_refused_with_the_known_ones(pool: RenderPool, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"No renderer makes 'docx'; there are .*wait, words"):
        await pool.run(render_task(tmp_path / "a", "docx"), on_progress=ignore)


@pytest.mark.parametrize("name", ["link", "elsewhere"])
async def test_a_file_that_is_not_the_childs_own_is_not_handed_out(pool: RenderPool, tmp_path: Path, name: str) -> None:
    with pytest.raises(RenderError, match=r"no file of its own"):
        await pool.run(render_task(tmp_path / "a", name), on_progress=ignore)


async def test_a_report_too_large_to_hand_over_is_refused(pool: RenderPool, tmp_path: Path) -> None:
    source = ReportSource("orders", {"orders.sql": "x" * 9 * MB}, "orders.sql")
    with pytest.raises(LimitExceeded, match=r"too large"):
        await pool.run(replace(render_task(tmp_path / "a", "words"), source=source), on_progress=ignore)


async def test_a_failing_progress_call_ends_the_child(pool: RenderPool, tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(step: Step) -> None:
        pids.extend(pool.pids().children)
        raise LookupError("no row")

    with pytest.raises(LookupError, match="no row"):
        await pool.run(render_task(tmp_path / "a", "wait", title="/nowhere"), on_progress=fail)
    assert len(pids) == 1
    assert not alive(pids[0])


async def test_a_program_that_a_render_leaves_behind_is_killed(
    pool: RenderPool, tmp_path: Path, eventually: Eventually
) -> None:
    rendered = await pool.run(render_task(tmp_path / "a", "shell"), on_progress=ignore)
    pid = int(Path(rendered.files[0].path).read_text())
    await eventually(lambda: not alive(pid))


async def test_a_pool_that_is_closed_takes_no_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with render_pool(monkeypatch, "Words") as pool:
        pass
    with pytest.raises(RenderError, match="closed"):
        await pool.run(render_task(tmp_path / "a", "words"), on_progress=ignore)
    assert pool.pids().template is None


async def test_a_template_that_can_not_start_is_one_error_with_the_reason(tmp_path: Path) -> None:
    for python, reason in (("/bin/false", "ended with status 1"), ("/nonexistent/python", "No such file")):
        pool = RenderPool(concurrency=1, limits=ChildLimits(), formats=odd("Words"), python=python)
        with pytest.raises(RenderError, match=reason):
            await pool.start()


@pytest_asyncio.fixture(loop_scope="module")
async def found(pool: RenderPool, tmp_path: Path) -> dict[str, Any]:
    """What a child sees around it."""
    rendered = await pool.run(render_task(tmp_path / "a", "look"), on_progress=ignore)
    return dict(json.loads(Path(rendered.files[0].path).read_text()))


async def test_a_child_sees_no_secret(found: dict[str, Any]) -> None:
    allowed = {"PATH", "LANG", "TZ", "HOME", "XDG_CACHE_HOME", "TMPDIR", "PYTHONHASHSEED", "SOURCE_DATE_EPOCH"}
    assert set(found["environment"]) - allowed <= {"PYTHONPATH", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert "hunter2" not in json.dumps(found)


async def test_a_child_holds_nothing_but_its_own_descriptors(found: dict[str, Any]) -> None:
    assert found["descriptors"] == [0, 1, 2, 3, 4]


async def test_a_child_is_limited_and_on_its_own(found: dict[str, Any]) -> None:
    assert found["limits"]["DATA"] == LIMITS.memory_bytes < found["limits"]["AS"] < 4 * LIMITS.memory_bytes
    assert found["limits"]["CPU"] == 1
    assert found["limits"]["FSIZE"] == LIMITS.file_bytes
    assert (found["limits"]["CORE"], found["limits"]["NOFILE"]) == (0, 256)
    assert found["group"] is True
    assert found["umask"] == 0o077
    assert found["no_new_privs"] == 1
    assert found["term"] is True
    assert found["blocked"] == []


async def test_a_child_works_in_its_directory_alone(found: dict[str, Any], tmp_path: Path) -> None:
    assert found["directory"] == str(tmp_path / "a" / "out")
    assert Path(found["temporary"]).is_relative_to(tmp_path / "a" / "out")
    assert os.environ.get("TMPDIR") != found["temporary"]


async def test_the_time_of_creation_is_the_snapshots(found: dict[str, Any]) -> None:
    assert found["environment"]["SOURCE_DATE_EPOCH"] == "1767398400"  # 2026-01-03, the spool's as_of


async def test_the_template_is_single_threaded_and_knows_no_database(found: dict[str, Any]) -> None:
    assert "reportd.render.template" in found["parent"]
    assert found["parent_threads"] == 1
    assert not {"asyncio", "asyncpg", "structlog", "pydantic", "click", "reportd.config"} & set(found["modules"])
