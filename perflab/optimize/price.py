"""What each access would wait for if memory did not have it.

In: the accesses frame. Out: the reads of the program as a trace, each with its price in seconds, and who answered it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perflab.trace import Trace, trace_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

__all__ = ["Observed", "observed"]

_MEMORY = ("l1", "l2")


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What a program read, what that cost, and what memory had of it.

    Attributes
    ----------
    trace : Trace
        Its reads; `costs` are seconds of loads, as recorded.
    prices : float64 array
        What an access takes if memory does not have it: the mean look-up of its key on disk where that had it, else the
        mean load of the key, else the mean of all that are known. Ones where no time is known.
    in_memory : bool array
        Whether l1 or l2 answered, as recorded.
    is_timed : bool
        Whether prices are seconds.
    """

    trace: Trace
    prices: Floats
    in_memory: npt.NDArray[np.bool_]
    is_timed: bool

    def __len__(self) -> int:
        return len(self.trace)

    @property
    def metric(self) -> dict[str, str]:
        """What memory is judged by: seconds that an access is saved on average, or the share that it answers."""
        if self.is_timed:
            return {"metric": "cache.saved_s", "unit": "s"}
        return {"metric": "cache.memory.hit_rate", "unit": "ratio"}

    def part(self, start: int, stop: int) -> Observed:
        """Return the accesses from one number up to another."""
        picked = slice(start, stop)
        return replace(
            self, trace=self.trace.part(start, stop), prices=self.prices[picked], in_memory=self.in_memory[picked]
        )

    def last(self, count: int) -> Observed:
        """Return the last accesses, so many at the most."""
        return self if len(self) <= count else self.part(len(self) - count, len(self))


def observed(accesses: pd.DataFrame) -> Observed:
    """Return the reads of an accesses frame, priced.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("a", "miss", None, None, None), ("a", "load", None, None, 0.5), ("a", "set", "l1", 40, None),
    ...         ("a", "hit", "l1", 40, None)]
    >>> found = observed(pd.DataFrame(rows, columns=["key", "event", "tier", "nbytes", "duration_s"]))
    >>> found.prices.tolist(), found.in_memory.tolist()
    ([0.5, 0.5], [False, True])
    """
    import numpy as np

    timed = "t" in accesses and not accesses["t"].isna().any()
    rows = accesses.sort_values("t", kind="stable") if timed else accesses
    trace = trace_of(rows, "this system")
    asked = rows[rows["event"].isin(["hit", "miss"]).to_numpy()]
    in_memory = ((asked["event"] == "hit") & _tier(asked).isin(_MEMORY)).to_numpy()
    prices = _prices(trace, _by_key(rows, trace.labels))
    return Observed(trace, np.ones(len(trace)) if prices is None else prices, in_memory, prices is not None)


def _tier(rows: pd.DataFrame) -> Any:
    import pandas as pd

    # Without the column, whatever is a hit counts as one of memory.
    return rows["tier"] if "tier" in rows else pd.Series("l1", index=rows.index)


def _by_key(rows: pd.DataFrame, labels: Any) -> Floats | None:
    """Return the mean seconds of looking each key up on disk, NaN where that never had it."""
    import numpy as np

    if "duration_s" not in rows:
        return None
    found = rows[((rows["event"] == "hit") & (_tier(rows) == "l3")).to_numpy()]
    means = found["duration_s"].astype("float64").groupby(found["key"].astype(object)).mean()
    return np.asarray(means.reindex(labels), dtype=np.float64)


def _prices(trace: Trace, on_disk: Floats | None) -> Floats | None:
    import numpy as np

    loads = np.full(len(trace), np.nan) if trace.costs is None else trace.costs
    looked = np.full(len(trace), np.nan) if on_disk is None else on_disk[trace.ids]
    # Nothing is on disk before it was loaded for the first time.
    looked[np.unique(trace.ids, return_index=True)[1]] = np.nan
    prices = np.where(np.isnan(looked), loads, looked)
    known = prices[~np.isnan(prices)]
    return np.nan_to_num(prices, nan=float(known.mean())) if len(known) else None
