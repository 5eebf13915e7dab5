"""One run of a workload in a system of its own, with a fault or without.

In: settings, a workload, a fault. Out: what it returned or raised, how long it took, and what was warned and recorded.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.bench.digest import digest_of
from perflab.config import Config
from perflab.system.faults.fault import Count, Fault
from perflab.system.performance import PerformanceSystem

__all__ = ["Outcome", "Trial", "Workload", "baseline", "try_fault"]

Workload = Callable[..., Any]
"""Called with a system if it takes an argument, else without."""

_TELLING = ("reject", "quarantine")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: the value, or the error that ended it; both None and `hung` if it did not end."""

    value: Any = None
    error: BaseException | None = None
    hung: bool = False
    seconds: float = 0.0

    def equals(self, other: Outcome) -> bool:
        """Return whether both came to the same value."""
        if self.error is not None or other.error is not None or self.hung or other.hung:
            return False
        digest = digest_of(self.value)
        return digest == digest_of(other.value) if digest is not None else _same(self.value, other.value)


@dataclass(frozen=True, slots=True)
class Trial:
    """A run under a fault, and the one after it; how often the fault happened; warnings and rows that tell of it."""

    during: Outcome
    after: Outcome
    times: int
    warnings: tuple[str, ...]
    rows: int


def baseline(config: Config, workload: Workload, folder: Path, timeout_s: float) -> tuple[Outcome, Outcome]:
    """Run a workload without a fault: in a system whose disk tier is empty, then in one that finds it filled."""
    with _system(config, folder) as system:
        first = _run(workload, system, timeout_s)
    with _system(config, folder) as system:
        return first, _run(workload, system, timeout_s)


def try_fault(config: Config, workload: Workload, fault: Fault, folder: Path, timeout_s: float) -> Trial:
    """Run a workload under a fault and once more without it, in a system of its own."""
    settings = config.replace(**fault.settings)
    if fault.filled:
        with _system(config, folder) as system:
            _run(workload, system, timeout_s)
    count, heard = Count(), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if fault.on_disk is not None:
            for _ in range(fault.on_disk(folder / "l3")):
                count.add()
        with _system(settings, folder, run_dir=folder / "run") as system:
            during, after = _under(fault, workload, system, count, timeout_s)
            rows = _telling_rows(system)
        heard += [str(found.message) for found in caught if issubclass(found.category, RuntimeWarning)]
    return Trial(during, after, count.times, tuple(heard), rows)


def _under(
    fault: Fault, workload: Workload, system: PerformanceSystem, count: Count, timeout_s: float
) -> tuple[Outcome, Outcome]:
    with fault.within(system, count) if fault.within is not None else contextlib.nullcontext():
        during = _run(workload, system, timeout_s)
        with contextlib.suppress(Exception):  # what waits to be written meets the fault too
            system.cache.flush()
    if during.hung:
        return during, Outcome(hung=True)
    after = _run(workload, system, timeout_s)
    # A worker that was killed when the run had ended is missed by the next one.
    late = during.error is None and isinstance(after.error, fault.raises)
    return during, _run(workload, system, timeout_s) if late else after


@contextlib.contextmanager
def _system(config: Config, folder: Path, run_dir: Path | None = None) -> Iterator[PerformanceSystem]:
    own = config.replace(
        cache={"l3_dir": folder / "l3"}, enable_auto_optimization=False, alerts={"rules": [], "webhook_url": None}
    )
    system = PerformanceSystem(own, run_dir=run_dir)
    try:
        yield system
    finally:
        system.close()


def _run(workload: Workload, system: PerformanceSystem, timeout_s: float) -> Outcome:
    """Run a workload in a thread, so that one that hangs is left behind."""
    found: list[Outcome] = []
    begun = time.perf_counter()

    def work() -> None:
        try:
            value = workload(system) if _takes_one(workload) else workload()
            found.append(Outcome(value, seconds=time.perf_counter() - begun))
        except BaseException as error:
            found.append(Outcome(error=error, seconds=time.perf_counter() - begun))

    thread = threading.Thread(target=work, name="perflab-chaos-workload", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return found[0] if found else Outcome(hung=True, seconds=timeout_s)


def _takes_one(workload: Workload) -> bool:
    try:
        inspect.signature(workload).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _telling_rows(system: PerformanceSystem) -> int:
    """Count the rows that tell of trouble: refused values, failed operations, full memory, relief, dropped rows."""
    frames = system.frames
    refused = sum(len(frames.select("accesses", ["key"], event=event)) for event in _TELLING)
    failed = int(frames.operations["error"].notna().sum())
    warned = len(frames.select("events", ["name"], name="memory_warning"))
    relieved = int((frames.optimizations["trigger"] != "startup").sum())  # warming tells that it began
    return refused + failed + warned + relieved + system._recorder.rows_dropped


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # values that cannot be compared are not known to be the same
        return False
