"""pymosn where io_uring is forbidden, as container runtimes forbid it: a seccomp filter says EPERM.

The filter is inherited by the workers.
"""

import ctypes
import errno
import os
import struct
import sys

from pymosn.__main__ import main

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_LOAD_NUMBER = struct.pack("HBBI", 0x20, 0, 0, 0)
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_IO_URING_SETUP = 425


def is_allowed() -> bool:
    """Say whether this process may use io_uring."""
    parameters = ctypes.create_string_buffer(120)
    ring = ctypes.CDLL(None).syscall(_IO_URING_SETUP, 1, parameters)
    if ring >= 0:
        os.close(ring)
    return bool(ring >= 0)


def forbid() -> None:
    """Refuse ``io_uring_setup`` to this process and its children."""
    program = (
        _LOAD_NUMBER
        + struct.pack("HBBI", 0x15, 0, 1, _IO_URING_SETUP)
        + struct.pack("HBBI", _RETURN, 0, 0, _ERRNO | errno.EPERM)
        + struct.pack("HBBI", _RETURN, 0, 0, _ALLOW)
    )
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    forbid()
    sys.exit(main())
