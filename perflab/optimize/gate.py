"""Let predictions act only while they come true, and sooner when they come too late.

In: if each issued prediction was right, and in time. Out: if the next one may be issued, and how far to look ahead.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Gate"]

_TOO_FAR = 2 / 3
_TOO_LATE = 1 / 4


class Gate:
    """Measures the precision of the last issued keys; closes below `off`, and opens again above `on`.

    While closed, one prediction in `probe` is still issued, so that a change for the better is seen. The gate starts
    open and is not judged before `least` outcomes. It closes too once nobody has heard what became of `outcomes` keys
    in a row, as of a program that reads faster than it can be followed.

    Examples
    --------
    >>> gate = Gate(least=2)
    >>> gate.judge(False), gate.judge(False)
    (None, None)
    >>> gate.precision, gate.open, gate.allows(), sum(gate.allows() for _ in range(64))
    (0.0, False, False, 2)
    """

    def __init__(
        self, *, off: float = 0.20, on: float = 0.35, probe: int = 32, least: int = 32, outcomes: int = 128
    ) -> None:
        self.open = True
        self._off, self._on, self._probe, self._least = off, on, probe, least
        self._outcomes: deque[bool] = deque(maxlen=outcomes)
        self._late: deque[bool] = deque(maxlen=least)
        self._asked = self._unheard = 0

    @property
    def precision(self) -> float | None:
        """Share of the last issued keys that were used, of those whose outcome is known; None before the first."""
        return sum(self._outcomes) / len(self._outcomes) if self._outcomes else None

    def allows(self) -> bool:
        """Return whether the next prediction may be issued."""
        if self.open:
            return True
        self._asked += 1
        return self._asked % self._probe == 0

    def reach(self, present: int, least: int, most: int) -> int:
        """Return how many keys to look ahead: twice as many while a quarter comes late, half while a third is wrong.

        Source: S. Srinath et al. (2007), "Feedback directed prefetching".
        """
        precision = self.precision
        if precision is not None and precision < _TOO_FAR:
            return max(least, present // 2)
        if len(self._late) < (self._late.maxlen or 0) or sum(self._late) <= _TOO_LATE * len(self._late):
            return present
        self._late.clear()  # of the new distance nothing is known yet
        return min(most, 2 * present)

    def overtaken(self) -> None:
        """Take note of a prediction whose key was read before it could be issued."""
        self._late.append(True)

    def unheard(self) -> None:
        """Take note of an issued key of which it will not be known if it was right."""
        self._unheard += 1
        if self._unheard >= (self._outcomes.maxlen or 0):
            self.open = False

    def judge(self, right: bool, *, late: bool = False) -> None:
        """Take the outcome of an issued key, and if it was read before it had come."""
        self._unheard = 0
        self._outcomes.append(right)
        self._late.append(late)
        precision = self.precision
        if precision is None or len(self._outcomes) < self._least:
            return
        self.open = precision > self._on if not self.open else precision >= self._off
