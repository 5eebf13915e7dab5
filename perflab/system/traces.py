"""Traces from anywhere, and the questions to them.

In: a run folder, a file of another program, a trace. Out: `Trace`, `WhatIf`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import compiled
from perflab.config import Config
from perflab.errors import SourceError
from perflab.trace import Setting, Trace, read_file

if TYPE_CHECKING:
    from perflab.analyze.simulate.workload import Unit
    from perflab.present.report import Curves
    from perflab.record import Frames
    from perflab.system.what_if import WhatIf
    from perflab.trace.blocks import Progress

__all__ = ["curves_of", "read_trace", "whatif", "with_setting"]


def read_trace(
    path: str | os.PathLike[str],
    kind: str | None = None,
    *,
    times: bool = True,
    progress: Progress | None = None,
) -> Trace:
    """Return the trace of a run folder, or of a file, compressed (`.gz`, `.xz`, `.zst`) or not.

    Parameters
    ----------
    path
        A run folder; or a file: CSV or Parquet with a column `key` and perhaps `time` (s), `size` (bytes), `cost` (s)
        and `operation`; libCacheSim's CSV (time, key, size) or oracleGeneral records; one key a line; lists of whole
        numbers; ARC's `.lis`.
    kind
        One of `perflab.trace.FORMATS`, for a file; None tells by name and content.
    times
        False leaves the times out, of a file in which they go back.
    progress
        Called with the bytes of the file that were read, and all of them, a block at a time.

    Returns
    -------
    Trace
        Its `wrong` names the lines that were passed over.

    Raises
    ------
    SourceError
        If the file cannot be read, is damaged or cut off, is of no known format, or holds no access.
    RunError
        If the path is a folder that holds no run.
    """
    source = Path(path)
    if not os.path.isdir(source):  # noqa: PTH112 - a name that is too long for one is no folder, and no error here
        return read_file(source, kind, times=times, progress=progress)
    from perflab.system.run import open_run

    run = open_run(source)
    return with_setting(run.frames.trace(f"the run {source.name}"), run.config)


def whatif(
    trace: Trace | str | os.PathLike[str],
    *,
    by: Unit | None = None,
    current: Setting | tuple[str, int | str] | None = None,
    workers: int | None = None,
) -> WhatIf:
    """Return the answers to what any cache would have done with a trace; see `WhatIf` for the arguments.

    A path is read by `read_trace`.

    Raises
    ------
    SourceError
        If it is neither a trace nor a path, or cannot be read.

    Examples
    --------
    >>> whatif(Trace.of([1, 2, 1, 2])).mrc("lru")[["size", "miss_ratio"]].values.tolist()
    [[0.0, 1.0], [2.0, 0.5]]
    """
    from perflab.system.what_if import WhatIf

    if not isinstance(trace, Trace | str | os.PathLike):
        raise SourceError(
            f"The trace is a {type(trace).__name__}; give the path of one, `frames.trace()`, or `Trace.of(keys)`."
        )
    given = trace if isinstance(trace, Trace) else read_trace(trace)
    return WhatIf(given, by=by, current=current, workers=workers)


def curves_of(frames: Frames, config: Config) -> Curves | None:
    """Return what other caches would have done with the accesses of a system; None of a benchmark, or of too few."""
    from perflab.analyze.recommend import LEAST_ACCESSES
    from perflab.present.report import Curves
    from perflab.system.what_if import WhatIf

    if len(frames.samples):
        return None
    trace = with_setting(frames.trace("this run"), config)
    if len(trace) < LEAST_ACCESSES or trace.keys in (1, len(trace)):
        return None
    what_if = WhatIf(trace)
    own = [] if what_if.current is None else [what_if.current.policy]
    policies = dict.fromkeys(["lru", *own, "s3fifo", "belady"]) if compiled.is_available() else ["lru"]
    return Curves([what_if.curve(policy) for policy in policies], trace, what_if.current, config.cache_targets.hit_rate)


def with_setting(trace: Trace, config: Config) -> Trace:
    """Return a trace that knows the memory tier that it was recorded with."""
    policy: Any = config.cache.l1_policy
    return replace(trace, setting=Setting(str(policy), config.l1_bytes))
