"""How much of a trace is used at a time.

In: a trace. Out: a row a window: different keys, and the bytes of their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from perflab.trace import Trace

__all__ = ["working_set"]


def working_set(trace: Trace, every: int) -> pd.DataFrame:
    """Return the working set of each window of so many accesses.

    Returns
    -------
    pandas.DataFrame
        `start` (number of the first access), `time` (s, NaN if not known), `accesses`, `keys` (counts), `nbytes` (bytes
        of the different keys' values as they were last, NA if not known).

    Notes
    -----
    P. J. Denning (1968), "The working set model for program behavior", with accesses for time.

    Examples
    --------
    >>> from perflab.trace import Trace
    >>> working_set(Trace.of(list("aabc"), nbytes=[1, 1, 2, 3]), 2)[["keys", "nbytes"]].values.tolist()
    [[1, 1], [2, 5]]
    """
    import numpy as np
    import pandas as pd

    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ConfigError(f"every is {every!r}; it must be a whole number of accesses, 1 or more")
    window = np.arange(len(trace)) // every
    uses = pd.DataFrame({"window": window, "key": trace.ids})
    if trace.nbytes is not None:
        uses["nbytes"] = np.maximum(trace.nbytes, 0)
    last = uses.drop_duplicates(["window", "key"], keep="last").groupby("window")
    starts = np.arange(0, len(trace), every)
    sizes: Any = last["nbytes"].sum().to_numpy() if trace.nbytes is not None else [None] * len(starts)
    columns = {
        "start": starts,
        "time": np.nan if trace.times is None else trace.times[starts],
        "accesses": np.minimum(every, len(trace) - starts),
        "keys": last.size().to_numpy(),
    }
    return pd.DataFrame(columns).assign(nbytes=pd.Series(sizes, dtype="Int64"))
