"""Set the memory tiers better: look for a setting in what was recorded, prove each step to it, apply what is confirmed.

In: observed accesses, the setting in force, bounds. Out: rows of `optimizations`, the plan, and what is to be watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from perflab import compiled
from perflab.errors import PerflabError
from perflab.optimize.plan import Phase
from perflab.optimize.price import Observed
from perflab.optimize.prove import Proof, prove_by_replay
from perflab.optimize.result import Verdict, attempt
from perflab.optimize.setting import MemorySetting, candidates
from perflab.optimize.tune import LEAST_ACCESSES, Forecaster, Search, tune
from perflab.optimize.watch import Watch

__all__ = ["GROUPS", "Improved", "Terms", "improve_memory", "knobs", "untried_memory"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "memory": ("l1_bytes", "l2_bytes"),
    "policy": ("l1_policy",),
    "time to live": ("l2_ttl_s",),
}
"""Phase -> the fields of a setting that are turned in it."""

_MOST_SEEN = 50_000
_MOST_REPLAYED = 20_000
_SEEN = 0.6
"""Share of the accesses that a setting is chosen by; the others prove it, so that it cannot be fitted to them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an optimization of memory has to keep to.

    Attributes
    ----------
    limit_bytes : int
        What both tiers may hold together.
    longest_ttl_s : float or None
        The user's bound on times to live; None leaves them as they are.
    band_ratio : float
        Differences of the waited time up to this ratio count as none.
    search : str
        See `tune`.
    seed : int
        Of samples, orders and intervals.
    """

    limit_bytes: int
    longest_ttl_s: float | None = None
    band_ratio: float = 0.03
    search: Search = "halving"
    seed: int = 2026


@dataclass(slots=True)
class Improved:
    """What was tried so far, and the setting in force now."""

    present: MemorySetting
    rows: list[dict[str, Any]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    watch: Watch | None = None


def knobs(old: MemorySetting, new: MemorySetting) -> list[tuple[str, str, Any, Any]]:
    """Return phase, path in the config, old and new value of what differs; l2's size goes with that of l1.

    Examples
    --------
    >>> old, new = MemorySetting("lru", 10, 90, 60.0), MemorySetting("sieve", 30, 70, 60.0)
    >>> knobs(old, new)
    [('memory', 'cache.l1_bytes', 10, 30), ('policy', 'cache.l1_policy', 'lru', 'sieve')]
    """
    found = []
    for phase, names in GROUPS.items():
        name = next((name for name in names if getattr(old, name) != getattr(new, name)), None)
        if name is not None:
            found.append((phase, f"cache.{name}", getattr(old, name), getattr(new, name)))
    return found


def improve_memory(
    observed: Observed,
    present: MemorySetting,
    terms: Terms,
    apply: Callable[[MemorySetting], object],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Improved:
    """Choose the best candidate by the first part of the accesses, prove each step to it on the rest, apply these.

    The step that is expected to save most comes first; steps that are worth nothing alone are tried together.

    Parameters
    ----------
    observed
        What was recorded, oldest first; the last 50,000 accesses count.
    present
        The setting in force.
    apply
        Puts a setting in force.
    cancelled
        Asked between all steps; once it is true, nothing more is applied.
    """
    found = Improved(present)
    known = observed.last(_MOST_SEEN)
    lacking = _lacking(known)
    if lacking:
        found.rows.append(untried_memory(present, "not enough data", lacking))
        return found
    forecaster = Forecaster(known.part(0, int(len(known) * _SEEN)))
    settings = candidates(present, terms.limit_bytes, terms.longest_ttl_s)
    best = tune(forecaster, settings, search=terms.search, seed=terms.seed, cancelled=cancelled).setting
    while not cancelled():
        target = _next(forecaster, found, best, terms)
        if target is None or not _try(forecaster, known, found, target, terms, apply, cancelled):
            break
    if not found.rows:
        least = f"none of {len(settings)} settings is expected to wait {terms.band_ratio:.0%} less"
        ended = "it was asked to end: memory had to be given back first, or the system was closed."
        said = ended if cancelled() else f"{least}, which would be no significant change."
        found.rows.append(untried_memory(present, "no change", said))
    if found.present != present:
        found.watch = Watch(present, found.present, known, terms.band_ratio)
    return found


def _lacking(known: Observed) -> str:
    if len(known) < LEAST_ACCESSES:
        return f"{len(known)} accesses were recorded; {LEAST_ACCESSES} are needed."
    return "" if compiled.is_available() else "numba cannot be imported, so that nothing can be simulated."


def untried_memory(present: MemorySetting, verdict: Verdict, reason: str) -> dict[str, Any]:
    """Return the row that says why no setting of memory was tried."""
    size = present.l1_bytes
    return attempt("cache.l1_bytes", verdict, reason, old=size, new=size, phase="memory")


def _next(forecaster: Forecaster, found: Improved, best: MemorySetting, terms: Terms) -> MemorySetting | None:
    """Return the step to the best setting that is expected to save most; None if none is expected to save enough."""
    tried = {row["phase"] for row in found.rows}
    groups = [phase for phase, *_ in knobs(found.present, best) if phase not in tried]
    for count in range(1, len(groups) + 1):
        steps = [_with(found.present, best, together) for together in combinations(groups, count)]
        step = max(steps, key=forecaster.saved)
        if forecaster.ratio(found.present, step) < 1 - terms.band_ratio:
            return step
    return None


def _with(present: MemorySetting, best: MemorySetting, groups: Sequence[str]) -> MemorySetting:
    names = [name for group in groups for name in GROUPS[group]]
    return replace(present, **{name: getattr(best, name) for name in names})


def _try(
    forecaster: Forecaster,
    known: Observed,
    found: Improved,
    target: MemorySetting,
    terms: Terms,
    apply: Callable[[MemorySetting], object],
    cancelled: Callable[[], bool],
) -> bool:
    """Prove a step, apply it if that confirms it, and note both; False if it was cancelled."""
    proof = _proved(forecaster, known, found.present, target, terms, cancelled)
    if proof is None or cancelled():
        return False
    turned = knobs(found.present, target)
    together = " and ".join(phase for phase, *_ in turned)
    paths = tuple(path for _, path, *_ in turned)
    found.phases.append(Phase(together, _why(forecaster, found.present, target), paths))
    verdict, reason = _applied(proof, target, apply)
    numbers = {**known.metric, **_predicted(forecaster, target), **_measured(proof)}
    for phase, path, old, new in turned:
        said = reason if path != "cache.l1_bytes" else f"{reason} With it l2 has {target.l2_bytes:,} bytes."
        found.rows.append(attempt(path, verdict, said, old=old, new=new, phase=phase, **numbers))
    if verdict == "confirmed":
        found.present = target
    return True


def _proved(
    forecaster: Forecaster,
    known: Observed,
    present: MemorySetting,
    target: MemorySetting,
    terms: Terms,
    cancelled: Callable[[], bool],
) -> Proof | None:
    """Replay the last accesses; those that the forecaster has not seen count, or half of what is replayed."""
    replayed = known.last(_MOST_REPLAYED)
    unseen = len(known) - forecaster.accesses
    start = max(len(replayed) // 2, len(replayed) - unseen)
    band, seed = terms.band_ratio, terms.seed
    return prove_by_replay(replayed, present, target, start=start, band_ratio=band, seed=seed, cancelled=cancelled)


def _applied(proof: Proof, target: MemorySetting, apply: Callable[[MemorySetting], object]) -> tuple[Verdict, str]:
    reason = f"Accesses wait {proof.ratio:.3f} [{proof.low:.3f}, {proof.high:.3f}] times as long: {proof.how}."
    if proof.verdict != "confirmed":
        return proof.verdict, reason
    try:
        apply(target)
    except PerflabError as error:
        return "rolled back", f"{reason} It could not be applied: {error}"
    return "confirmed", reason


def _predicted(forecaster: Forecaster, target: MemorySetting) -> dict[str, Any]:
    found = forecaster.forecast(target)
    bounds = {"predicted_low": found.low, "predicted_high": found.high}
    return {"predicted": found.saved, **bounds, "prediction": found.how}


def _measured(proof: Proof) -> dict[str, float]:
    return {
        "before": proof.before,
        "measured": proof.measured,
        "low": proof.measured_low,
        "high": proof.measured_high,
        "noise_floor": proof.noise_floor,
    }


def _why(forecaster: Forecaster, present: MemorySetting, target: MemorySetting) -> str:
    ratio = forecaster.ratio(present, target)
    return f"Accesses are expected to wait {ratio:.2f} times as long, the least that a step promises."
