"""The template process: everything a render needs is imported and warm in here, and each task gets a fork of it.

    python -m reportd.render.template '{"daemon": 4711, "socket": 5, "life": 6, "scratch": …, "formats": …, …}'

It owns its children: forks, relays, kills and reaps them, and tells the daemon how each one ended. One thread, one
selector, nothing that polls and nothing that can block; it knows no time limit but the grace between TERM and KILL.
It ends, with all children, when the daemon's socket closes, when the daemon dies, and at SIGTERM.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from reportd.children import confine
from reportd.children.confine import ChildLimits
from reportd.children.wire import Endpoint, Frame, Kind, WireError, pack
from reportd.render import child
from reportd.render.leaves import Leaves, load

GRACE_S = 0.5
"""How long a child may go on after SIGTERM."""

# Past this the daemon is slow: children's messages stay in their sockets, where writing blocks the children alone.
_UNSENT_BYTES_HIGH = 1024 * 1024
# A child that leaves this much unread does not listen any more.
_UNREAD_BYTES_MAX = 16 * 1024 * 1024
_STDERR_BYTES = 4096


def main() -> None:
    """Get warm, say READY, serve until the daemon is gone."""
    settings = json.loads(sys.argv[1])
    scratch = Path(settings["scratch"])
    stop = _signal_socket()
    confine.die_with_parent(settings["daemon"], by=signal.SIGTERM)
    confine.gain_no_rights()
    confine.use_temporary(scratch)
    for inherited in (settings["socket"], settings["life"]):
        os.set_inheritable(inherited, False)
    try:
        leaves = load(settings["formats"])
        # What is here stays here: collected in a child, it would only cost copies of pages that all of them share.
        gc.collect()
        gc.freeze()
        daemon = Endpoint(socket.socket(fileno=settings["socket"]))
        limits = ChildLimits(**settings["limits"])
        Template(daemon, life=settings["life"], leaves=leaves, limits=limits).serve(stop)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _signal_socket() -> socket.socket:
    """A socket that becomes readable at SIGTERM; SIGINT is the terminal's and means the daemon, not us."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, as a parent may have left it, it would reap for us
    readable, writable = socket.socketpair()
    for end in (readable, writable):
        end.setblocking(False)
    signal.set_wakeup_fd(writable.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return readable


@dataclass(slots=True)
class _Child:
    """One forked child, until it is reaped. `kill_at` is when TERM has had its time (monotonic), once it was sent;
    `fault` is why it was, where nobody asked for it.
    """

    task: int
    pid: int
    handle: int
    pipe: Endpoint
    stderr: int
    tail: bytearray = field(default_factory=bytearray)
    kill_at: float | None = None
    fault: str | None = None


class Template:
    """The loop that serves one daemon. `life` is the descriptor that every child holds, too."""

    def __init__(self, daemon: Endpoint, *, life: int, leaves: Leaves, limits: ChildLimits) -> None:
        self._daemon = daemon
        self._life = life
        self._leaves = leaves
        self._limits = limits
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._serving = True

    def serve(self, stop: socket.socket) -> None:
        """Serve until the daemon closes its end or `stop` becomes readable; then kill and reap every child."""
        self._watch(stop.fileno(), selectors.EVENT_READ, self._stop)
        unusable = {name: {"code": e.code, "message": e.message} for name, e in self._leaves.unusable.items()}
        self._tell(Kind.READY, 0, {"data_bytes": confine.data_bytes(), "unusable": unusable})
        while self._serving:
            self._balance()
            for key, events in self._selector.select(self._grace_left_s()):
                # Not if it was unwatched in this round: its descriptor may be closed, or somebody else's by now.
                if self._selector.get_map().get(key.fd) is key:
                    key.data(events)
            self._kill_overdue()
        for each in self._children.values():
            _signal_group(each.pid, signal.SIGKILL)
        for each in self._children.values():
            os.waitpid(each.pid, 0)

    # -- the daemon's side

    def _hear_daemon(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._daemon.flush()
        if events & selectors.EVENT_READ:
            for frame in self._daemon.receive() or ():
                self._obey(frame)
            if self._daemon.at_end:
                self._serving = False

    def _obey(self, frame: Frame) -> None:
        if frame.kind is Kind.RUN:
            self._fork(frame)
        elif each := self._children.get(frame.task):  # else it has ended, and its ENDED is on the way
            if frame.kind is Kind.KILL:
                self._kill(each)
            elif frame.kind is Kind.MESSAGE:
                each.pipe.send(pack(Kind.MESSAGE, frame.task, frame.payload))
                if each.pipe.unsent_bytes > _UNREAD_BYTES_MAX:
                    self._kill(each, fault="did not read what it was told")

    def _tell(self, kind: Kind, task: int, message: Mapping[str, Any] | bytes) -> None:
        self._daemon.send(pack(kind, task, message))

    def _stop(self, _: int) -> None:
        self._serving = False

    # -- a child's life

    def _fork(self, frame: Frame) -> None:
        near, far = socket.socketpair()
        stderr, writable = os.pipe()
        os.set_blocking(stderr, False)
        template = os.getpid()
        # Held back until the child has shed our handlers: run in a child, they would stop the template.
        signal.pthread_sigmask(signal.SIG_BLOCK, confine.held_signals())
        try:
            pid = os.fork()
        except OSError as error:
            near.close()
            os.close(stderr)
            self._tell(Kind.ENDED, frame.task, {"refused": f"no child could be forked: {error.strerror}"})
            return
        finally:
            if os.getpid() == template:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, confine.held_signals())
                far.close()
                os.close(writable)
        if pid == 0:
            self._become_child(frame, parent=template, pipe=far.fileno(), stderr=writable)
        with suppress(OSError):  # the child does the same: whoever is first, the group is there before a kill
            os.setpgid(pid, pid)
        each = _Child(frame.task, pid, os.pidfd_open(pid), Endpoint(near), stderr)
        self._children[frame.task] = each
        self._watch(each.handle, selectors.EVENT_READ, lambda _: self._reap(each))
        self._watch(stderr, selectors.EVENT_READ, lambda _: self._keep_stderr(each))
        self._tell(Kind.STARTED, frame.task, {"pid": pid})

    def _become_child(self, frame: Frame, *, parent: int, pipe: int, stderr: int) -> NoReturn:
        status = 1
        try:
            confine.confine(parent=parent, pipe=pipe, stderr=stderr, life=self._life, limits=self._limits)
            child.main(frame, self._leaves, self._limits)
            status = 0
        except BaseException:  # noqa: BLE001  the child could not even become one: its stderr says why
            traceback.print_exc()
        finally:
            # No exit handlers and no unwinding into the template's loop: both belong to the template alone.
            os._exit(status)

    def _hear_child(self, each: _Child, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            each.pipe.flush()
        if events & selectors.EVENT_READ and not self._relay(each):
            self._kill(each, fault="sent what is no message")

    def _relay(self, each: _Child, *, to_the_end: bool = False) -> bool:
        """Hand on what the next read of the child's pipe brings, or everything in it; False if that is no frame."""
        try:
            while (frames := each.pipe.receive()) is not None:
                for frame in frames:
                    # The child's own word on kind and task counts for nothing.
                    self._tell(Kind.MESSAGE, each.task, frame.payload)
                if each.pipe.at_end or not to_the_end:
                    break
        except WireError:
            each.pipe.at_end = True
            return False
        return True

    def _keep_stderr(self, each: _Child) -> None:
        with suppress(BlockingIOError):
            data = os.read(each.stderr, 64 * 1024)
            each.tail += data
            del each.tail[:-_STDERR_BYTES]
            if not data:
                self._watch(each.stderr, 0)

    def _kill(self, each: _Child, *, fault: str | None = None) -> None:
        if each.kill_at is None:
            each.fault = fault
            each.kill_at = time.monotonic() + GRACE_S
            _signal_group(each.pid, signal.SIGTERM)

    def _grace_left_s(self) -> float | None:
        due = [each.kill_at for each in self._children.values() if each.kill_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for each in self._children.values():
            if each.kill_at is not None and each.kill_at <= now:
                _signal_group(each.pid, signal.SIGKILL)
                each.kill_at = now + GRACE_S

    def _reap(self, each: _Child) -> None:
        # Before the leader is reaped nobody else can get its number: what it left behind in its group goes first.
        _signal_group(each.pid, signal.SIGKILL)
        _, status, usage = os.wait4(each.pid, 0)
        if not each.pipe.at_end:
            self._relay(each, to_the_end=True)
        self._keep_stderr(each)
        for descriptor in (each.handle, each.pipe.connection.fileno(), each.stderr):
            self._watch(descriptor, 0)
        each.pipe.connection.close()
        os.close(each.handle)
        os.close(each.stderr)
        del self._children[each.task]
        how: dict[str, Any] = {"fault": each.fault} if each.fault else {}
        how |= {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_status": os.WEXITSTATUS(status)}
        self._tell(
            Kind.ENDED,
            each.task,
            {
                **how,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_bytes": usage.ru_maxrss * 1024,
                "stderr": each.tail.decode("utf-8", "backslashreplace"),
            },
        )

    # -- the selector

    def _balance(self) -> None:
        """Hear children only while the daemon takes what they say; wake up for writing only where something waits."""
        hear = 0 if self._daemon.unsent_bytes > _UNSENT_BYTES_HIGH else selectors.EVENT_READ
        self._watch_endpoint(self._daemon, selectors.EVENT_READ, self._hear_daemon)
        for each in self._children.values():
            self._watch_endpoint(each.pipe, 0 if each.pipe.at_end else hear, partial(self._hear_child, each))

    def _watch_endpoint(self, endpoint: Endpoint, events: int, handle: Callable[[int], None]) -> None:
        write = selectors.EVENT_WRITE if endpoint.unsent_bytes else 0
        self._watch(endpoint.connection.fileno(), events | write, handle)

    def _watch(self, descriptor: int, events: int, handle: Callable[[int], None] | None = None) -> None:
        """Call `handle` when one of `events` comes; none at all: no longer."""
        known = self._selector.get_map().get(descriptor)
        if known is None and events:
            self._selector.register(descriptor, events, handle)
        elif known is not None and not events:
            self._selector.unregister(descriptor)
        elif known is not None and known.events != events:
            self._selector.modify(descriptor, events, handle)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


if __name__ == "__main__":
    main()
