"""How much of the data a program uses at a time.

In: the frame `accesses`. Out: a row a window: how many different keys were read, and the bytes of their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.questions.keyed import run_numbers
from perflab.analyze.reuse import requests

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["working_sets"]


def working_sets(accesses: pd.DataFrame, every: int = 100) -> pd.DataFrame:
    """Return the working set of each window of equally many accesses; a cache smaller than it cannot keep it.

    Parameters
    ----------
    accesses
        The frame, with rows in the order in which it is delivered.
    every
        Accesses of a window; the last one of a run may have fewer.

    Returns
    -------
    pandas.DataFrame
        `run_id`, `window` (number within its run), `t` (UTC, of the window's first access), `accesses` and `keys`
        (counts), `nbytes` (bytes of the different keys' values, by the weight that l1 and l2 go by) and `unsized_keys`
        (count of those that were never held in memory, whose bytes are not known).

    Notes
    -----
    P. J. Denning (1968), "The working set model for program behavior", with accesses for time.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for key in "abab":
    ...     recorder.access(key, "hit", "l1", nbytes=100)
    >>> working_sets(recorder.frames.accesses, every=2)[["keys", "nbytes"]].values.tolist()
    [[2, 200], [2, 200]]
    """
    # A copy on disk has another size than the value in memory.
    weighed = accesses.assign(nbytes=accesses["nbytes"].mask(accesses["tier"] == "l3"))
    trace = requests(weighed)
    reads = accesses.loc[accesses["event"].isin(["hit", "miss"]), ["run_id", "t"]]
    runs = run_numbers(reads)
    reads = reads.assign(run=runs, key=trace.keys, nbytes=trace.nbytes, unsized=~trace.known)
    reads["window"] = runs.groupby(runs).cumcount() // every
    read = reads.groupby(["run", "window"])
    last = reads.drop_duplicates(["run", "window", "key"], keep="last").groupby(["run", "window"])
    begun = read.agg(run_id=("run_id", "first"), t=("t", "first"), accesses=("key", "size"))
    sizes = last.agg(keys=("key", "size"), nbytes=("nbytes", "sum"), unsized_keys=("unsized", "sum"))
    joined = begun.join(sizes).reset_index()
    return joined[["run_id", "window", "t", "accesses", "keys", "nbytes", "unsized_keys"]]
