"""Levels of memory use, and when each is to be acted on.

In: how full memory is, sample by sample. Out: the next level to act on or to end, if any. Nothing is done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Ladder"]


@dataclass(slots=True)
class _Rung:
    """One level: samples in a row past it, and clearly below it; whether it is in force; when that was changed last."""

    level: float
    past: int = 0
    below: int = 0
    in_force: bool = False
    changed_s: float | None = None


class Ladder:
    """Levels, each of which comes into force after some samples past it, and ends clearly below it.

    A change of a level is followed by a cool-down, after which it is acted on again if memory is still past it. One
    level changes at a time: after an action samples are counted anew, so that the next level is acted on only if the
    one below did not help.

    Parameters
    ----------
    levels
        Ratios, ascending.
    samples
        Samples in a row that it takes.
    cooldown_s
        Least time between two changes of one level.
    hysteresis_ratio
        How far below its level memory must be for a level to end.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> now = iter(range(100, 200))
    >>> ladder = Ladder((0.6, 0.7), cooldown_s=1, clock=lambda: next(now))
    >>> for ratio in (0.65, 0.65):
    ...     ladder.see(ratio)
    >>> ladder.to_act(), ladder.to_end()
    (0, None)
    >>> ladder.acted(0)
    >>> ladder.in_force
    (0,)
    """

    def __init__(
        self,
        levels: Sequence[float],
        *,
        samples: int = 2,
        cooldown_s: float = 30.0,
        hysteresis_ratio: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rungs = [_Rung(level) for level in levels]
        self._samples, self._cooldown_s, self._hysteresis = samples, cooldown_s, hysteresis_ratio
        self._clock = clock

    @property
    def in_force(self) -> tuple[int, ...]:
        """The numbers of the levels that were acted on and have not ended."""
        return tuple(number for number, rung in enumerate(self._rungs) if rung.in_force)

    def see(self, ratio: float | None) -> None:
        """Take the next sample; a missing one changes nothing."""
        if ratio is None:
            return
        for rung in self._rungs:
            rung.past = rung.past + 1 if ratio >= rung.level else 0
            rung.below = rung.below + 1 if ratio < rung.level - self._hysteresis else 0

    def to_act(self) -> int | None:
        """Return the lowest level that is to be acted on, those that are not in force first; None without any."""
        due = [number for number, rung in enumerate(self._rungs) if rung.past >= self._samples and self.cooled(number)]
        return min(due, key=lambda number: (self._rungs[number].in_force, number), default=None)

    def to_end(self) -> int | None:
        """Return the highest level in force, if that is to end."""
        highest = max(self.in_force, default=None)
        if highest is None or self._rungs[highest].below < self._samples or not self.cooled(highest):
            return None
        return highest

    def cooled(self, number: int) -> bool:
        """Tell whether the last change of a level is long enough ago."""
        changed_s = self._rungs[number].changed_s
        return changed_s is None or self._clock() - changed_s >= self._cooldown_s

    def acted(self, number: int) -> None:
        """Take note that a level was acted on."""
        self._changed(number, in_force=True)

    def ended(self, number: int) -> None:
        """Take note that a level's settings are back."""
        self._changed(number, in_force=False)

    def _changed(self, number: int, *, in_force: bool) -> None:
        self._rungs[number].in_force = in_force
        self._rungs[number].changed_s = self._clock()
        for rung in self._rungs:  # what was seen before the change tells nothing of what it did
            rung.past = rung.below = 0
