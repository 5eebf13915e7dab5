"""The workloads that read patterns of keys through a cache, as pairs of arms.

In: a workload's name, a folder for what its arms write. Out: benchmarks, each a name and two arms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perflab.bench import Arm

__all__ = ["READ_WORKLOADS", "Reads"]

_TRIALS = "perflab.optimize.trials"
_LOAD_S = 0.01
_TUNED = "perflab.system.tuned_reads"


@dataclass(frozen=True, slots=True)
class Reads:
    """One comparison: a program that reads, and the same program with help.

    Attributes
    ----------
    name : str
        Of the rows.
    baseline, optimized, setup : str
        Functions, as `module:function`.
    program : mapping
        What both arms read, and how long loads and the work between reads take, in seconds.
    """

    name: str
    baseline: str
    optimized: str
    setup: str
    program: Mapping[str, Any] = field(default_factory=dict)

    def arms(self, scratch: Path) -> tuple[Arm, Arm]:
        """Return the two arms; both wait for loads, so the wall judges them."""
        made = []
        for name, target in (("baseline", self.baseline), ("optimized", self.optimized)):
            folder = scratch / self.name / name
            folder.mkdir(parents=True)
            arguments = {**self.program, "scratch": str(folder)}
            made.append(Arm(name, target, arguments, setup=self.setup, state="cold", clock="wall"))
        return made[0], made[1]


def _prefetch(pattern: str, accesses: int, size: float, think_s: float) -> Reads:
    program = {"name": pattern, "accesses": accesses, "size": size, "load_s": _LOAD_S, "think_s": think_s}
    return Reads(
        f"prefetch-{pattern}",
        f"{_TRIALS}:plain_reads",
        f"{_TRIALS}:prefetched_reads",
        "perflab.workloads.arms:fresh_folders",
        program,
    )


READ_WORKLOADS: Mapping[str, tuple[Reads, ...]] = {
    "prefetch": (
        _prefetch("correlated", 3_000, 0.05, 0.01),
        _prefetch("loop", 1_200, 0.05, 0.005),
        _prefetch("strides", 800, 0.05, 0.005),
        _prefetch("random", 1_000, 0.1, 0.002),
    ),
    "warm": (
        Reads(
            "warm-restart",
            f"{_TRIALS}:cold_start",
            f"{_TRIALS}:warm_start",
            f"{_TRIALS}:ended_before",
            {"load_s": 0.002, "think_s": 0.001},
        ),
    ),
    "tune": (
        Reads(
            "tune",
            f"{_TUNED}:as_set",
            f"{_TUNED}:as_tuned",
            f"{_TUNED}:optimized_before",
            {"accesses": 4_000, "memory_bytes": 250_000, "load_s": 0.001},
        ),
    ),
}
"""The workloads by name; each is several comparisons or one."""
