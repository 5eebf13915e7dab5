"""The C library's allocator, as far as it decides how much memory a program with threads takes.

In: nothing. Out: whether the setting was made.
"""

from __future__ import annotations

import ctypes

__all__ = ["share_one_arena"]

_M_ARENA_MAX = -8


def share_one_arena() -> bool:
    """Let all threads of this process take memory from one arena, instead of up to eight a core.

    What one thread frees, another one takes again: threads that work in turns need less memory together. Threads that
    allocate at the same time wait for each other, which the interpreter lock makes them do anyway. Returns False where
    the C library is another one than glibc (source: mallopt(3)).

    Examples
    --------
    >>> share_one_arena() in (True, False)
    True
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_ARENA_MAX, 1))
