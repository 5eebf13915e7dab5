"""Which keys are being loaded, so that a slow load never overwrites what was written meanwhile.

In: a key that was missed. Out: a mark that stands until someone writes the key; only while it stands is the loaded
value stored, and only while it stands do other callers wait for this load.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from perflab.cache.keys import slot_of

__all__ = ["Load", "Loads"]


@dataclass(eq=False, slots=True)
class Load:
    """The mark of a key that is being loaded; messages name it as the key."""

    key: Hashable
    owner: int = field(default_factory=threading.get_ident)
    callers: int = 0

    def __repr__(self) -> str:
        return repr(self.key)


class Loads:
    """The marks that stand; callers of one key share its mark, and the last one to leave takes it away.

    Examples
    --------
    >>> loads = Loads()
    >>> with loads.join("page") as load:
    ...     before = loads.stands(load)
    ...     loads.end("page")
    ...     before, loads.stands(load)
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: dict[Hashable, Load] = {}

    def __len__(self) -> int:
        return len(self._marks)

    @contextlib.contextmanager
    def join(self, key: Hashable) -> Iterator[Load]:
        """Give the standing mark of a key, or a new one, to a caller for the time of its load."""
        slot = slot_of(key)
        with self._lock:
            load = self._marks.setdefault(slot, Load(key))
            load.callers += 1
        try:
            yield load
        finally:
            with self._lock:
                load.callers -= 1
                if not load.callers and self._marks.get(slot) is load:
                    del self._marks[slot]

    def stands(self, load: Load) -> bool:
        """Tell if nobody wrote the key since the mark was made."""
        return self._marks.get(slot_of(load.key)) is load

    def is_joined(self, key: Hashable) -> bool:
        """Tell if somebody is loading the key."""
        return slot_of(key) in self._marks

    def end(self, key: Hashable) -> None:
        """Take the mark of a key away: it is being written."""
        with self._lock:
            self._marks.pop(slot_of(key), None)

    def end_all(self) -> None:
        """Take every mark away."""
        with self._lock:
            self._marks.clear()

    def after_fork(self) -> None:
        """Take away, in a forked child, the marks of loads that threads of the parent had begun."""
        me = threading.get_ident()
        self._lock = threading.Lock()
        self._marks = {slot: load for slot, load in self._marks.items() if load.owner == me}
        for load in self._marks.values():
            load.callers = 1
