"""Whether operations got slower than they used to be.

In: durations of operations by name, as they come. Out: the operation whose response time grew most, with the interval
of that growth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from perflab.analyze.intervals import Interval, shift_ratio

__all__ = ["Drift", "Slowdown"]

RECENT = 40
"""Operations of one name that are judged at a time."""
HISTORY = 200
"""Those before, which they are held against; judged from `RECENT` of them on."""
_NAMES = 256
_CONFIDENCE = 0.99
"""There is a judgement for every `RECENT` operations of every name; two in a row must say the same."""
LEAST_S = 1e-9
"""No duration counts as shorter: ratios are taken of them."""


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How much longer an operation takes than it used to.

    Attributes
    ----------
    operation
        Its name.
    growth
        Of its response time, as a ratio of its history: 0.5 is half as long again; `low` and `high` bound it.
    """

    operation: str
    growth: float
    low: float
    high: float
    n: int
    method: str

    @classmethod
    def of(cls, operation: str, found: Interval) -> Slowdown:
        """Return the growth that a ratio of durations means."""
        return cls(operation, found.value - 1, found.low - 1, found.high - 1, found.n, found.method)

    def facts(self) -> dict[str, object]:
        """Return everything by name, for an event."""
        return asdict(self)


@dataclass(slots=True)
class _Operation:
    history: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    recent: list[float] = field(default_factory=list)
    suspect: list[float] = field(default_factory=list)


class Drift:
    """The response times of each operation, held against its own history.

    Every `RECENT` durations of a name are compared with up to `HISTORY` before them. What is slower by more than a
    given ratio, with the lower bound of the growth, is suspect; it is a slowdown if the next `RECENT` are too. Then
    these are the new history, so that one change is told once.

    Parameters
    ----------
    least
        Growth that counts, as a ratio.

    Examples
    --------
    >>> drift = Drift(0.25)
    >>> drift.take([("parse", 0.010 + 0.0001 * (number % 7)) for number in range(200)])
    >>> drift.take([("parse", 0.020 + 0.0001 * (number % 7)) for number in range(80)])
    >>> found = drift.slowest()
    >>> found.operation, round(found.growth, 1), drift.slowest()
    ('parse', 1.0, None)
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._operations: dict[str, _Operation] = {}
        self._found: Slowdown | None = None

    def take(self, durations: Iterable[tuple[str, float]]) -> None:
        """Take operations that ended, by name and seconds, in order; names beyond the first 256 are not followed."""
        for name, duration_s in durations:
            known = self._operations.get(name)
            if known is None:
                if len(self._operations) >= _NAMES:
                    continue
                known = self._operations[name] = _Operation()
            known.recent.append(max(duration_s, LEAST_S))
            if len(known.recent) >= RECENT:
                self._judge(name, known)

    def slowest(self) -> Slowdown | None:
        """Return the greatest slowdown since the last call; None if there was none."""
        found, self._found = self._found, None
        return found

    def _judge(self, name: str, known: _Operation) -> None:
        recent, known.recent = known.recent, []
        if len(known.history) < RECENT:
            known.history.extend(recent)
            return
        found = Slowdown.of(name, shift_ratio(known.history, recent, _CONFIDENCE))
        if not found.low > self._least:
            known.suspect = []
            known.history.extend(recent)
        elif not known.suspect:
            known.suspect = recent
        else:
            known.history = deque([*known.suspect, *recent], HISTORY)
            known.suspect = []
            if self._found is None or found.low > self._found.low:
                self._found = found
