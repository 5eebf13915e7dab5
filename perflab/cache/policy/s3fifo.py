"""S3-FIFO: three queues, of which a small one filters what is asked for once.

In: entries and reads of them. Out: the oldest of the small queue, or of the main one, that was not read enough.
`perflab._writes` does the same in C where it was built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from perflab.cache.entry import Entry
from perflab.cache.policy.ring import Ring, unlink

__all__ = ["S3FIFO", "PythonS3FIFO"]

_SMALL_SHARE = 10
"""The small queue may hold one part in so many of the bytes."""
_ENOUGH = 2
"""Uses that move an entry from the small queue to the main one."""
_MOST_USES = 3
_IN_MAIN = 4
"""Is added to the uses of an entry in the main queue."""


class PythonS3FIFO:
    """New entries enter a small queue; those read more than once there, or missed soon after, get into the main one.

    Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023, algorithm 1: a small
    queue of a tenth, uses counted up to 3, and for ghosts the keys that left the small queue last, as many as there are
    entries. A hit costs one addition. The tenth is one of the bytes that are held, so that nothing has to be told when
    a tier is resized.

    Examples
    --------
    >>> order, a, b = PythonS3FIFO(), Entry("a", 1, 8), Entry("b", 2, 8)
    >>> order.add(a); order.add(b)
    >>> order.use([a, a])
    >>> order.victim().key
    'b'
    """

    counted = _MOST_USES

    def __init__(self) -> None:
        self._small = Ring()
        self._main = Ring()
        self._mark = object()
        self._small_bytes = 0
        self._bytes = 0
        self._held = 0
        # Hash of a key -> the number of its departure; two keys with one hash at worst let one of them in early.
        self._ghosts: dict[int, int] = {}
        self._departed = 0

    @property
    def remembered(self) -> int:
        """How many keys that left are known still."""
        return len(self._ghosts)

    def add(self, entry: Entry) -> None:
        """Take in an entry: into the main queue if its key left the small one not long ago."""
        entry.home = self._mark
        nbytes = entry.nbytes
        self._bytes += nbytes
        self._held += 1
        number = hash(entry.key)
        if number in self._ghosts and self._ghosts.pop(number) > self._departed - self._held:
            entry.uses = _IN_MAIN
            root = self._main.root
        else:
            entry.uses = 0
            self._small_bytes += nbytes
            root = self._small.root
        last = root.before
        entry.before = last
        entry.after = root
        last.after = root.before = entry

    def use(self, entries: Iterable[Entry]) -> None:
        """Count reads of entries, up to 3."""
        mark = self._mark
        for entry in entries:
            if entry.home is not mark:
                continue
            uses = entry.uses
            if uses != _MOST_USES and uses != _IN_MAIN + _MOST_USES:
                entry.uses = uses + 1

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        self._count_out(entry)
        unlink(entry)

    def victim(self) -> Entry:
        """Forget and return the entry that leaves; those on the way that were read enough move on or go round."""
        small, main = self._small.root, self._main.root
        while True:
            from_small = self._small_bytes * _SMALL_SHARE >= self._bytes and small.after is not small
            # Popped in place: a call costs as much, and this is done for every value that leaves.
            root = small if from_small or main.after is main else main
            entry: Entry = root.after
            root.after = after = entry.after
            after.before = root
            entry.before = entry.after = None
            uses = entry.uses
            if uses > _IN_MAIN:
                entry.uses = uses - 1
                self._main.append(entry)
            elif uses == _IN_MAIN or uses < _ENOUGH:
                self._count_out(entry)
                if uses < _IN_MAIN:
                    self._remember(entry)
                return entry
            else:
                self._small_bytes -= entry.nbytes
                entry.uses = _IN_MAIN
                self._main.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        return chain(self._small, self._main)

    def _count_out(self, entry: Entry) -> None:
        entry.home = None
        self._bytes -= entry.nbytes
        self._held -= 1
        if entry.uses < _IN_MAIN:
            self._small_bytes -= entry.nbytes

    def _remember(self, entry: Entry) -> None:
        self._departed += 1
        ghosts = self._ghosts
        ghosts[hash(entry.key)] = self._departed
        if len(ghosts) > 2 * self._held + 64:
            oldest = self._departed - self._held
            self._ghosts = {number: departed for number, departed in ghosts.items() if departed >= oldest}


if TYPE_CHECKING:
    S3FIFO = PythonS3FIFO
else:
    try:
        from perflab._writes import S3FIFO
    except ImportError:
        S3FIFO = PythonS3FIFO
