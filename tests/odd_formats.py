"""Renderers that misbehave, each in one way; for pools that are made with `formats=odd("Spin", …)`.

They are imported by the template process, never by pytest, and told what to do by the document's title.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from reportd.errors import ParamsError
from reportd.render.task import RenderedFile, RenderSettings
from reportd.report.document import Document


class Words:
    """Behaves: one file with the document's title in it."""

    format = "words"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        return self.write(out, document.title)

    def write(self, out: Path, text: str) -> list[RenderedFile]:
        path = out / f"{self.format}.txt"
        path.write_text(text, encoding="utf-8")
        return [RenderedFile(self.format, path.name, str(path), "text/plain", rows=1)]


class Wait(Words):
    """Goes on once the file that the title names exists."""

    format = "wait"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        while not Path(document.title).exists():
            time.sleep(0.01)
        return self.write(out, "waited")


class Spin(Words):
    """Never comes back from C code, which holds the GIL."""

    format = "spin"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        return self.write(out, str(pow(3, 10**9)))


class Stubborn(Words):
    """Ignores SIGTERM and never ends, nor does the program that it starts; that one's pid goes into the file."""

    format = "stubborn"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        started = subprocess.Popen(["sleep", "600"])
        (out / "new").write_text(str(started.pid))
        (out / "new").rename(out / "stubborn.txt")
        while True:
            time.sleep(1)


class Hog(Words):
    """Wants more memory than there is."""

    format = "hog"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        held = []
        while True:
            held.append(bytearray(4 * 2**20))


class Shell(Words):
    """Leaves a process behind; its pid goes into the file."""

    format = "shell"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        return self.write(out, str(started.pid))


class Link(Words):
    """Hands out a link in place of a file."""

    format = "link"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        path = out / "link.txt"
        path.symlink_to("/etc/passwd")
        return [RenderedFile(self.format, path.name, str(path), "text/plain")]


class Elsewhere(Words):
    """Hands out a file that is not its own."""

    format = "elsewhere"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        return [RenderedFile(self.format, "passwd", "/etc/passwd", "text/plain")]


class Look(Words):
    """Writes down what a child finds itself in."""

    format = "look"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        parent = Path(f"/proc/{os.getppid()}")
        limits = ("DATA", "AS", "CPU", "FSIZE", "CORE", "NOFILE")
        found = {
            "environment": dict(os.environ),
            "descriptors": sorted(int(entry.name) for entry in list(Path("/proc/self/fd").iterdir()) if entry.exists()),
            "group": os.getpgrp() == os.getpid(),
            "parent": (parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(),
            "parent_threads": len(list((parent / "task").iterdir())),
            "limits": {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in limits},
            "umask": os.umask(0),
            "temporary": tempfile.gettempdir(),
            "directory": str(Path.cwd()),
            "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
            "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, set())],
            "no_new_privs": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
            "modules": sorted(sys.modules),
        }
        return self.write(out, json.dumps(found))


class Relay(Words):
    """Writes down what it is told over the pipe."""

    format = "relay"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        with socket.socket(fileno=os.dup(3)) as pipe:
            header = pipe.recv(13, socket.MSG_WAITALL)
            _, length, _ = struct.unpack("!BIQ", header)
            return self.write(out, pipe.recv(length, socket.MSG_WAITALL).decode())


class Chatter(Words):
    """Talks for ever, 64 kB at a time."""

    format = "chatter"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        message = struct.pack("!BIQ", 4, 2**16, 0) + b"x" * 2**16
        with socket.socket(fileno=os.dup(3)) as pipe:
            while True:
                pipe.sendall(message)


class Fail(Words):
    """Fails in the way that the title names."""

    format = "fail"

    def render(self, document: Document, *, out: Path, settings: RenderSettings) -> list[RenderedFile]:
        self.ways[document.title](out)
        return self.write(out, "did not fail")

    @staticmethod
    def _divide(out: Path) -> None:
        print("about to divide")
        _ = 1 / 0

    @staticmethod
    def _known(out: Path) -> None:
        raise ParamsError("period: 'soon' is no period", param="period")

    @staticmethod
    def _of_a_plugin(out: Path) -> None:
        class PluginError(ParamsError):
            code = "plugin"

        raise PluginError("worse")

    @staticmethod
    def _odd_text(out: Path) -> None:
        raise ValueError("nul \0 and half a pair \ud800 " + "x" * 10_000_000)

    @staticmethod
    def _no_text(out: Path) -> None:
        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise MuteError

    @staticmethod
    def _full(out: Path) -> None:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("the library's own word for it") from error

    @staticmethod
    def _large(out: Path) -> None:
        with (out / "large").open("wb") as file:
            for _ in range(65):
                file.write(bytes(2**20))

    @staticmethod
    def _exit(out: Path) -> None:
        sys.exit("that's it")

    @staticmethod
    def _exit_now(out: Path) -> None:
        os.write(2, b"last words \xff\n")
        os._exit(3)

    @staticmethod
    def _segfault(out: Path) -> None:
        ctypes.string_at(0)

    @staticmethod
    def _babble(out: Path) -> None:
        os.write(3, b"\x63" * 64)
        time.sleep(60)

    @staticmethod
    def _nonsense(out: Path) -> None:
        os.write(3, struct.pack("!BIQ", 4, 2, 1) + b"[]")
        time.sleep(60)

    @staticmethod
    def _thread(out: Path) -> None:
        threading.Thread(target=time.sleep, args=(60,)).start()
        raise ValueError("while a thread is running")

    ways: ClassVar[Mapping[str, Callable[[Path], None]]] = {
        "divide": _divide,
        "known": _known,
        "of a plugin": _of_a_plugin,
        "odd text": _odd_text,
        "no text": _no_text,
        "full": _full,
        "large": _large,
        "exit": _exit,
        "exit now": _exit_now,
        "segfault": _segfault,
        "babble": _babble,
        "nonsense": _nonsense,
        "thread": _thread,
    }


class Unloadable:
    """Can't be made."""

    def __init__(self) -> None:
        raise ImportError("libodd.so.1: cannot open shared object file")
