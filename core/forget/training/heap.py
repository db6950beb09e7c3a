"""Memory that training on a CPU frees and wants back in a moment is kept meanwhile.

The C library hands every large block back to the system, which has to clear it page by page when it
is asked for again: some gigabytes in each step, and a good part of its time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept_heap"]

# mallopt(3), of glibc alone: name, value while kept, value by default.
_TRIM_THRESHOLD = (-1, 2**31 - 1, 128 * 1024)
_TOP_PAD = (-2, 64 * 2**20, 128 * 1024)
_MMAP_MAX = (-4, 0, 65536)


@contextmanager
def kept_heap() -> Iterator[None]:
    """Keep freed blocks while the block runs, and give them back after it.

    Does nothing where the C library is not glibc.
    """
    library = ctypes.CDLL(None)
    known = hasattr(library, "gnu_get_libc_version")
    options = (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX) if known else ()
    for option, kept, _ in options:
        library.mallopt(option, kept)
    try:
        yield
    finally:
        for option, _, default in options:
            library.mallopt(option, default)
        if known:
            library.malloc_trim(0)
