"""What a system under some number of simultaneous requests does.

In: each request's seconds, and who made it. Out: throughput, percentiles of all requests, errors, fairness.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from perflab.analyze.intervals import quantile

__all__ = ["Load", "fairness", "load"]


@dataclass(frozen=True, slots=True)
class Load:
    """One level of simultaneous requests.

    Attributes
    ----------
    simultaneous : int
        Requests in flight at once.
    requests, errors : int
        Requests that ended, and those of them that raised.
    throughput_per_s : float
        Requests without error a second.
    p50_s, p95_s, p99_s : float
        Percentiles over all requests' seconds; none is summed up in buckets.
    p95_low_s, p95_high_s : float
        Exact bounds of the 95th percentile; NaN below 72 requests.
    fairness : float
        Jain's index of the requests that each client got through: 1 if all got the same, 1 / n if one got all.
    """

    simultaneous: int
    requests: int
    errors: int
    throughput_per_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    p95_low_s: float
    p95_high_s: float
    fairness: float


def load(simultaneous: int, seconds: Sequence[float], clients: Sequence[int], *, errors: int, elapsed_s: float) -> Load:
    """Return what one level of simultaneous requests came to.

    Examples
    --------
    >>> found = load(2, [0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], errors=0, elapsed_s=1.0)
    >>> found.throughput_per_s, found.p50_s, found.fairness
    (4.0, 0.5, 1.0)
    """
    middle, high, highest = (quantile(seconds, p) for p in (0.50, 0.95, 0.99))
    done = Counter(clients)
    return Load(
        simultaneous=simultaneous,
        requests=len(seconds),
        errors=errors,
        throughput_per_s=(len(seconds) - errors) / elapsed_s if elapsed_s > 0 else math.nan,
        p50_s=middle.value,
        p95_s=high.value,
        p99_s=highest.value,
        p95_low_s=high.low,
        p95_high_s=high.high,
        fairness=fairness([done[client] for client in range(simultaneous)]),
    )


def fairness(shares: Sequence[float]) -> float:
    """Return Jain's index of some shares; NaN where there are none.

    Source: Jain, Chiu and Hawe, "A quantitative measure of fairness", DEC-TR-301 (1984).

    Examples
    --------
    >>> fairness([3, 3, 3]), fairness([9, 0, 0])
    (1.0, 0.3333333333333333)
    """
    squares = len(shares) * sum(share * share for share in shares)
    return sum(shares) ** 2 / squares if squares else math.nan
