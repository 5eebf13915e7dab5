"""Give memory back when there is too little of it.

In: a tiered cache. Out: less resident memory, measured before and after each step; a step that frees nothing rests.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.host import baseline_rss
from perflab.optimize.resident import LEAST_EFFECT_BYTES, METRIC, UNREADABLE, Resident, Residents, change_in_words
from perflab.optimize.result import attempt

if TYPE_CHECKING:
    from perflab.cache import MemoryCache, TieredCache

__all__ = ["LEAST_BYTES", "Relief", "malloc_trim"]

LEAST_BYTES = 1 << 20
"""A tier is not shrunk below this: less would free less than the allocator's own page granularity wanders by."""

_FAILURES = 2
_GROWTH = 2

Bounds = tuple[int, int]


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


@dataclass(slots=True)
class _Futile:
    """Tries of one step in a row that had no effect, and the least bytes that the tiers held since the last one."""

    tries: int = 0
    held: int = 0


class Relief:
    """The steps that lower memory, mildest first, each judged by the resident memory that it freed.

    1. hand free pages back; 2. drop expired entries; 3. lower the bounds of l1 and l2 to half of what each holds: l1's
    alone would only move its entries to l2. After steps 2 and 3 free pages are handed back too, or nothing of theirs
    could be seen. A step that did something has an effect if it freed more than `LEAST_EFFECT_BYTES` and more than the
    reads differ by; without one its bounds are undone. A step without effect twice in a row, so that one allocation of
    another thread decides nothing, rests until the tiers hold twice the least that they held since, and at least
    `LEAST_EFFECT_BYTES` more. Collecting garbage is no step: it frees cycles, not caches.

    Parameters
    ----------
    cache
        The tiers to shrink.
    rss
        Returns resident bytes, or None where they cannot be read; then no step is tried.
    find_trim
        Returns what hands free pages back, or None where there is no such call.
    sleep
        Waits some seconds; between reads.

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
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._cache = cache
        self._residents = Residents(rss, sleep=sleep)
        self._trim = find_trim()
        self._first: Bounds | None = None
        self._lowered: Bounds | None = None
        self._futile = {name: _Futile() for name in self.STEPS}

    def run(self) -> list[dict[str, Any]]:
        """Take each step that does not rest and return one row of `optimizations` a step."""
        held = self._held()
        for futile in self._futile.values():
            futile.held = min(futile.held, held)
        return [self._step(name) for name in self.STEPS if not self._rests(name)]

    def settle(self) -> list[dict[str, Any]]:
        """Return no rows: every step of `run` is judged at once."""
        return []

    def end(self) -> list[dict[str, Any]]:
        """Give the tiers the bounds back that they had before `run` lowered them, and return a row if they had others.

        Bounds that somebody else has set since stay.
        """
        first, lowered = self._first, self._lowered
        self._first = self._lowered = None
        if first is None or lowered is None or first == lowered:
            return []
        now = self._bounds()
        if now != lowered:
            return [attempt("cache", "no change", "somebody else has set the bounds of l1 and l2.", old=now, new=now)]
        self._resize(first)
        return [attempt("cache", "rolled back", "memory is free again: l1 and l2 have room.", old=lowered, new=first)]

    def _rests(self, name: str) -> bool:
        futile = self._futile[name]
        enough = max(_GROWTH * futile.held, futile.held + LEAST_EFFECT_BYTES)
        return futile.tries >= _FAILURES and self._held() < enough

    def _held(self) -> int:
        return self._cache.l1.nbytes + self._cache.l2.nbytes

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
        old = self._bounds()
        new = (_half(self._cache.l1), _half(self._cache.l2))
        if new == old:
            return attempt(name, "no change", f"both tiers are at their least, {old} bytes.", old=old, new=old)

        def shrink() -> bool:
            held = self._held()
            self._lower(old, new)
            self._hand_back()
            return self._held() < held

        acted = f"it lowered the bounds of l1 and l2 to half of what each held, but not below {LEAST_BYTES} bytes"
        before = self._first, self._lowered

        def undo() -> None:
            self._resize(old)
            self._first, self._lowered = before

        return self._measured(name, shrink, acted=acted, undo=undo, old=old, new=new)

    def _bounds(self) -> Bounds:
        return self._cache.l1.max_bytes, self._cache.l2.max_bytes

    def _lower(self, old: Bounds, new: Bounds) -> None:
        if old != self._lowered:  # the first time, or somebody else has set them since
            self._first = old
        self._lowered = new
        self._resize(new)

    def _resize(self, bounds: Bounds) -> None:
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
        before = self._residents.read()
        if before is None:
            return attempt(name, "not enough data", UNREADABLE, old=old, new=old)
        did = act()
        after = self._residents.read()
        if after is None:
            undo()
            return attempt(name, "not enough data", UNREADABLE, old=old, new=old)
        numbers = _numbers(before, after)
        if not did:
            undo()
            return attempt(name, "no change", self._nothing_to_do(name), old=old, new=old, **numbers)
        freed, needed = after.freed_since(before)
        if freed > needed:
            self._futile[name] = _Futile()
            return attempt(name, "kept", f"{acted}, which freed {freed:.0f} bytes.", old=old, new=new, **numbers)
        undo()
        effect = f"an effect is more than {needed:.0f} freed."
        said = f"{acted}; resident memory then was {change_in_words(freed)}, and {effect}"
        return attempt(name, "rolled back", said + self._without_effect(name), old=old, new=new, **numbers)

    def _without_effect(self, name: str) -> str:
        futile = self._futile[name]
        futile.tries, futile.held = futile.tries + 1, self._held()
        return " It is switched off until the tiers hold twice as much." if futile.tries >= _FAILURES else ""

    def _nothing_to_do(self, name: str) -> str:
        if name == "malloc_trim":
            return "unavailable: the C library has no malloc_trim."
        return "there was nothing to drop."


def _numbers(before: Resident, after: Resident) -> dict[str, object]:
    noise = max(before.spread, after.spread)
    return {**METRIC, "before": before.nbytes, "measured": after.nbytes, "noise_floor": noise}


def _half(tier: MemoryCache) -> int:
    """Return half of what a tier holds, within its bound."""
    return min(tier.max_bytes, max(LEAST_BYTES, tier.nbytes // 2))
