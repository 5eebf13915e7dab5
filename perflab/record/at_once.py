"""Several steps that nothing comes between.

In: calls into C. Out: all of them done, or none begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import call

__all__ = ["at_once"]


def at_once(*steps: Callable[[], object]) -> None:
    """Call each step; a signal, such as Ctrl-C, and any other thread come before the first or after the last.

    Python handles signals, and hands over to other threads, between its own instructions. This is one of them, as long
    as no step runs Python code: methods of built-in types and `functools.partial` of them.

    Examples
    --------
    >>> from functools import partial
    >>> left, right = [1, 2], []
    >>> at_once(partial(right.extend, [1, 2]), left.clear)
    >>> left, right
    ([], [1, 2])
    """
    deque(map(call, steps), maxlen=0)
