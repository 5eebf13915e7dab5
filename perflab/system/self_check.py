"""Whether results can be trusted on this machine: known truths, measured as everything else is.

In: a number of trials. Out: a row a check: what was to be found, what was found, and whether that is good enough.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.analyze import metrics
from perflab.bench.trust import memory_grown, trials
from perflab.cache import build_tiers
from perflab.config import Config
from perflab.record import Recorder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Check", "checks_frame", "self_check"]

SLOWER = 1.10
ALLOCATED = 30_000_000
MISSED_BYTES = 3_000_000
OPERATION_S = 20e-6
HIT_S = 5e-6
_MEMORY_ALONE = Config(cache={"l3_enabled": False})
_LEVEL = 0.95
"""Confidence at which a rate of wrong verdicts is told from the one that is allowed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One known truth: in words what must hold, what was found, and whether it holds."""

    name: str
    wanted: str
    found: str
    passed: bool


def self_check(
    count: int = 20,
    *,
    seed: int = 2026,
    on_step: Callable[[str, int, int, float | None], None] = lambda *_: None,
    timer: Callable[[], float] = time.process_time,
) -> list[Check]:
    """Measure perflab's own cost, false alarms, misses, memory and a hit rate that is known.

    Parameters
    ----------
    count
        Trials with equal arms, and as many with one that is 10 % slower.
    seed
        Of the trials.
    on_step
        Called with what is going on, samples done and in all, and the seconds that remain.
    timer
        Tells CPU seconds, for the own cost.
    """

    def step(what: str) -> Callable[[int, int, str, float | None], None]:
        return lambda done, total, _, left: on_step(what, done, total, left)

    equal = trials(count, seed=seed, on_progress=step("equal arms"))
    slower = trials(count, SLOWER, seed=seed + 1, on_progress=step("a slower arm"))
    return [
        _alarms(sum(found.verdict in ("faster", "slower") for found in equal), count),
        _found(sum(found.verdict == "slower" for found in slower), count),
        _memory(memory_grown(ALLOCATED)),
        _hit_rate(),
        *_own_cost(timer),
    ]


def checks_frame(checks: list[Check]) -> pd.DataFrame:
    """Return the checks as a frame: name, wanted, found, passed."""
    import pandas as pd

    return pd.DataFrame([(c.name, c.wanted, c.found, c.passed) for c in checks], columns=list(Check.__slots__))


def _alarms(alarms: int, count: int) -> Check:
    # So many alarms are still likely if the true rate is 5 %.
    from scipy.stats import binom

    most = int(binom.ppf(_LEVEL, count, 0.05))
    return Check("false alarms", f"at most {most} of {count} equal pairs differ", f"{alarms} do", alarms <= most)


def _found(found: int, count: int) -> Check:
    from scipy.stats import binom

    least = int(binom.ppf(1 - _LEVEL, count, 0.80))
    return Check("misses", f"at least {least} of {count} times 10 % more is found", f"{found} times", found >= least)


def _memory(grown: int | None) -> Check:
    off = math.inf if grown is None else abs(grown - ALLOCATED)
    said = "not measured" if grown is None else f"{grown / 1e6:.1f} MB"
    wanted = f"{ALLOCATED / 1e6:g} MB ± {MISSED_BYTES / 1e6:g} MB"
    return Check("memory of a known allocation", wanted, said, off <= MISSED_BYTES)


def _hit_rate() -> Check:
    recorder = Recorder()
    with build_tiers(_MEMORY_ALONE, recorder) as cache:
        for number in range(1_000):
            if cache.get(number % 50) is None:
                cache.set(number % 50, "value")
    known = metrics(recorder.frames).set_index("name")["value"]["cache.hit_rate"]
    return Check("hit rate of a known trace", "95 %", f"{known:.1%}", math.isclose(known, 0.95))


def _own_cost(timer: Callable[[], float]) -> Iterator[Check]:
    recorder = Recorder()

    def operation() -> None:
        with recorder.operation("nothing"):
            pass

    with build_tiers(_MEMORY_ALONE, recorder) as cache:
        cache.set("key", "value")
        for name, call, bound in (
            ("own cost of an operation", operation, OPERATION_S),
            ("own cost of a hit", lambda: cache.get("key"), HIT_S),
        ):
            seconds = statistics.median(_seconds_each(call, timer) for _ in range(5))
            yield Check(name, f"below {bound * 1e6:g} µs of CPU", f"{seconds * 1e6:.2f} µs", seconds < bound)


def _seconds_each(call: Callable[[], object], timer: Callable[[], float], times: int = 5_000) -> float:
    start = timer()
    for _ in range(times):
        call()
    return (timer() - start) / times
