"""How the memory tiers are set, and how else they could be.

In: a config, and bounds. Out: settings that keep them, and what of the config each would change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from perflab.config import Config

__all__ = ["POLICIES", "MemorySetting", "Untuned", "candidates"]

POLICIES = ("lru", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf")
"""Policies that are tried for l1; `fifo` is `lru` that does not look at reads."""

_SHARES = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
_TOTALS = (1.0, 0.5)


@dataclass(frozen=True, slots=True)
class Untuned:
    """What else the tiers go by, which no candidate changes: bounds on entries, and how l2 keeps them."""

    l1_entries: int | None = None
    l2_entries: int | None = None
    l2_policy: str = "lru"
    l2_sliding: bool = False

    @classmethod
    def of(cls, config: Config) -> Untuned:
        """Return what a config says."""
        return cls(**{name: getattr(config.cache, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class MemorySetting:
    """What of the config the memory tiers go by.

    Attributes
    ----------
    l1_policy : str
        Who leaves l1 first.
    l1_bytes, l2_bytes : int
        Bounds.
    l2_ttl_s : float
        Seconds that an entry without a time to live of its own stays in l2.
    untuned : Untuned
        The rest; a forecast leaves it out, a proof does not.
    """

    l1_policy: str
    l1_bytes: int
    l2_bytes: int
    l2_ttl_s: float
    untuned: Untuned = Untuned()

    @classmethod
    def of(cls, config: Config) -> MemorySetting:
        """Return what a config says, unset sizes worked out."""
        cache = config.cache
        return cls(cache.l1_policy, config.l1_bytes, config.l2_bytes, cache.l2_ttl_s, Untuned.of(config))

    @property
    def nbytes(self) -> int:
        """Both bounds together."""
        return self.l1_bytes + self.l2_bytes

    def as_changes(self) -> Mapping[str, Any]:
        """Return the changes for `Config.replace`."""
        return {"cache": {name: getattr(self, name) for name in self.__slots__ if name != "untuned"}}

    def differences(self, other: MemorySetting) -> int:
        """Return in how many of sizes, policy and time to live another setting differs."""
        mine = (self.l1_bytes, self.l2_bytes), self.l1_policy, self.l2_ttl_s
        its = (other.l1_bytes, other.l2_bytes), other.l1_policy, other.l2_ttl_s
        return sum(one != another for one, another in zip(mine, its, strict=True))


def candidates(
    present: MemorySetting,
    limit_bytes: int,
    longest_ttl_s: float | None = None,
    policies: Sequence[str] = POLICIES,
) -> list[MemorySetting]:
    """Return the settings to choose from, the present one first.

    They are every policy, eight shares of l1 in the memory, all of the memory or half of it and, where a longest time
    to live is given, that one beside the present.

    Parameters
    ----------
    present
        What is in force; it is among them even if it breaks a bound.
    limit_bytes
        What both tiers may hold together.
    longest_ttl_s
        The user's bound on times to live, seconds; None leaves them as they are.

    Examples
    --------
    >>> present = MemorySetting("lru", 10, 10, 60.0)
    >>> len(candidates(present, 1_000)), len(candidates(present, 1_000, longest_ttl_s=600.0))
    (97, 193)
    """
    lives = {present.l2_ttl_s if longest_ttl_s is None else min(present.l2_ttl_s, longest_ttl_s)}
    lives |= set() if longest_ttl_s is None else {longest_ttl_s}
    found = [present]
    for policy, whole, share, life in product(policies, _TOTALS, _SHARES, sorted(lives)):
        total = int(limit_bytes * whole)
        first = int(total * share)
        found.append(MemorySetting(policy, first, total - first, life, present.untuned))
    return list(dict.fromkeys(found))
