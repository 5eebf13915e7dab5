"""Reuse of keys in a short trace: exact stack distances, and the hit rate of every LRU size at once.

In: the accesses frame, or arrays of keys and sizes. Out: a distance an access; a miss-ratio curve; hit rates at sizes.
Nothing is compiled, so that the first answer comes at once; `curve` is for long traces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.trace import sizes_by_row

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

__all__ = ["NEVER", "Requests", "hit_rate_at", "miss_ratio_curve", "requests", "smallest_size", "stack_distances"]

NEVER = (1 << 63) - 1
"""Distance of an access that no size turns into a hit: the first of its key."""


@dataclass(frozen=True, slots=True)
class Requests:
    """A trace: for each access the number of its key, the bytes of its value, and whether the bytes are known."""

    keys: Ints
    nbytes: Ints
    known: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.keys)

    def tail(self, count: int) -> Requests:
        """Return the last accesses, at most this many."""
        start = max(0, len(self) - count)
        return Requests(self.keys[start:], self.nbytes[start:], self.known[start:])


def requests(accesses: pd.DataFrame) -> Requests:
    """Return the application's accesses in order: the rows `hit` and `miss` of the accesses frame.

    A miss does not know the size of what it missed. It takes the next size that was recorded of its key, else the last
    one before; a key of which no row has a size was never stored, and `known` is false.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"key": ["a", "a", "a"], "event": ["miss", "set", "hit"], "nbytes": [None, 40, 40]})
    >>> requests(frame).nbytes.tolist()
    [40, 40]
    """
    import numpy as np
    import pandas as pd

    filled = sizes_by_row(accesses)
    wanted = accesses["event"].isin(["hit", "miss"]).to_numpy()
    codes, _ = pd.factorize(accesses["key"].astype(object)[wanted])
    chosen = filled.to_numpy()[wanted]
    known = ~np.isnan(chosen)
    return Requests(codes.astype(np.int64), np.where(known, chosen, 0).astype(np.int64), known)


def stack_distances(keys: Any, nbytes: Any = None) -> Ints:
    """Return the LRU stack distance of each access.

    It is the size of the smallest LRU cache in which the access hits: the number (or, with `nbytes`, the bytes) of the
    distinct keys used since the last access of this key, itself included. The first access of a key is `NEVER`.

    Parameters
    ----------
    keys
        One value an access, of any kind that numpy can compare.
    nbytes
        Bytes an access; a key's size may change. Then an access to a key larger than the cache still displaces others,
        where a cache that refuses it would not.

    Notes
    -----
    Mattson, Gecsei, Slutz, Traiger (1970), "Evaluation techniques for storage hierarchies". Worked out offline: what
    lies between two accesses of a key, less what is used again in between. The second is a count of earlier accesses
    whose own last use is later, found for all accesses together by merging sorted halves; O(n log^2 n).

    Examples
    --------
    >>> stack_distances(["a", "b", "b", "a"])[1:].tolist() == [NEVER, 1, 2]
    True
    >>> stack_distances([1, 2, 1], nbytes=[10, 30, 10])[2]
    np.int64(40)
    """
    import numpy as np

    last = _last_use(np.asarray(keys))
    count = len(last)
    weights = np.ones(count, dtype=np.int64) if nbytes is None else np.asarray(nbytes, dtype=np.int64)
    again = np.where(last >= 0, weights[last], 0)  # weight, at its last use, of what is used again
    total = np.concatenate(([0], np.cumsum(weights)))
    between = total[:count] - total[last + 1]
    distances = between - _sum_of_earlier_with_greater(last, again) + weights
    return np.where(last >= 0, distances, NEVER)


def hit_rate_at(distances: Ints, sizes: Any) -> Floats:
    """Return the LRU hit rate at each size, in the unit of the distances; NaN for an empty trace.

    Examples
    --------
    >>> hit_rate_at(stack_distances(list("abab")), [1, 2]).tolist()
    [0.0, 0.5]
    """
    import numpy as np

    wanted = np.atleast_1d(np.asarray(sizes, dtype=np.int64))
    if len(distances) == 0:
        return np.full(len(wanted), np.nan)
    return np.searchsorted(np.sort(distances), wanted, side="right") / len(distances)


def miss_ratio_curve(distances: Ints) -> pd.DataFrame:
    """Return the exact curve: columns `size` and `miss_ratio`, one row for each size at which the ratio falls.

    The first row is size 0. An empty trace gives no rows.

    Examples
    --------
    >>> miss_ratio_curve(stack_distances(list("abab"))).values.tolist()
    [[0.0, 1.0], [2.0, 0.5]]
    """
    import numpy as np
    import pandas as pd

    finite = distances[distances != NEVER]
    sizes = np.unique(np.concatenate((np.zeros(1, dtype=np.int64), finite)))
    if len(distances) == 0:
        sizes = sizes[:0]
    return pd.DataFrame({"size": sizes, "miss_ratio": 1.0 - hit_rate_at(distances, sizes)})


def smallest_size(distances: Ints, hit_rate: float, largest: int) -> int | None:
    """Return the smallest size with at least this hit rate, or with the best rate that `largest` allows.

    None if no size up to `largest` has a hit.

    Examples
    --------
    >>> distances = stack_distances(list("ababab"))
    >>> smallest_size(distances, 0.5, 100), smallest_size(distances, 0.9, 100), smallest_size(distances, 0.5, 1)
    (2, 2, None)
    """
    import numpy as np

    usable = np.sort(distances[distances <= largest])
    if len(usable) == 0:
        return None
    needed = int(np.ceil(hit_rate * len(distances) - 1e-9))
    return int(usable[min(max(needed, 1), len(usable)) - 1])


def _last_use(keys: npt.NDArray[Any]) -> Ints:
    """Return the position of each access's key's last access before it, or -1."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    same = np.zeros(len(keys), dtype=bool)
    same[1:] = keys[order][1:] == keys[order][:-1]
    last = np.full(len(keys), -1, dtype=np.int64)
    last[order[1:]] = np.where(same[1:], order[:-1], -1)
    return last


def _sum_of_earlier_with_greater(values: Ints, weights: Ints) -> Ints:
    """Return for each position the weights of the earlier positions whose value is greater.

    Halves of 1, 2, 4, ... positions: each right half asks the left half beside it. Sorting by (pair of halves, value)
    puts all pairs of a level side by side, so a level costs one sort and one cumulative sum.
    """
    import numpy as np

    count = len(values)
    positions = np.arange(count)
    sums = np.zeros(count, dtype=np.int64)
    descending = np.argsort(-values, kind="stable")
    half = 1
    while half < count:
        pair = positions // (2 * half)
        order = descending[np.argsort(pair[descending], kind="stable")]
        left = (positions[order] // half) % 2 == 0
        running = np.concatenate(([0], np.cumsum(np.where(left, weights[order], 0))))
        start = np.searchsorted(pair[order], pair[order], side="left")
        # Equal values do not count as greater. Only -1 occurs twice, and its weight is 0.
        found = running[:-1] - running[start]
        sums[order[~left]] += found[~left]
        half *= 2
    return sums
