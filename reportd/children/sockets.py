"""Takes the network from a process: the kernel refuses it every new socket, also of this machine's own.

A seccomp filter, which no code in the process can take off again and all that it starts inherits. The pipe to the
daemon, opened before, goes on working.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
# struct seccomp_data: the call's number, then the architecture whose numbers they are.
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OTHER_NUMBERS_FROM = 0x40000000  # the same calls again, for programs of another word length
_IO_URING_SETUP = 425  # makes sockets, too
# Architecture as the kernel names it, and its number of socket().
_KNOWN = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


def refuse_sockets() -> bool:
    """Have the kernel refuse `socket()` from now on; needs `confine.gain_no_rights` first. Call before any thread.

    False where this machine's kernel or architecture has no such filter.
    """
    if platform.machine() not in _KNOWN:
        return False
    architecture, socket_call = _KNOWN[platform.machine()]
    refuse = _ERRNO | errno.EACCES
    program = b"".join(
        (
            _step(_LOAD, _ARCHITECTURE_AT),
            _step(_EQUAL, architecture, yes=0, no=5),
            _step(_LOAD, _NUMBER_AT),
            _step(_AT_LEAST, _OTHER_NUMBERS_FROM, yes=3, no=0),
            _step(_EQUAL, socket_call, yes=2, no=0),
            _step(_EQUAL, _IO_URING_SETUP, yes=1, no=0),
            _step(_RETURN, _ALLOW),
            _step(_RETURN, refuse),
        )
    )
    steps = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(steps)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS):  # built without it
        return False
    raise OSError(number, os.strerror(number))


def _step(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction of the filter; `yes` and `no` are how many are jumped over."""
    return struct.pack("@HBBI", code, yes, no, operand)
