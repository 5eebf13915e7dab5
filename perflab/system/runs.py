"""Many stored runs: what each measured, and where a series changed its level.

In: a folder of run folders. Out: one row a run and metric.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.analyze.changes import LEAST_RUNS, change_points
from perflab.errors import RunError
from perflab.record.store import is_run
from perflab.system.comparison import series_of
from perflab.system.run import Run, open_run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["history"]

_COLUMNS = ["started", "run_id", "label", "status", "series", "name", "unit", "value", "low", "high"]


def history(runs_dir: str | os.PathLike[str], metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Return what the runs of a folder measured, the oldest first.

    Parameters
    ----------
    runs_dir
        Folder of run folders; what holds no readable run is passed over.
    metrics
        Names of metrics; by default those that were judged.

    Returns
    -------
    pandas.DataFrame
        started (UTC), run_id, label, status, series, name, unit, value, low, high, change. Runs of the same source,
        host and settings are one `series`. `change` is True where a new level begins, False where none does, and
        missing in a series of fewer than 30 runs.

    Raises
    ------
    RunError
        If the folder does not exist.
    """
    import pandas as pd

    folder = Path(runs_dir)
    if not folder.is_dir():
        raise RunError(f"{str(folder)!r} is no folder of runs; give one, or make a run with: perflab benchmark")
    rows = [row for run in _readable(folder) for row in _rows(run, metrics)]
    frame = pd.DataFrame(rows, columns=_COLUMNS).sort_values(["started", "name"], ignore_index=True)
    return frame.assign(change=_changes(frame))


def _readable(folder: Path) -> Iterator[Run]:
    for path in sorted(folder.iterdir()):
        if is_run(path):
            try:
                yield open_run(path)
            except RunError:
                continue


def _rows(run: Run, names: Sequence[str]) -> Iterator[list[object]]:
    facts = [run.info.get("started"), run.info.get("run_id"), run.info.get("label"), run.status, _series(run)]
    if names:
        found = run.metrics().query("how != 'unavailable'").rename(columns={"value": "actual"})
        found = found[found["name"].isin(names)]
    else:
        found = run.frames.targets
    for row in found.to_dict("records"):
        yield [*facts, *(row[name] for name in ("name", "unit", "actual", "low", "high"))]


def _series(run: Run) -> str:
    known = {"label": run.info.get("label"), **series_of(run)}
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _changes(frame: pd.DataFrame) -> pd.Series[bool]:
    import pandas as pd

    flags = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    for _, rows in frame[frame["value"].notna()].groupby(["series", "name"]):
        if len(rows) >= LEAST_RUNS:
            flags[rows.index] = False
            flags[rows.index[change_points(rows["value"].to_list())]] = True
    return flags
