"""Any policy, any sizes: hits access by access, and curves on all cores.

In: a `Workload`, the name of a policy, sizes. Out: hits, or misses and their costs by size.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perflab.analyze.simulate.belady import belady
from perflab.analyze.simulate.leavers import Leavers
from perflab.analyze.simulate.lru import lru
from perflab.analyze.simulate.priority import priority
from perflab.analyze.simulate.queues import MOST_SIZES, queues
from perflab.analyze.simulate.s3fifo import s3fifo
from perflab.analyze.simulate.second import second
from perflab.analyze.simulate.tinylfu import tinylfu
from perflab.analyze.simulate.workload import Workload

__all__ = ["SIMULATORS", "Misses", "hits", "lru_hits", "lru_rates", "misses", "tiered"]

Bits = npt.NDArray[np.uint8]
Sizes = npt.NDArray[np.int64]

_NO_TIMES = np.zeros(1)


@dataclass(frozen=True, slots=True)
class Misses:
    """Misses by size: `counts` (sizes x 2, before and after the middle), `lost_s` (what a load of each would cost)."""

    counts: npt.NDArray[np.int64]
    lost_s: npt.NDArray[np.float64]


def hits(policy: str, work: Workload, size: int) -> npt.NDArray[np.bool_]:
    """Return for each access whether a cache of this size has it.

    Examples
    --------
    >>> from perflab.trace import Trace
    >>> work = Workload.of(Trace.of(list("abcab")), "entries")
    >>> hits("lru", work, 2).tolist(), hits("belady", work, 2).tolist()
    ([False, False, False, False, False], [False, False, False, True, False])
    """
    found: npt.NDArray[np.bool_] = _bits(policy, work, np.array([size], dtype=np.int64)) == 0
    return found


def lru_hits(work: Workload, size: int, ttl_s: float) -> npt.NDArray[np.bool_]:
    """Return for each access whether an LRU cache whose values live so many seconds has it."""
    missed = np.zeros(len(work), dtype=np.uint8)
    times = _NO_TIMES if work.times is None else work.times
    lru(work.ids, work.keys, work.weights, work.stride, size, times, ttl_s, missed, None)
    found: npt.NDArray[np.bool_] = missed == 0
    return found


def tiered(policy: str, work: Workload, first: int, behind: int, ttl_s: float = math.inf) -> npt.NDArray[np.uint8]:
    """Return for each access which of two memory tiers has it: 1, 2, or 0 for neither.

    The second tier is least recently used; it takes what the first lets go of for `ttl_s` seconds, and gives back what
    is asked for. Without times of the accesses nothing is ever due.

    Examples
    --------
    >>> from perflab.trace import Trace
    >>> tiered("fifo", Workload.of(Trace.of(list("abcab")), "entries"), 2, 1).tolist()
    [0, 0, 0, 2, 2]
    """
    leavers = np.full((len(work), 2), -1, dtype=np.int32)
    found = _bits(policy, work, np.array([first], dtype=np.int64), leavers) ^ np.uint8(1)
    times, lives_s = (_NO_TIMES, math.inf) if work.times is None else (work.times, ttl_s)
    second(work.ids, work.keys, work.weights, work.stride, first, leavers, behind, times, lives_s, found)
    return found


def lru_rates(
    work: Workload, sizes: Sequence[int], lives_s: Sequence[float], workers: int | None = None
) -> npt.NDArray[np.float64]:
    """Return the hit rate of LRU for each time to live (rows) and size (columns), side by side in threads."""
    cells = [(ttl_s, size) for ttl_s in lives_s for size in sizes]
    with ThreadPoolExecutor(_threads(workers, len(cells))) as pool:
        rates = list(pool.map(lambda cell: np.count_nonzero(lru_hits(work, cell[1], cell[0])), cells))
    return np.array(rates).reshape(len(lives_s), len(sizes)) / max(1, len(work))


def misses(policy: str, work: Workload, sizes: Sequence[int] | Sizes, workers: int | None = None) -> Misses:
    """Return the misses at each size; sizes are simulated side by side in threads, one a core by default."""
    wanted = np.asarray(sizes, dtype=np.int64)
    step = MOST_SIZES if policy in _QUEUES else 1
    groups = [wanted[start : start + step] for start in range(0, len(wanted), step)]
    with ThreadPoolExecutor(_threads(workers, len(groups))) as pool:
        parts = list(pool.map(lambda group: _counted(policy, work, group), groups))
    if not parts:
        return Misses(np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    return Misses(np.concatenate([part.counts for part in parts]), np.concatenate([part.lost_s for part in parts]))


def _threads(workers: int | None, tasks: int) -> int:
    return max(1, min(workers or len(os.sched_getaffinity(0)), tasks))


def _counted(policy: str, work: Workload, sizes: Sizes) -> Misses:
    bits = _bits(policy, work, sizes)
    cut = len(work) // 2
    counts, lost = np.zeros((len(sizes), 2), dtype=np.int64), np.full(len(sizes), np.nan)
    for place in range(len(sizes)):
        missed = (bits & np.uint8(1 << place)) != 0
        counts[place] = np.count_nonzero(missed[:cut]), np.count_nonzero(missed[cut:])
        if work.cost_stride:
            lost[place] = work.known_costs[missed].sum()
    return Misses(counts, lost)


def _bits(policy: str, work: Workload, sizes: Sizes, leavers: Leavers | None = None) -> Bits:
    missed = np.zeros(len(work), dtype=np.uint8)
    if policy in _QUEUES:
        ids, weights = work.ids.view(np.uint32), work.weights if work.stride else None
        queues(ids, work.keys, weights, sizes, *_QUEUES[policy], missed, leavers)
    else:
        _SINGLE[policy](work, int(sizes[0]), missed, leavers)
    return missed


def _lru(work: Workload, size: int, *told: Any) -> None:
    lru(work.ids, work.keys, work.weights, work.stride, size, _NO_TIMES, math.inf, *told)


def _tinylfu(work: Workload, size: int, *told: Any) -> None:
    tinylfu(work.ids, work.hashes, work.weights, work.stride, size, *told)


def _s3fifo(work: Workload, size: int, *told: Any) -> None:
    s3fifo(work.ids, work.keys, work.weights, work.stride, size, *told)


def _belady(work: Workload, size: int, missed: Bits, _: Leavers | None) -> None:
    belady(work.ids, work.keys, work.weights, work.stride, size, missed)


def _by_priority(greedy: bool) -> Callable[..., None]:
    def run(work: Workload, size: int, *told: Any) -> None:
        columns = (work.ids, work.keys, work.weights, work.stride, size)
        priority(*columns, work.priced_costs, work.cost_stride, greedy, *told)

    return run


_QUEUES: Mapping[str, tuple[bool, bool]] = {"fifo": (False, False), "clock": (True, True), "sieve": (True, False)}
"""Name -> whether hits mark, and whether what is marked moves."""

_SINGLE: Mapping[str, Callable[..., None]] = {
    "lru": _lru,
    "lfu": _by_priority(greedy=False),
    "s3fifo": _s3fifo,
    "tinylfu": _tinylfu,
    "gdsf": _by_priority(greedy=True),
    "belady": _belady,
}

SIMULATORS: tuple[str, ...] = ("lru", "fifo", "clock", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf", "belady")
"""Every policy that can be simulated. All but `clock` and `belady` are policies of perflab's caches too."""
