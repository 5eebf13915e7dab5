"""Memory that child processes share with each other or with this one, so that it is counted once.

In: ids of child processes. Out: bytes that the sum of their resident memory counts too often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from perflab.host.memory import Footprint, footprint

__all__ = ["SharedPages"]

_AGAIN_S = 30.0
"""Pages become a process's own as it writes to them; to look at all of them takes milliseconds."""


class SharedPages:
    """What each child shares, with whomever, as it was when that was last looked at.

    A forked child begins with all pages of its parent: its resident memory is the parent's, and yet it took nothing.
    What children share with each other alone is left out altogether.

    Parameters
    ----------
    look
        Returns the memory of a process, shared pages told apart.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> shared = SharedPages(look=lambda pid: Footprint(100, 30, 20))
    >>> shared.of([7, 8], known=True), shared.of([7, 8]), shared.of([7], known=True)
    (0, 160, 80)
    """

    def __init__(
        self,
        *,
        look: Callable[[int], Footprint | None] = footprint,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._clock = look, clock
        self._found: dict[int, tuple[int, float]] = {}

    def of(self, children: Iterable[int], *, known: bool = False) -> int:
        """Return the shared bytes of these processes: of those that are known, or of all by a look at new ones."""
        if known:
            return sum(self._found[child][0] for child in children if child in self._found)
        self._found = {child: self._fresh(child) for child in children}
        return sum(nbytes for nbytes, _ in self._found.values())

    def _fresh(self, child: int) -> tuple[int, float]:
        now, found = self._clock(), self._found.get(child)
        if found is not None and now - found[1] < _AGAIN_S:
            return found
        seen = self._look(child)
        return (0 if seen is None else seen.rss_bytes - seen.uss_bytes), now
