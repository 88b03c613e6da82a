"""A process without sockets keeps the one that it has, and gets no other."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import errno, socket, subprocess, sys
from reportd.children import confine, sockets
near, far = socket.socketpair()
confine.gain_no_rights()
assert sockets.refuse_sockets()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
    try:
        socket.socket(family)
    except OSError as error:
        assert error.errno == errno.EACCES, error
    else:
        sys.exit(f"{family!r} was opened")
near.send(b"still here")
assert far.recv(99) == b"still here"
inherits = "import socket\\ntry: socket.socket()\\nexcept PermissionError: print('refused')"
print(subprocess.run([sys.executable, "-c", inherits], capture_output=True, text=True).stdout.strip())
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="the filter is written for these two")
def test_no_socket_can_be_opened_and_none_by_what_is_started() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "refused", "")
