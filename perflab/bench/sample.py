"""One sample, inside the measuring process: time or memory, never both.

In: an arm that is ready to be called. Out: numbers of one execution, and what it produced.
"""

from __future__ import annotations

import gc
import importlib
import json
import math
import resource
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from perflab.bench.arm import Arm, Outcome, resolve
from perflab.bench.children import PeakWatch, living_cpu_s
from perflab.bench.digest import digest_of
from perflab.host import baseline_rss, peak_rss, reset_peak

__all__ = ["SHORTEST_S", "Sample", "calibrate", "ready", "take_memory", "take_time"]

SHORTEST_S = 0.02
"""A timing takes this long at least, so that the clock and the loop count for nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one sample found; the fields but `run_dir` are columns of the frame `samples`."""

    inner_loops: int
    wall_s: float | None = None
    cpu_s: float | None = None
    waited_s: float | None = None
    involuntary_switches: int | None = None
    peak_bytes: int | None = None
    growth_bytes: int | None = None
    output_digest: str | None = None
    work: str | None = None
    run_dir: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the sample as a JSON-able mapping."""
        return asdict(self)


def ready(arm: Arm, overriding: Mapping[str, Any] | None = None) -> Callable[[], Any]:
    """Run the arm's setup and return the call that is to be measured."""
    arguments = dict(arm.arguments)
    if arm.setup is not None:
        changed = resolve(arm.setup)(**arguments)
        arguments.update(changed or {})
    arguments.update(overriding or {})
    return partial(resolve(arm.target), **arguments)


def calibrate(arm: Arm) -> int:
    """Return how many executions of the arm take 20 ms at least; 1 where a second one would find another state."""
    if arm.state not in ("any", "warm"):
        return 1
    call, loops = ready(arm), 1
    while (elapsed := _elapsed(call, loops)) < SHORTEST_S:
        # 20 % more than needed by this timing, yet never more than ten times as many: the first call is often slow.
        loops = min(10 * loops, max(loops + 1, math.ceil(1.2 * loops * SHORTEST_S / max(elapsed, 1e-9))))
    return loops


def take_time(arm: Arm, loops: int) -> Sample:
    """Run the setup, then time so many executions with the garbage collector off."""
    call = ready(arm)
    living = living_cpu_s()
    gc.collect()
    if not arm.collects_garbage:
        gc.disable()
    try:
        waited, cpu, switches, start = _waited_s(), _cpu_s(), _switches(), perf_counter()
        for _ in repeat(None, loops):
            value = call()
        wall = perf_counter() - start
        cpu, switches = _cpu_s() - cpu, _switches() - switches
    finally:
        gc.enable()
    after = _waited_s()
    cpu += living_cpu_s() - living
    ready_s = None if waited is None or after is None else (after - waited) / loops
    return Sample(loops, wall / loops, max(0.0, cpu) / loops, ready_s, switches, **_output(value))


def take_memory(arm: Arm) -> Sample:
    """Import the libraries, run the setup, then one execution; read the peaks of this process and its descendants.

    A figure that is not known leaves `peak_bytes`, `growth_bytes` or both missing; it never counts as 0.
    """
    for name in arm.libraries:
        importlib.import_module(name)
    call = ready(arm, arm.in_memory_runs)
    gc.collect()
    with PeakWatch() as watch:
        start = baseline_rss()
        allowed = reset_peak()
        value = call()
        own = peak_rss()
    reported = value.children_peak_bytes if isinstance(value, Outcome) else None
    children = watch.peak_bytes if reported is None else reported
    peak = own + children if allowed and own is not None and children is not None else None
    before = start + watch.start_bytes if start is not None and watch.start_bytes is not None else None
    growth = max(0, peak - before) if peak is not None and before is not None else None
    return Sample(1, peak_bytes=peak, growth_bytes=growth, **_output(value))


def _elapsed(call: Callable[[], Any], loops: int) -> float:
    start = perf_counter()
    for _ in repeat(None, loops):
        call()
    return perf_counter() - start


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def _waited_s() -> float | None:
    """Return how long this process's main thread was ready to run and had no core, since it started."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def _switches() -> int:
    return sum(resource.getrusage(who).ru_nivcsw for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _output(value: object) -> dict[str, Any]:
    if not isinstance(value, Outcome):
        return {"output_digest": digest_of(value)}
    return {
        "output_digest": value.digest,
        "work": None if value.work is None else json.dumps(dict(value.work), sort_keys=True),
        "run_dir": value.run_dir,
    }
