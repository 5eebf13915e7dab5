"""Small files of `/proc`, read with as little as it takes.

In: a path. Out: its bytes; None if it cannot be read, as when its process has ended.
"""

from __future__ import annotations

import os

__all__ = ["read_small"]

_MOST_BYTES = 65_536


def read_small(path: str) -> bytes | None:
    """Return the content of a file of less than 64 KiB.

    It is for files that are read again and again: no path and no file object is made for it, which costs more than the
    read itself.

    Examples
    --------
    >>> read_small("/proc/self/comm") is not None, read_small("/nowhere")
    (True, None)
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(handle, _MOST_BYTES)
    except OSError:
        return None
    finally:
        os.close(handle)
