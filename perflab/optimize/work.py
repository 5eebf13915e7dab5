"""Set what no trace tells: the number of workers, the size of chunks, prefetching; by running a workload under both.

In: a config, a workload. Out: rows of `optimizations`; what is confirmed is applied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from perflab.config import Config
from perflab.optimize.plan import Phase
from perflab.optimize.prove import PAIRS, Arm, Proof, prove_by_workload
from perflab.optimize.result import attempt

__all__ = ["KNOBS", "Arms", "Knob", "Workbench", "Workload", "improve_work", "untried_work"]

_SCREENED = 2
"""Pairs by which the values of a knob are told from each other, before the best of them is proved."""
_METRIC = {"metric": "workload.time", "unit": "s"}
_SMALLEST, _LARGEST = 256, 1 << 20


class Workbench(Protocol):
    """A system of its own in which a workload runs."""

    def clear_caches(self, tier: str = "all") -> int:
        """Forget everything, so that each run begins alike."""


Workload = Callable[[Any], object]
"""`workload(system)` does what is to become faster, with the system that it is given."""

Arms = Callable[[Config], AbstractContextManager[Workbench]]
"""Makes a system of its own of a config, and closes it."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting that only a run can judge.

    Attributes
    ----------
    path : str
        In the config.
    phase : str
        Of the plan.
    values : callable
        `values(config)` -> other values worth a try.
    """

    path: str
    phase: str
    values: Callable[[Config], list[Any]]

    def of(self, config: Config) -> Any:
        """Return the value in force, worked out where it is unset."""
        return config.workers if self.path == "parallel.workers" else self._written(config)

    def restored(self, config: Config, old: Config) -> Config:
        """Return the config with this setting as it is written in another, unset if it is so there."""
        return self.turned(config, self._written(old))

    def turned(self, config: Config, value: Any) -> Config:
        """Return the config with another value."""
        *groups, name = self.path.split(".")
        changes: Mapping[str, Any] = {name: value}
        for group in reversed(groups):
            changes = {group: changes}
        return config.replace(**changes)

    def _written(self, config: Config) -> Any:
        value: Any = config
        for name in self.path.split("."):
            value = getattr(value, name)
        return value


def _workers(config: Config) -> list[int]:
    cores = len(os.sched_getaffinity(0))
    wanted = {1, cores, 2 * cores}
    return sorted({min(count, config.max_parallel_operations) for count in wanted} - {config.workers})


def _chunks(config: Config) -> list[int]:
    now = config.chunks.max_bytes
    return sorted({min(_LARGEST, max(_SMALLEST, size)) for size in (now // 2, now * 2, now * 4)} - {now})


KNOBS = (
    Knob("parallel.workers", "work", _workers),
    Knob("chunks.max_bytes", "work", _chunks),
    Knob("predictive_prefetching_enabled", "prefetching", lambda config: [not config.predictive_prefetching_enabled]),
)
"""What a workload decides."""


def untried_work(config: Config) -> list[dict[str, Any]]:
    """Return the rows of knobs that only a workload could judge; whether prefetching helps, it says itself."""
    reason = "a trace does not tell what it changes; give optimize(workload=...) what is to become faster."
    prediction = "unavailable: a trace does not tell what it changes"
    return [
        attempt(knob.path, "not enough data", reason, old=value, new=value, phase=knob.phase, prediction=prediction)
        for knob in KNOBS
        if knob.phase == "work"
        for value in [knob.of(config)]
    ]


def improve_work(
    config: Config,
    workload: Workload,
    arms: Arms,
    apply: Callable[[Config], object],
    *,
    pairs: int = PAIRS,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Phase, dict[str, Any]]]:
    """Try each knob: tell its values apart by a few pairs, prove the best against the present one, apply what holds.

    Each run begins with empty caches, in a system of its own for each value: nothing of the caller's is touched.

    Parameters
    ----------
    config
        In force.
    workload
        Run so often; it must do the same each time.
    arms
        Makes the systems that it runs in.
    apply
        Puts a config in force.
    pairs
        Of a proof.
    cancelled
        Asked before each run; once it is true, nothing more is applied.

    Yields
    ------
    tuple
        The phase, and a row of `optimizations`.
    """
    for knob in KNOBS:
        found = _tried(knob, config, workload, arms, pairs, cancelled)
        if found is None or cancelled():
            return
        row, chosen = found
        if chosen is not None:
            apply(chosen)
            config = chosen
        yield Phase(knob.phase, "Only a run under both values tells.", (knob.path,)), row


def _tried(
    knob: Knob, config: Config, workload: Workload, arms: Arms, pairs: int, cancelled: Callable[[], bool]
) -> tuple[dict[str, Any], Config | None] | None:
    """Return the row of a knob and the config that it speaks for, if it does; None if it was cancelled."""
    compared = partial(_compared, workload=workload, arms=arms, config=config, cancelled=cancelled)
    values = {value: knob.turned(config, value) for value in knob.values(config)}
    screened = {value: compared(other, pairs=_SCREENED) for value, other in values.items()}
    known = {value: proof for value, proof in screened.items() if proof is not None}
    now, band = knob.of(config), config.benchmark.band_ratio
    if len(known) < len(values):
        return None
    if not known:
        return attempt(knob.path, "no change", "there is no other value.", old=now, new=now, phase=knob.phase), None
    best = min(known, key=lambda value: known[value].ratio)
    if known[best].ratio >= 1 - band:
        reason = f"no other value took {band:.0%} less time in {_SCREENED} pairs."
        numbers = {**_METRIC, **_estimated(known[best])}
        return attempt(knob.path, "no change", reason, old=now, new=best, phase=knob.phase, **numbers), None
    proof = compared(values[best], pairs=pairs)
    if proof is None:
        return None
    row = _row(knob, now, best, known[best], proof)
    return row, values[best] if proof.verdict == "confirmed" else None


def _compared(
    other: Config,
    *,
    pairs: int,
    workload: Workload,
    arms: Arms,
    config: Config,
    cancelled: Callable[[], bool],
) -> Proof | None:
    with arms(config) as present, arms(other) as candidate:
        sides = [Arm(partial(workload, system), system.clear_caches) for system in (present, candidate)]
        settings = config.benchmark
        return prove_by_workload(
            sides[0],
            sides[1],
            pairs=pairs,
            band_ratio=settings.band_ratio,
            confidence=settings.confidence,
            seed=settings.seed,
            cancelled=cancelled,
        )


def _row(knob: Knob, old: Any, new: Any, screened: Proof, proof: Proof) -> dict[str, Any]:
    reason = f"It takes {proof.ratio:.3f} [{proof.low:.3f}, {proof.high:.3f}] times as long: {proof.how}."
    return attempt(
        knob.path,
        proof.verdict,
        reason,
        old=old,
        new=new,
        phase=knob.phase,
        **_METRIC,
        **_estimated(screened),
        before=proof.before,
        measured=proof.measured,
        low=proof.measured_low,
        high=proof.measured_high,
        noise_floor=proof.noise_floor,
    )


def _estimated(screened: Proof) -> dict[str, Any]:
    how = f"estimated by {screened.n} interleaved pairs, too few for an interval"
    return {"predicted": screened.measured, "prediction": how}
