"""An optimization tried on recorded accesses, in a system of its own.

In: a run folder or a trace file, and a config. Out: an `OptimizationResult`; no program and no run is changed.
"""

from __future__ import annotations

from functools import partial
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
    from perflab.trace import Trace

__all__ = ["rehearse"]

UNSIZED_BYTES = 1_000
"""What a value counts with that the trace has no size for."""


def rehearse(source: Path, config: Config | None = None) -> tuple[Config, OptimizationResult]:
    """Let a system optimize itself as if the recorded accesses had been its own.

    Parameters
    ----------
    source
        A run folder, whose accesses are taken as they were recorded; or a trace file, whose accesses are done again in
        the memory tiers, with values of the sizes that it tells and loads that cost nothing.
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
            _repeat(read_trace(source), system)
        result = system.optimize()
    return chosen, result


def _repeat(trace: Trace, system: PerformanceSystem) -> None:
    sizes = [UNKNOWN_BYTES] * len(trace) if trace.nbytes is None else trace.nbytes.tolist()
    for key, nbytes in zip(trace.ids.tolist(), sizes, strict=True):
        size = UNSIZED_BYTES if nbytes == UNKNOWN_BYTES else nbytes
        system.cache.get_or_load(key, partial(bytes, size))
