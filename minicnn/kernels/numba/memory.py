"""Memory that is used again.

A training step makes and drops the same large arrays every time. The C library hands large blocks
back to the system at once, and the system clears each page of a new one: 64 MB cost two to three
times as much to fill as memory that is already there. So the library is asked to keep what it has;
the process then holds on to the most that it ever needed. Only glibc has these settings, and those
that the user has set stay.
"""

import ctypes
import os
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_SETTINGS = ("MALLOC_", "GLIBC_TUNABLES")


def keep_memory() -> None:
    """Blocks of any size come from the heap, and what they leave stays there for the next."""
    chosen = any(name.startswith(_SETTINGS) for name in os.environ)
    if platform.libc_ver()[0] == "glibc" and not chosen:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
