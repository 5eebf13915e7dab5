"""Find a better size for the memory tier from the recorded accesses, and prove it before it is used.

In: the accesses frame and a tiered cache. Out: a resized l1 if a replay shows that it helps, and a row that says so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.analyze.reuse import (
    NEVER,
    Requests,
    hit_rate_at,
    requests,
    smallest_size,
    stack_distances,
)
from perflab.cache import MemoryCache
from perflab.optimize.result import attempt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from perflab.cache import TieredCache

    Floats = npt.NDArray[np.float64]

__all__ = ["LEAST_ACCESSES", "Replay", "replay", "tune"]

LEAST_ACCESSES = 200
"""Below this a hit rate's 95 % interval is wider than 14 points, and no size can be told from another."""

_MOST_ACCESSES = 50_000
_SEGMENTS = 20
_RESAMPLES = 2_000
_KNOB = "cache.l1_bytes"
_METRIC = {"metric": "cache.l1.hit_rate", "unit": "ratio"}


@dataclass(frozen=True, slots=True)
class Replay:
    """Hit rates of two sizes over the same segments of one trace.

    `present` and `candidate` are over the whole trace; `low` and `high` bound the candidate's (95 %, from paired
    differences); `noise_floor` is the widest difference of the present size against itself.
    """

    present: float
    candidate: float
    low: float
    high: float
    noise_floor: float


def tune(
    accesses: pd.DataFrame,
    cache: TieredCache,
    *,
    target_hit_rate: float,
    memory_bytes: int,
    seed: int = 2026,
) -> dict[str, Any]:
    """Try the smallest l1 that reaches the target, else the best, and keep it if a replay proves that it is better.

    Parameters
    ----------
    accesses
        The recorded accesses, oldest first; the last 50,000 are used.
    cache
        Its `l1` is resized. Room that `l1` gains is taken from `l2`'s unused room, so nothing is dropped for it.
    target_hit_rate
        Ratio of accesses that l1 alone should answer.
    memory_bytes
        What l1 and l2 may hold together.
    seed
        Of the interval's resampling.

    Returns
    -------
    dict
        A row of `optimizations`. `before` and `measured` are replayed hit rates, `predicted` comes from the stack
        distances. l1 never shrinks here: a trace shows what was used, not what will be; memory is given back by relief.
    """
    present = cache.l1.max_bytes
    trace = requests(accesses).tail(_MOST_ACCESSES)
    if len(trace) < LEAST_ACCESSES:
        reason = f"{len(trace)} accesses were recorded; {LEAST_ACCESSES} are needed."
        return attempt(_KNOB, "not enough data", reason, old=present, new=present, **_METRIC)
    distances = stack_distances(trace.keys, trace.nbytes)
    distances[~trace.known] = NEVER
    now = float(hit_rate_at(distances, present)[0])
    if now >= target_hit_rate:
        return _unchanged(present, now, "the present size reaches the target already.")
    candidate = smallest_size(distances, target_hit_rate, max(present, memory_bytes - cache.l2.nbytes))
    if candidate is None or candidate <= present:
        return _unchanged(present, now, "no larger size within the memory limit has a higher hit rate.")
    predicted = float(hit_rate_at(distances, candidate)[0])
    return _prove(trace, cache, candidate, predicted, memory_bytes, seed)


def replay(trace: Requests, present_bytes: int, candidate_bytes: int, *, seed: int = 2026) -> Replay:
    """Replay a trace through live memory caches of two sizes, segment by segment, in ABBA order.

    A third cache of the present size gives the noise floor. The interval is a percentile bootstrap over the segments'
    paired differences.

    Examples
    --------
    >>> import numpy as np
    >>> keys = np.tile(np.arange(10), 40)
    >>> trace = Requests(keys, np.full(400, 1_000), np.ones(400, dtype=bool))
    >>> found = replay(trace, 5_000, 10_000)
    >>> found.present, found.candidate, found.noise_floor
    (0.0, 0.975, 0.0)
    """
    import numpy as np

    caches = [_bare(present_bytes), _bare(candidate_bytes), _bare(present_bytes)]
    bounds = np.linspace(0, len(trace), _SEGMENTS + 1).astype(int)
    rates = np.zeros((_SEGMENTS, len(caches)))
    for segment, (start, stop) in enumerate(itertools.pairwise(bounds)):
        order = range(len(caches)) if segment % 2 == 0 else reversed(range(len(caches)))
        for arm in order:
            rates[segment, arm] = _hits(caches[arm], trace, start, stop) / (stop - start)
    lengths = np.diff(bounds)
    present, candidate, _ = np.average(rates, axis=0, weights=lengths)
    low, high = _bootstrap(rates[:, 1] - rates[:, 0], lengths, seed)
    noise = float(np.abs(rates[:, 2] - rates[:, 0]).max())
    return Replay(float(present), float(candidate), float(present + low), float(present + high), noise)


def _prove(
    trace: Requests, cache: TieredCache, candidate: int, predicted: float, memory_bytes: int, seed: int
) -> dict[str, Any]:
    present = cache.l1.max_bytes
    found = replay(trace, present, candidate, seed=seed)
    numbers: dict[str, Any] = {
        **_METRIC,
        "before": found.present,
        "predicted": predicted,
        "measured": found.candidate,
        "low": found.low,
        "high": found.high,
        "noise_floor": found.noise_floor,
    }
    if not found.low > found.present + found.noise_floor:
        reason = "the replay does not show that the larger size is better."
        return attempt(_KNOB, "rolled back", reason, old=present, new=candidate, **numbers)
    _apply(cache, candidate, memory_bytes)
    reason = f"{len(trace)} accesses replayed through both sizes show the gain."
    return attempt(_KNOB, "kept", reason, old=present, new=candidate, **numbers)


def _apply(cache: TieredCache, l1_bytes: int, memory_bytes: int) -> None:
    # l2 first, so that the two bounds never add up to more than the limit.
    cache.l2.resize(min(cache.l2.max_bytes, memory_bytes - l1_bytes))
    cache.l1.resize(l1_bytes)


def _unchanged(present: int, now: float, reason: str) -> dict[str, Any]:
    return attempt(_KNOB, "no change", reason, old=present, new=present, **_METRIC, predicted=now)


def _bare(max_bytes: int) -> MemoryCache:
    """A live cache that holds sizes in place of values."""
    return MemoryCache(max_bytes, weigh=lambda _, nbytes: nbytes if isinstance(nbytes, int) else 0)


def _hits(cache: MemoryCache, trace: Requests, start: int, stop: int) -> int:
    part = slice(start, stop)
    hits = 0
    for key, nbytes, known in zip(
        trace.keys[part].tolist(), trace.nbytes[part].tolist(), trace.known[part].tolist(), strict=True
    ):
        if cache.entry(key) is not None:
            hits += 1
        elif known:
            cache.set(key, nbytes)
    return hits


def _bootstrap(differences: Floats, lengths: npt.NDArray[np.int64], seed: int) -> tuple[float, float]:
    import numpy as np

    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(differences), size=(_RESAMPLES, len(differences)))
    means = (differences[drawn] * lengths[drawn]).sum(axis=1) / lengths[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
