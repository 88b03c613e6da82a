"""The words that systemd hears, and when."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportd.supervisor import Supervisor


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """The supervisor's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        yield server


def words(server: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(server.recv(100).decode())
        except BlockingIOError:
            return found


def named(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "HOME": "/", **more}


def test_ready_and_stopping_are_told(heard: socket.socket, tmp_path: Path) -> None:
    supervisor = Supervisor.from_environment(named(tmp_path))
    supervisor.ready()
    supervisor.stopping()
    assert words(heard) == ["READY=1", "STOPPING=1"]


def test_an_abstract_address_is_understood() -> None:
    name = f"reportd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(f"\0{name}")
        server.setblocking(False)
        Supervisor.from_environment({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert words(server) == ["READY=1"]


def test_the_variables_are_taken_out_so_that_no_child_speaks_for_us(tmp_path: Path) -> None:
    environment = named(tmp_path, WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
    Supervisor.from_environment(environment)
    assert environment == {"HOME": "/"}


async def test_the_loop_feeds_the_watchdog_and_the_end_is_told_once_it_is_due(
    heard: socket.socket, tmp_path: Path
) -> None:
    supervisor = Supervisor.from_environment(named(tmp_path, WATCHDOG_USEC="50000"))
    stop = asyncio.Event()
    found: list[str] = []
    async with supervisor.watching(stop=stop), asyncio.timeout(5):
        while found.count("WATCHDOG=1") < 3:
            found += words(heard)
            await asyncio.sleep(0.005)
        assert "STOPPING=1" not in found
        stop.set()
        while "STOPPING=1" not in found:
            found += words(heard)
            await asyncio.sleep(0.005)
    words(heard)
    await asyncio.sleep(0.1)
    assert words(heard) == [], "the watchdog is fed after the end"


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "50000", "WATCHDOG_PID": "1"}])
async def test_a_watchdog_that_is_not_ours_is_not_fed(
    more: dict[str, str], heard: socket.socket, tmp_path: Path
) -> None:
    async with Supervisor.from_environment(named(tmp_path, **more)).watching(stop=asyncio.Event()):
        await asyncio.sleep(0.1)
    assert words(heard) == []


async def test_without_a_supervisor_or_with_a_dead_one_nothing_happens(tmp_path: Path) -> None:
    for supervisor in (Supervisor.from_environment({}), Supervisor(str(tmp_path / "gone"), watchdog_s=0.01)):
        async with supervisor.watching(stop=asyncio.Event()):
            supervisor.ready()
            await asyncio.sleep(0.03)
