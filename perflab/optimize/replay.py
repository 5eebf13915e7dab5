"""Run recorded accesses through live caches of two settings, in turns.

In: observed accesses, two settings. Out: for each of both, the seconds that each access waited.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from perflab.analyze.resample import SEGMENTS
from perflab.analyze.simulate.workload import as_key
from perflab.bench.schedule import blocks
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.cache.entry import UNBOUNDED
from perflab.optimize.price import Observed
from perflab.optimize.setting import MemorySetting
from perflab.trace import UNKNOWN_BYTES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["replayed"]


class _Player:
    """A live cache of a setting, private to the replay, that holds sizes in place of values."""

    def __init__(self, setting: MemorySetting, observed: Observed) -> None:
        import numpy as np

        trace = observed.trace
        self._now = 0.0
        self.cache = TieredCache(*self._tiers(setting), None)
        self._times = np.zeros(len(trace)) if trace.times is None else trace.times
        # Some policies go by hashes of the keys.
        self._keys = [as_key(label) for label in np.asarray(trace.labels).tolist()]
        self._ids, self._nbytes, self._costs = trace.ids, trace.nbytes, trace.costs
        self.missed = np.zeros(len(trace), dtype=bool)

    def _tiers(self, setting: MemorySetting) -> tuple[MemoryCache, TTLCache]:
        def timer() -> float:
            return self._now

        rest = setting.untuned
        told: dict[str, Any] = {"weigh": _own_size, "timer": timer}
        l1 = MemoryCache(setting.l1_bytes, max_entries=_bound(rest.l1_entries), policy=setting.l1_policy, **told)
        l2 = TTLCache(
            setting.l2_bytes,
            max_entries=_bound(rest.l2_entries),
            policy=rest.l2_policy,
            default_ttl=setting.l2_ttl_s,
            sliding=rest.l2_sliding,
            **told,
        )
        return l1, l2

    def play(self, start: int, stop: int) -> None:
        """Ask for what these accesses asked for, and store what is missing."""
        cache, missed = self.cache, self.missed
        for place, key, nbytes, cost, now in self._accesses(start, stop):
            self._now = now
            if cache.get(key) is not None:
                continue
            missed[place] = True
            if nbytes != UNKNOWN_BYTES:
                cache.set(key, nbytes, cost=cost if cost is not None and not math.isnan(cost) else None)

    def _accesses(self, start: int, stop: int) -> Iterator[tuple[int, Hashable, int, Any, float]]:
        part = slice(start, stop)
        costs = itertools.repeat(None) if self._costs is None else self._costs[part].tolist()
        sizes = itertools.repeat(1) if self._nbytes is None else self._nbytes[part].tolist()
        keys = map(self._keys.__getitem__, self._ids[part].tolist())
        columns = keys, sizes, costs, self._times[part].tolist()
        return zip(range(start, stop), *columns, strict=False)


def replayed(
    observed: Observed,
    arms: list[MemorySetting],
    *,
    start: int = 0,
    seed: int = 2026,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Floats] | None:
    """Return for each setting the seconds that each access from `start` on waited; None if it was cancelled.

    Stretches of accesses are played to all arms in ABBA order, so that whatever else goes on meets them alike. The
    accesses before `start` fill the caches.

    Parameters
    ----------
    observed
        The accesses. An access that memory does not have waits for its price.
    arms
        The settings.
    seed
        Of the order.
    cancelled
        Asked before each stretch.
    """
    import numpy as np

    bounds = np.unique(np.linspace(start, len(observed), SEGMENTS + 1).astype(int))
    with _players(arms, observed) as players:
        for player in players:
            player.play(0, start)
        spans = list(itertools.pairwise(bounds.tolist()))
        for span, block in zip(spans, blocks(len(arms), len(spans), seed), strict=True):
            if cancelled():
                return None
            for arm in block.order:
                players[arm].play(*span)
        return [np.where(player.missed, observed.prices, 0.0)[start:] for player in players]


@contextmanager
def _players(arms: list[MemorySetting], observed: Observed) -> Iterator[list[_Player]]:
    with ExitStack() as stack:
        players = [_Player(arm, observed) for arm in arms]
        for player in players:
            stack.enter_context(player.cache)
        yield players


def _bound(entries: int | None) -> int:
    return UNBOUNDED if entries is None else entries


def _own_size(_: object, nbytes: Any) -> int:
    return int(nbytes)
