"""What can be changed of a tiered cache while it is used.

In: settings, as attributes. Out: the tiers, told of them.
"""

from __future__ import annotations

from typing import Literal

from perflab.cache.entry import checked_ttl
from perflab.cache.memory.notices import Listener
from perflab.cache.tiers.tiermap import TierMapping
from perflab.cache.tiers.writing import WritePolicy, checked_policy
from perflab.errors import ConfigError

__all__ = ["TierOptions"]


class TierOptions(TierMapping):
    """A `TierMapping` with options; `TieredCache` is the one that can be made."""

    _listener: Listener | None = None
    _stale_s = 0.0
    _refresh_ratio = 0.0

    @property
    def write_policy(self) -> WritePolicy:
        """When values go to disk: `"through"`, `"back"` or `"around"`; `writing.DiskWrites` says what each promises."""
        return self._tiers.writes.policy

    @write_policy.setter
    def write_policy(self, policy: WritePolicy) -> None:
        self._check_open()
        self._tiers.write(checked_policy(policy))

    @property
    def admits(self) -> bool:
        """Whether new values come into memory; if not, they are on disk alone, or nowhere if disk does not take them.

        What memory holds stays and is read, but for a value that is replaced.
        """
        return self._tiers.memory.admits

    @admits.setter
    def admits(self, admits: bool) -> None:
        self._check_open()
        with self._tiers.memory.lock:
            self._tiers.memory.admits = admits

    @property
    def listener(self) -> Listener | None:
        """`listener(key, value, reason)` hears what leaves memory, and why; None for none.

        Reasons are `evicted`, `expired`, `replaced`, `invalidated`, `cleared`, and `rejected` of a value that no tier
        took. Moves between l1 and l2 are none of these; disk may have a copy of what was evicted. Of values on disk
        alone it hears when their keys are deleted or invalidated (`invalidated`), and not of what `clear` or the disk
        tier itself removes: those are rows of `accesses`. It is called when the lock of the memory tiers is free, and
        takes the place of listeners that the tiers were made with.
        """
        return self._listener

    @listener.setter
    def listener(self, listener: Listener | None) -> None:
        self._check_open()
        self._listener = listener
        self._tiers.listen(listener)

    @property
    def stale_s(self) -> float:
        """For so many seconds after a value was due, `get_or_load` may still return it if the loader fails.

        Until then it takes room in memory, where it is the first to leave; nothing else finds it. A warning says that
        it was served.
        """
        return self._stale_s

    @stale_s.setter
    def stale_s(self, seconds: float) -> None:
        self._check_open()
        self._stale_s = checked_ttl(seconds)
        self.l1.keep_stale(seconds)
        self.l2.keep_stale(seconds)

    @property
    def refresh_ratio(self) -> float:
        """From when this share of a `ttl` is left, `get_or_load` returns a value and has it loaded anew behind; 0..1.

        That goes for calls that give a `ttl`. A loader runs in a thread of its own, an async one in a task of the loop;
        if it fails a warning says so.
        """
        return self._refresh_ratio

    @refresh_ratio.setter
    def refresh_ratio(self, ratio: float) -> None:
        self._check_open()
        if not 0 <= ratio <= 1:
            raise ConfigError(f"refresh_ratio is {ratio!r}; it must be a ratio from 0 to 1")
        self._refresh_ratio = ratio

    def reorder(self, tier: Literal["l1", "l2"], policy: str) -> None:
        """Have a memory tier go by the policy of this name from now on; it keeps what it holds.

        Raises
        ------
        ConfigError
            If there is no such policy.
        """
        self._check_open()
        if tier == "l2":
            self.l2.reorder(policy)
            return
        with self._tiers.memory.lock:
            self.l1.reorder(policy)
            self._order_by_uses()  # policies differ in how many reads of one entry count
