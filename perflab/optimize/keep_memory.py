"""Keep a setting of memory only as long as it holds: take it back on regression, prove it anew for other keys.

In: a watch, the accesses since. Out: rows of `optimizations`, and the old setting in force again where that is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perflab.optimize.memory import knobs
from perflab.optimize.price import Observed
from perflab.optimize.prove import Proof, prove_by_replay
from perflab.optimize.result import WATCH, Verdict, attempt
from perflab.optimize.setting import MemorySetting
from perflab.optimize.traffic import has_drifted
from perflab.optimize.tune import LEAST_ACCESSES
from perflab.optimize.watch import Watch, Watched

__all__ = ["KeptMemory", "Memory"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory tiers as an optimization sees them.

    Attributes
    ----------
    reads : callable
        How many accesses there were so far; costs little.
    observed : callable
        What was recorded of them.
    setting : callable
        The setting in force.
    apply : callable
        Puts another one in force.
    """

    reads: Callable[[], int]
    observed: Callable[[], Observed]
    setting: Callable[[], MemorySetting]
    apply: Callable[[MemorySetting], object]


class KeptMemory:
    """Watches the setting that was applied last.

    Parameters
    ----------
    memory
        What is watched.
    cancelled
        Asked during a proof; it ends without a word once it is true.
    """

    _watch: Watch | None
    _begun: int

    def __init__(self, memory: Memory, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._memory = memory
        self._cancelled = cancelled
        self._refuted: Observed | None = None
        self.forget()

    @property
    def watching(self) -> Watch | None:
        """What is watched at the moment."""
        return self._watch

    @property
    def due(self) -> bool:
        """Whether there are enough accesses for a look."""
        watch = self._watch
        return watch is not None and self._memory.reads() - self._begun >= watch.due

    def begin(self, watch: Watch) -> None:
        """Watch a setting that has just been applied, in place of an earlier one."""
        self._watch, self._begun = watch, self._memory.reads()

    def review(self) -> list[Row]:
        """Look now, if there are enough accesses for a look; the caller has the turn. Return the rows of what it found.

        A regression takes the old setting back. Where the program reads other keys now, the proof has expired: both
        settings are replayed over what it reads now, and the old one comes back if that refutes the new one.
        """
        watch = self._watch
        if watch is None or not self.due:
            return []
        if self._memory.setting() != watch.new:
            self._watch = None  # somebody has set it otherwise since
            return []
        since = self._memory.observed().last(self._memory.reads() - self._begun)
        if len(since) < LEAST_ACCESSES:
            return []
        found = watch.look(since)
        self._watch = watch.seen(found.n) if found.verdict == "waiting" else None
        return self._rows(watch, found, since)

    def forget(self) -> None:
        """Watch nothing any more."""
        self._watch = None
        self._begun = 0

    def rests(self, observed: Observed) -> bool:
        """Return whether what was applied last was taken back, and the program still reads the keys that it read then.

        A proof would say once more what did not come true.
        """
        refuted = self._refuted
        if refuted is None:
            return False
        if has_drifted(refuted.trace, observed.last(len(refuted)).trace)[0]:
            self._refuted = None
        return self._refuted is not None

    def _rows(self, watch: Watch, found: Watched, since: Observed) -> list[Row]:
        if found.verdict == "waiting":
            return []
        if found.verdict == "held":
            return _told(watch.old, watch.new, "kept", found, since)
        if found.verdict == "regressed":
            return self._taken_back(watch, found, since)
        return _told(watch.old, watch.new, "expired", found, since) + self._proved_again(watch, since)

    def _taken_back(self, watch: Watch, found: Watched, since: Observed) -> list[Row]:
        self._memory.apply(watch.old)
        self._refuted = since
        return _told(watch.new, watch.old, "rolled back", found, since)

    def _proved_again(self, watch: Watch, since: Observed) -> list[Row]:
        half = len(since) // 2
        proof = prove_by_replay(
            since, watch.old, watch.new, start=half, band_ratio=watch.band_ratio, cancelled=self._cancelled
        )
        if proof is None:
            return []
        if proof.verdict == "refuted":
            self._memory.apply(watch.old)
            return _proved(watch.new, watch.old, "rolled back", _turned(proof), since)
        if proof.verdict == "confirmed":
            self.begin(Watch(watch.old, watch.new, since, watch.band_ratio))
        return _proved(watch.old, watch.new, proof.verdict, proof, since)


def _told(old: MemorySetting, new: MemorySetting, verdict: Verdict, found: Watched, since: Observed) -> list[Row]:
    """Return a row for each knob of what a look found."""
    reason = found.reason[0].upper() + found.reason[1:]
    numbers: dict[str, Any] = {"before": found.before, "measured": found.measured, **since.metric}
    if verdict == "rolled back":
        # What is in force from now on was measured before, and the other one since.
        numbers |= {"before": found.measured, "measured": None, "predicted": found.before}
        numbers["prediction"] = "estimated: what it was before the setting was applied"
    else:
        numbers |= {"low": found.measured_low, "high": found.measured_high}
    return [
        attempt(path, verdict, reason, old=was, new=now, phase=WATCH, **numbers)
        for _, path, was, now in knobs(old, new)
    ]


def _proved(old: MemorySetting, new: MemorySetting, verdict: Verdict, proof: Proof, since: Observed) -> list[Row]:
    """Return a row for each knob of what was proved again."""
    reason = f"Proved again: accesses wait {proof.ratio:.3f} [{proof.low:.3f}, {proof.high:.3f}] times as long."
    numbers = {"before": proof.before, "measured": proof.measured, **since.metric}
    bounds = {"low": proof.measured_low, "high": proof.measured_high, "noise_floor": proof.noise_floor}
    return [
        attempt(path, verdict, reason, old=was, new=now, phase=WATCH, **numbers, **bounds)
        for _, path, was, now in knobs(old, new)
    ]


def _turned(proof: Proof) -> Proof:
    """Return a proof with both settings in each other's place; what has no bounds then has none."""
    from dataclasses import replace

    nan = float("nan")
    return replace(
        proof,
        ratio=1 / proof.ratio,
        low=1 / proof.high,
        high=1 / proof.low,
        before=proof.measured,
        measured=proof.before,
        measured_low=nan,
        measured_high=nan,
    )
