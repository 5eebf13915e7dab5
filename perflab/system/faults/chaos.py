"""Chaos: a pipeline runs without faults and with each of them, and its results are compared.

In: a system or a config, names of faults, a workload. Out: `ChaosResult`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.system.faults.fault import Fault
from perflab.system.faults.result import ChaosResult, Survival
from perflab.system.faults.table import faults_named
from perflab.system.faults.trial import Outcome, Trial, Workload, baseline, try_fault

if TYPE_CHECKING:
    from perflab.system.performance import PerformanceSystem

__all__ = ["chaos"]

_KEYS = 64
OnFault = Callable[[str, int, int, float | None], object]


def chaos(
    system: PerformanceSystem | Config | None = None,
    faults: Iterable[str] | None = None,
    workload: Workload | None = None,
    *,
    timeout_s: float = 60.0,
    on_step: OnFault = lambda *_: None,
) -> ChaosResult:
    """Cause faults against a pipeline, and tell what it survived.

    The workload runs in systems of their own, with the settings of the given one and folders that go at the end:
    nothing of the given system is touched. It runs twice without a fault, then under each fault and once more after
    it. What it returns is compared by content.

    Parameters
    ----------
    system
        Whose settings are taken: a system, or a config; by default the defaults.
    faults
        Names of `perflab.system.faults.FAULTS`; by default all.
    workload
        `workload(system)`, or `workload()`. It has to use the system that it is given: a fault that it does not meet is
        `unavailable`. By default keys are read through the caches with made-up values: that tells of settings alone.
    timeout_s
        A run that takes longer hangs; seconds.
    on_step
        Called with the fault, how many were caused, how many there are, and None.

    Raises
    ------
    ConfigError
        If there is no such fault.
    BenchmarkError
        If the workload fails without a fault, or returns something else each time.

    Examples
    --------
    >>> def pages(system):
    ...     return [system.cache.get_or_load(key, lambda: "page") for key in range(20)]
    >>> result = chaos(faults=["disk-full"], workload=pages)
    >>> result.survived, result.rows[0].right
    (True, True)
    """
    asked, run = faults_named(faults), workload or _read_keys
    config = system if isinstance(system, Config) else Config() if system is None else system.config
    with tempfile.TemporaryDirectory(prefix="perflab-chaos-") as scratch:
        cold, warm = baseline(config, run, Path(scratch, "without"), timeout_s)
        _check(cold, warm)
        rows = []
        for number, fault in enumerate(asked):
            on_step(fault.name, number, len(asked), None)
            usual = warm if fault.filled else cold
            rows.append(_survival(config, run, fault, Path(scratch, fault.name), usual, timeout_s))
    return ChaosResult(tuple(rows), cold.seconds)


def _survival(config: Config, run: Workload, fault: Fault, folder: Path, usual: Outcome, timeout_s: float) -> Survival:
    tell = partial(Survival, fault.name, fault.causes, fault.undone)
    if fault.needs_disk_tier and not config.cache.l3_enabled:
        return tell(False, 0, None, None, None, 0, 0, None, "the settings have no disk tier")
    trial = try_fault(config, run, fault, folder, timeout_s)
    raised = None if trial.during.error is None else f"{type(trial.during.error).__name__}: {trial.during.error}"
    if not trial.times:
        return tell(False, 0, None, None, raised, len(trial.warnings), trial.rows, None, fault.unmet)
    right = None if raised or trial.during.hung else trial.during.equals(usual)
    survived, reason = _judged(fault, trial, usual)
    slowdown = trial.during.seconds / max(usual.seconds, 1e-9)
    return tell(True, trial.times, survived, right, raised, len(trial.warnings), trial.rows, slowdown, reason)


def _judged(fault: Fault, trial: Trial, usual: Outcome) -> tuple[bool, str]:
    if trial.during.hung:
        return False, f"it did not end within {trial.during.seconds:g} s"
    error = trial.during.error
    if error is not None and not isinstance(error, fault.raises):
        return False, f"it ended with {type(error).__name__}, which is not the fault's own error"
    if error is None and not trial.during.equals(usual):
        return False, "it returned something else than without it"
    if not trial.after.equals(usual):
        return False, "after the fault had ended it was still not right"
    if error is not None:
        return True, f"it raised {type(error).__name__}, and the next run was right"
    return True, "the same results as without it"


def _check(cold: Outcome, warm: Outcome) -> None:
    for outcome in (cold, warm):
        if outcome.hung:
            raise BenchmarkError(f"The workload did not end within {outcome.seconds:g} s without any fault.")
        if outcome.error is not None:
            raise BenchmarkError(
                f"The workload fails without any fault: {type(outcome.error).__name__}: {outcome.error}"
            ) from outcome.error
    if not cold.equals(warm):
        raise BenchmarkError(
            "The workload returns something else each time without any fault, so nothing could be compared; "
            "return what does not depend on time or chance."
        )


def _read_keys(system: PerformanceSystem) -> list[str]:
    values = []
    for number in range(_KEYS):
        with system.operation("chaos", key=number):
            values.append(system.cache.get_or_load(("chaos", number), partial(_value, number)))
    return values


def _value(number: int) -> str:
    return f"value {number} " * 50
