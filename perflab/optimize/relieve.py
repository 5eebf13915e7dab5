"""Give memory back when there is too little of it.

In: a tiered cache. Out: less resident memory, measured before and after each step; a step that frees nothing stops.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from perflab.host import baseline_rss
from perflab.optimize.result import attempt

if TYPE_CHECKING:
    from perflab.cache.memory import MemoryCache
    from perflab.cache.tiered import TieredCache

__all__ = ["LEAST_BYTES", "Relief", "malloc_trim"]

LEAST_BYTES = 1 << 20
"""A tier is not shrunk below this: less would free less than the allocator's own page granularity wanders by."""

_METRIC = {"metric": "memory.rss", "unit": "bytes"}


@functools.cache
def malloc_trim() -> Callable[[], object] | None:
    """Return what hands free heap pages back to the system, or None where the C library has no such call.

    glibc keeps freed pages; without this, dropping cache entries does not lower resident memory.

    Examples
    --------
    >>> trim = malloc_trim()
    >>> trim is None or trim() in (0, 1)
    True
    """
    try:
        call = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return functools.partial(call, 0)


class Relief:
    """The steps that lower memory, mildest first, each judged by the resident memory that it freed.

    1. hand free pages back; 2. drop expired entries; 3. halve what l1 and l2 hold, by lowering their bounds: l1's alone
    would only move its entries to l2. After steps 2 and 3 free pages are handed back too, or nothing of theirs could
    be seen. A step that dropped something and freed no more than the noise is undone and never tried again. Collecting
    garbage is no step: it frees cycles, not caches.

    Parameters
    ----------
    cache
        The tiers to shrink.
    rss
        Returns resident bytes, or None where they cannot be read; then no step is tried.
    find_trim
        Returns what hands free pages back, or None where there is no such call.

    Examples
    --------
    >>> Relief.STEPS
    ('malloc_trim', 'expired', 'cache')
    """

    STEPS = ("malloc_trim", "expired", "cache")

    def __init__(
        self,
        cache: TieredCache,
        *,
        rss: Callable[[], int | None] = baseline_rss,
        find_trim: Callable[[], Callable[[], object] | None] = malloc_trim,
    ) -> None:
        self._cache = cache
        self._rss = rss
        self._trim = find_trim()
        self._off: set[str] = set()

    def run(self) -> list[dict[str, Any]]:
        """Take each step that is not switched off and return one row of `optimizations` a step."""
        return [self._step(name) for name in self.STEPS if name not in self._off]

    def _step(self, name: str) -> dict[str, Any]:
        if name == "malloc_trim":
            return self._measured(name, self._hand_back, acted="it handed free heap pages back")
        if name == "expired":
            return self._measured(name, self._drop_expired, acted="it dropped expired entries")
        return self._halve(name)

    def _hand_back(self) -> bool:
        if self._trim is None:
            return False
        self._trim()
        return True

    def _drop_expired(self) -> bool:
        dropped = self._cache.l1.expire() + self._cache.l2.expire()
        self._hand_back()
        return dropped > 0

    def _halve(self, name: str) -> dict[str, Any]:
        l1, l2 = self._cache.l1, self._cache.l2
        old = (l1.max_bytes, l2.max_bytes)
        new = (_half(l1), _half(l2))
        if new == old:
            return attempt(name, "no change", f"both tiers are at their least, {old} bytes.", old=old, new=old)

        def shrink() -> bool:
            held = l1.nbytes + l2.nbytes
            self._resize(new)
            self._hand_back()
            return l1.nbytes + l2.nbytes < held

        acted = "it halved what the memory tiers may hold (l1, l2)"
        return self._measured(name, shrink, acted=acted, undo=lambda: self._resize(old), old=old, new=new)

    def _resize(self, bounds: tuple[int, int]) -> None:
        # l2 first: what l1 then gives up must find no room there.
        self._cache.l2.resize(bounds[1])
        self._cache.l1.resize(bounds[0])

    def _measured(
        self,
        name: str,
        act: Callable[[], bool],
        *,
        acted: str,
        undo: Callable[[], None] = lambda: None,
        old: object = None,
        new: object = None,
    ) -> dict[str, Any]:
        first, before = self._rss(), self._rss()
        if first is None or before is None:
            return attempt(name, "not enough data", "resident memory cannot be read here.", old=old, new=old)
        noise = abs(before - first)
        did = act()
        after = self._rss()
        if after is None:
            undo()
            return attempt(name, "not enough data", "resident memory cannot be read here.", old=old, new=old)
        numbers = {**_METRIC, "before": float(before), "measured": float(after), "noise_floor": float(noise)}
        freed = before - after
        if did and freed > noise:
            return attempt(name, "kept", f"{acted}, which freed {freed} bytes.", old=old, new=new, **numbers)
        undo()
        if not did:
            return attempt(name, "no change", self._nothing_to_do(name), old=old, new=old, **numbers)
        self._off.add(name)
        reason = f"{acted}, which freed nothing, so this step is switched off."
        return attempt(name, "rolled back", reason, old=old, new=new, **numbers)

    def _nothing_to_do(self, name: str) -> str:
        if name == "malloc_trim":
            return "unavailable: the C library has no malloc_trim."
        return "there was nothing to drop."


def _half(tier: MemoryCache) -> int:
    """Return half of what a tier holds, within its bound."""
    return min(tier.max_bytes, max(LEAST_BYTES, tier.nbytes // 2))
