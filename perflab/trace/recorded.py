"""The trace that a run recorded.

In: the frame `accesses`. Out: `Trace`: the application's reads, with the sizes and load costs that were recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.trace.trace import UNKNOWN_BYTES, Trace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

__all__ = ["sizes_by_row", "trace_of"]


def trace_of(accesses: pd.DataFrame, source: str = "a recorded run") -> Trace:
    """Return the rows `hit` and `miss` of the accesses frame as a trace, in order of time where that is known.

    A miss does not know the size of what it missed: see `sizes_by_row`. The cost of an access is the mean of the timed
    loads of its key. Where `attrs` of the frame say that a share of the keys was recorded, each value stands for those
    that were not, and has their bytes too: a cache of the whole size over it behaves as over all keys (Waldspurger et
    al., SHARDS, FAST 2015).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"key": ["a", "a", "a"], "event": ["miss", "set", "hit"], "nbytes": [None, 40, 40]})
    >>> trace_of(frame).nbytes.tolist()
    [40, 40]
    """
    import numpy as np
    import pandas as pd

    rows = _in_order(accesses)
    wanted = rows["event"].isin(["hit", "miss"]).to_numpy()
    sizes = sizes_by_row(rows).to_numpy()[wanted]
    asked = rows[wanted]
    codes, labels = pd.factorize(asked["key"].astype(object))
    ratio = float(accesses.attrs.get("sample_ratio", 1.0))
    nbytes = np.where(np.isnan(sizes), UNKNOWN_BYTES, np.rint(sizes / ratio)).astype(np.int64)
    names, operations = _operations(asked)
    costs = _costs(rows, labels)
    return Trace(
        codes.astype(np.int32),
        np.asarray(labels, dtype=object),
        nbytes,
        _seconds(asked),
        None if costs is None else costs[codes],
        operations,
        names,
        source if ratio == 1 else f"{source}, {ratio:.3g} of whose keys were recorded",
        sample_ratio=ratio,
    )


def sizes_by_row(accesses: pd.DataFrame) -> pd.Series[float]:
    """Return the bytes of each row's value in memory, NaN for a key of which no row has a size.

    A row without a size takes the next one that was recorded of its key, else the last one before.
    """
    import pandas as pd

    sizes = pd.to_numeric(accesses["nbytes"]).astype("float64")
    if "tier" in accesses:  # what is stored, evicted or rejected there has its cost on disk
        sizes = sizes.mask((accesses["tier"] == "l3") & (accesses["event"] != "hit"))
    by_key = sizes.groupby(accesses["key"].astype(object))
    return by_key.bfill().fillna(by_key.ffill())


def _in_order(accesses: pd.DataFrame) -> pd.DataFrame:
    # Rows of several threads are delivered thread by thread.
    timed = "t" in accesses and not accesses["t"].isna().any()
    sorted_already = not timed or accesses["t"].is_monotonic_increasing
    return accesses if sorted_already else accesses.sort_values("t", kind="stable")


def _seconds(asked: pd.DataFrame) -> npt.NDArray[np.float64] | None:
    import numpy as np

    if "t" not in asked or not len(asked) or asked["t"].isna().any():
        return None
    seconds = (asked["t"] - asked["t"].iloc[0]).dt.total_seconds()
    risen: npt.NDArray[np.float64] = np.maximum.accumulate(seconds.to_numpy(dtype=np.float64))
    return risen


def _costs(rows: pd.DataFrame, labels: Any) -> npt.NDArray[np.float64] | None:
    import numpy as np

    if "duration_s" not in rows:
        return None
    loads = rows[rows["event"] == "load"]
    timed = loads["duration_s"].astype("float64").groupby(loads["key"].astype(object)).mean()
    return np.asarray(timed.reindex(labels), dtype=np.float64) if len(timed) else None


def _operations(asked: pd.DataFrame) -> tuple[tuple[str, ...], npt.NDArray[np.int32] | None]:
    import numpy as np
    import pandas as pd

    if "operation" not in asked or asked["operation"].isna().all():
        return (), None
    codes, names = pd.factorize(asked["operation"].astype(object))
    return tuple(map(str, names)), codes.astype(np.int32)
