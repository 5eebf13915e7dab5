"""Where nested operations spend their time.

In: the frame `operations`. Out: the same rows with the time in which no operation inside them ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["self_times"]

_SLACK_S = 1e-3
"""A row is written a little after its end was timed, so a child may reach over its parent's edges."""


def self_times(operations: pd.DataFrame) -> pd.DataFrame:
    """Return the operations with `self_s`, their duration less the time that operations directly inside them cover.

    Children that ran at the same time, as tasks do, cover their time once. Added up over all operations of a thread,
    `self_s` is the time of the outermost ones, so that its shares say where the time went.

    Parameters
    ----------
    operations
        The frame; children that were filtered out count as their parent's own time.

    Returns
    -------
    pandas.DataFrame
        The rows and columns of `operations`, and `self_s` (seconds, to the microsecond of `t`; NaN for a row without a
        duration).

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> with recorder.operation("serve"):
    ...     recorder.record_operation("parse", 0.0)
    >>> found = self_times(recorder.frames.operations).set_index("name")
    >>> bool(found.loc["serve", "self_s"] == found.loc["serve", "duration_s"])
    True
    """
    import pandas as pd

    stops = (operations["t"] - operations["t"].min()).dt.total_seconds().to_numpy(dtype="float64")
    seconds = operations["duration_s"].to_numpy(dtype="float64")
    spans = pd.DataFrame({"start_s": stops - seconds, "stop_s": stops})
    covered = _covered(_nested(operations, spans)).reindex(spans.index, fill_value=0.0)
    return operations.assign(self_s=(seconds - covered.to_numpy()).clip(min=0.0))


def _nested(operations: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Return a row a child: number of its parent's row, and the part of its span that lies in its parent's."""
    import pandas as pd

    run, stream = (operations[name].astype(object).to_numpy() for name in ("run_id", "stream"))
    rows = spans.assign(run=run, stream=stream, row=range(len(spans)))
    parents = rows.assign(id=operations["operation_id"].to_numpy())
    children = rows.assign(id=operations["parent_id"].to_numpy()).dropna(subset="id")
    pairs = children.merge(parents, on=["run", "id"], suffixes=("", "_around"))
    # Processes number their operations apart: of two that fit, the one of the same thread or worker is meant.
    begun = pairs["start_s"].between(pairs["start_s_around"] - _SLACK_S, pairs["stop_s_around"] + _SLACK_S)
    other = pairs["stream"] != pairs["stream_around"]
    pairs = pairs.assign(other=other)[begun].sort_values("other", kind="stable").drop_duplicates("row")
    start = pairs["start_s"].clip(lower=pairs["start_s_around"])
    stop = pairs["stop_s"].clip(upper=pairs["stop_s_around"])
    return pd.DataFrame({"parent": pairs["row_around"], "start_s": start, "stop_s": stop})


def _covered(nested: pd.DataFrame) -> pd.Series[float]:
    """Return the length of the union of the children's spans, in seconds, by the number of the parent's row."""
    ordered = nested.sort_values(["parent", "start_s"])
    before = ordered.groupby("parent")["stop_s"].cummax().groupby(ordered["parent"]).shift()
    begins = ordered["start_s"].where(before.isna(), ordered["start_s"].clip(lower=before))
    return (ordered["stop_s"] - begins).clip(lower=0.0).groupby(ordered["parent"]).sum()
