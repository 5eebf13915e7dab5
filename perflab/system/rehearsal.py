"""An optimization tried on recorded accesses, in a system of its own.

In: a run folder or a trace file, and a config. Out: an `OptimizationResult`; no program and no run is changed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.config import Config
from perflab.optimize import OptimizationResult
from perflab.record.store import read_table
from perflab.system.performance import PerformanceSystem
from perflab.system.run import open_run
from perflab.system.traces import read_trace
from perflab.trace.trace import UNKNOWN_BYTES

if TYPE_CHECKING:
    from perflab.record import Recorder
    from perflab.trace import Trace

__all__ = ["rehearse"]

UNSIZED_BYTES = 1_000
"""What each value counts with of a trace that has no sizes."""


def rehearse(source: Path, config: Config | None = None) -> tuple[Config, OptimizationResult]:
    """Let a system optimize itself as if the recorded accesses had been its own.

    Parameters
    ----------
    source
        A run folder, or a trace file: with the sizes and costs of loads that it tells.
    config
        What the system is made from; by default the run's own config, or the defaults.

    Returns
    -------
    tuple
        The config of the system, before, and what the optimization tried. Disk, monitor and schedule are off in it.

    Raises
    ------
    RunError, SourceError
        If the source cannot be read.
    """
    recorded = source.is_dir()
    chosen = config if config is not None else open_run(source).config if recorded else Config()
    tried = chosen.replace(
        cache={"l3_enabled": False},
        cache_warming_enabled=False,
        enable_auto_optimization=False,
        resource_monitoring={"enabled": False},
    )
    with PerformanceSystem(tried, label="rehearsal") as system:
        if recorded:
            system._recorder.absorb({"accesses": read_table(source, "accesses")})
        else:
            _tell(read_trace(source), system._recorder)
        result = system.optimize()
    return chosen, result


def _tell(trace: Trace, recorder: Recorder) -> None:
    """Record a trace as a memory tier would that had room for everything."""
    import numpy as np

    sizes = np.full(len(trace), UNSIZED_BYTES) if trace.nbytes is None else trace.nbytes
    costs = np.full(len(trace), math.nan) if trace.costs is None else trace.costs
    seen: set[int] = set()
    for key, nbytes, cost_s in zip(trace.ids.tolist(), sizes.tolist(), costs.tolist(), strict=True):
        size = None if nbytes == UNKNOWN_BYTES else nbytes
        if key in seen:
            recorder.access(key, "hit", "l1", size)
            continue
        seen.add(key)
        recorder.access(key, "miss")
        if not math.isnan(cost_s):
            recorder.access(key, "load", duration_s=cost_s)
        recorder.access(key, "set", "l1", size)
