"""Which rows are of the same key.

In: the frame `accesses`. Out: a number a row, equal for the rows of one key in one run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["key_numbers", "run_numbers"]


def key_numbers(accesses: pd.DataFrame) -> pd.Series[int]:
    """Return the number of each row's key; another run has other caches, so its keys are others.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"run_id": ["r", "r", "s", "r"], "key": ["a", "b", "a", "a"]})
    >>> key_numbers(rows).tolist()
    [0, 1, 2, 0]
    """
    import pandas as pd

    keys, names = pd.factorize(accesses["key"], use_na_sentinel=False)
    return run_numbers(accesses) * len(names) + keys


def run_numbers(accesses: pd.DataFrame) -> pd.Series[int]:
    """Return the number of each row's run, from 0 in the order in which they come."""
    import pandas as pd

    runs, _ = pd.factorize(accesses["run_id"], use_na_sentinel=False)
    return pd.Series(runs, accesses.index)
