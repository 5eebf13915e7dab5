"""One way to fill the memory tiers, and how far it has come.

In: a name, keys in the order of their worth, how to fetch one. Out: what was loaded, and what was skipped and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from perflab.cache.tiers.ahead import Reload
from perflab.optimize.result import Verdict, attempt

__all__ = ["State", "Strategy"]

State = Literal["waiting", "running", "done", "bytes", "time", "closed", "failed"]

_KNOB = "cache_warming_enabled"


@dataclass(slots=True)
class Strategy:
    """Keys to warm, and what came of them.

    Attributes
    ----------
    name : str
        For people.
    keys : callable
        Returns the keys, most worth first.
    loader : callable or None
        `loader(key)` -> `Reload`, for keys that are not on disk; None where only disk is read.
    total : int or None
        Keys that there are; None before they are known.
    loaded, nbytes : int
        Entries brought into memory, and their bytes by the memory tiers' weight.
    skipped : Counter
        Keys that were passed over, by reason.
    state : str
        waiting, running, or how it ended: done, or what stopped it.
    """

    name: str
    keys: Callable[[], Iterable[Hashable]]
    loader: Callable[[Hashable], Reload] | None = None
    total: int | None = None
    loaded: int = 0
    nbytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    state: State = "waiting"

    @property
    def done(self) -> int:
        """Keys that were loaded or skipped."""
        return self.loaded + self.skipped.total()

    def take(self, nbytes: int) -> None:
        """Count an entry that was loaded."""
        self.loaded += 1
        self.nbytes += nbytes

    def skip(self, reason: str) -> None:
        """Count a key that was passed over."""
        self.skipped[reason] += 1

    def end(self, state: State, reason: str) -> None:
        """Pass over what is left."""
        self.state = state
        self.skipped[reason] += (self.total or 0) - self.done

    def rows(self) -> list[dict[str, Any]]:
        """Return what came of it as rows of `optimizations`: what was loaded, and a row for each reason to skip."""
        said = f"{self.name}: {self.loaded} of {self.total or 0} entries were loaded"
        verdict: Verdict = "kept" if self.loaded else "no change"
        loaded = {"metric": "warm.bytes", "unit": "bytes", "before": 0.0, "measured": float(self.nbytes)}
        found = [attempt(_KNOB, verdict, f"{said}; it ended: {self.state}.", old=False, new=True, **loaded)]
        for reason, count in self.skipped.most_common():
            skipped = {"metric": "warm.skipped", "unit": "count", "measured": float(count)}
            why = f"{self.name}: {count} entries were skipped: {reason}."
            found.append(attempt(_KNOB, "no change", why, old=True, new=True, **skipped))
        return found
