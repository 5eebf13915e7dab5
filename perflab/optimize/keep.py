"""Keep what was applied only as long as it holds: look at it now and then, take it back on regression, prove it anew.

In: a watch, the accesses since. Out: rows of `optimizations`, and the old setting in force again where that is better.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from perflab import forked
from perflab.errors import PerflabError
from perflab.optimize.memory import knobs
from perflab.optimize.price import Observed
from perflab.optimize.prove import Proof, prove_by_replay
from perflab.optimize.result import WATCH, Verdict, attempt
from perflab.optimize.setting import MemorySetting
from perflab.optimize.single import OneAtATime
from perflab.optimize.traffic import has_drifted
from perflab.optimize.tune import LEAST_ACCESSES
from perflab.optimize.watch import Watch, Watched

__all__ = ["Keeper", "Memory"]

_POLL_S = 1.0
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


class Keeper:
    """Watches the setting that was applied last, in a thread that lives as long as there is something to watch.

    Parameters
    ----------
    memory
        What is watched.
    single
        The turn to change settings.
    record
        Takes the rows of a look that found something.
    poll_s
        Seconds between counts of the accesses; a look is taken when there are enough of them.
    """

    _state: threading.Lock
    _looking: threading.Lock
    _watch: Watch | None
    _thread: threading.Thread | None

    def __init__(
        self, memory: Memory, single: OneAtATime, record: Callable[[list[Row]], object], *, poll_s: float = _POLL_S
    ) -> None:
        self._memory = memory
        self._single = single
        self._record = record
        self._poll_s = poll_s
        self._refuted: Observed | None = None
        self._stopping = threading.Event()
        self.after_fork()
        forked.watch(self)

    @property
    def watching(self) -> Watch | None:
        """What is watched at the moment."""
        return self._watch

    def begin(self, watch: Watch) -> None:
        """Watch a setting that has just been applied, in place of an earlier one."""
        with self._state:
            self._watch, self._begun = watch, self._memory.reads()
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="perflab-keeper", daemon=True)
                self._thread.start()

    def review(self) -> list[Row]:
        """Look now, if there are enough accesses for a look; the caller has the turn. Return the rows of what it found.

        A regression takes the old setting back. Where the program reads other keys now, the proof has expired: both
        settings are replayed over what it reads now, and the old one comes back if that refutes the new one.
        """
        watch = self._watch
        if watch is None or self._memory.reads() - self._begun < watch.due:
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

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for a look that is under way, and begin none until the block ends: who asks for the turn then has it."""
        with self._looking:
            yield

    def after_fork(self) -> None:
        """Watch nothing in a forked child, in which the thread is not."""
        self._watch = None
        self._begun = 0
        self._state = threading.Lock()
        self._looking = threading.Lock()
        self._thread = None

    def close(self) -> None:
        """End the thread; nothing is watched any more."""
        with self._state:
            self._stopping.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _rows(self, watch: Watch, found: Watched, since: Observed) -> list[Row]:
        if found.verdict == "waiting":
            return []
        if found.verdict == "held":
            return _told(watch.old, watch.new, "kept", found, since)
        if found.verdict == "regressed":
            return self._taken_back(watch, found, since)
        return _told(watch.old, watch.new, "expired", found, since) + self._proved_again(watch, since)

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

    def _taken_back(self, watch: Watch, found: Watched, since: Observed) -> list[Row]:
        self._memory.apply(watch.old)
        self._refuted = since
        return _told(watch.new, watch.old, "rolled back", found, since)

    def _proved_again(self, watch: Watch, since: Observed) -> list[Row]:
        half = len(since) // 2
        stopping = self._single
        proof = prove_by_replay(
            since, watch.old, watch.new, start=half, band_ratio=watch.band_ratio, cancelled=lambda: stopping.stopping
        )
        if proof is None:
            return []
        if proof.verdict == "refuted":
            self._memory.apply(watch.old)
            return _proved(watch.new, watch.old, "rolled back", _turned(proof), since)
        if proof.verdict == "confirmed":
            self.begin(Watch(watch.old, watch.new, since, watch.band_ratio))
        return _proved(watch.old, watch.new, proof.verdict, proof, since)

    def _run(self) -> None:
        warned = False
        while not self._stopping.wait(self._poll_s):
            try:
                self._look()
            except Exception as error:
                if not warned:
                    warned = True
                    warnings.warn(f"A setting could not be watched: {error!r}.", RuntimeWarning, stacklevel=1)
            with self._state:
                if self._watch is None:
                    self._thread = None
                    return

    def _look(self) -> None:
        watch = self._watch
        if watch is None or self._memory.reads() - self._begun < watch.due:
            return
        with self._looking, ExitStack() as turn:
            try:
                turn.enter_context(self._single.turn())
            except PerflabError:
                return  # an optimization runs, and reviews by itself
            rows = self.review()
            if rows:
                self._record(rows)


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
