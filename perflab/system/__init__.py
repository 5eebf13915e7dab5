"""The one object that a user holds, and the runs that it leaves.

In: a config. Out: caches, chunks and operations that record themselves; frames, metrics, targets, reports.
"""

from __future__ import annotations

from perflab.system.comparison import RunComparison, compare
from perflab.system.faults import ChaosResult, chaos
from perflab.system.measure import benchmark
from perflab.system.performance import PerformanceSystem
from perflab.system.result import BenchmarkResult
from perflab.system.run import Run, open_run
from perflab.system.runs import history
from perflab.system.traces import read_trace, whatif

__all__ = [
    "BenchmarkResult",
    "ChaosResult",
    "PerformanceSystem",
    "Run",
    "RunComparison",
    "benchmark",
    "chaos",
    "compare",
    "history",
    "open_run",
    "read_trace",
    "whatif",
]
