"""Let predictions act only while they come true.

In: which of the issued predictions were used. Out: whether the next one may be issued.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable

__all__ = ["Gate"]


class Gate:
    """Measures the precision of issued keys and closes below `off`, opens again above `on`.

    While closed, one prediction in `probe` is still issued, so that a change for the better is seen. An issued key that
    is not used within `patience` accesses was wrong. The gate starts open and is not judged before `least` outcomes.

    Examples
    --------
    >>> gate = Gate(least=2, patience=2)
    >>> for key in ("a", "b", "c"):
    ...     gate.issue(key)
    >>> for used in ("x", "y", "z"):
    ...     _ = gate.use(used)
    >>> gate.precision, gate.open, gate.allows(), sum(gate.allows() for _ in range(64))
    (0.0, False, False, 2)
    """

    def __init__(
        self,
        *,
        off: float = 0.20,
        on: float = 0.35,
        probe: int = 32,
        least: int = 32,
        patience: int = 1000,
        outcomes: int = 256,
        table: int = 512,
    ) -> None:
        self.open = True
        self.issued = 0
        self.used = 0
        self.wrong = 0
        self._off, self._on, self._probe, self._least = off, on, probe, least
        self._patience, self._table = patience, table
        self._outcomes: deque[bool] = deque(maxlen=outcomes)
        self._pending: OrderedDict[Hashable, int] = OrderedDict()
        self._now = 0
        self._asked = 0

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

    def issue(self, key: Hashable) -> None:
        """Take note of a key that was issued; past the table's bound the oldest counts as wrong."""
        self.issued += 1
        self._pending[key] = self._now
        self._pending.move_to_end(key)
        if len(self._pending) > self._table:
            self._pending.popitem(last=False)
            self._judge(False)

    def use(self, key: Hashable) -> bool:
        """Take the next access; return whether its key had been issued."""
        self._now += 1
        while self._pending and next(iter(self._pending.values())) < self._now - self._patience:
            self._pending.popitem(last=False)
            self._judge(False)
        if self._pending.pop(key, None) is None:
            return False
        self._judge(True)
        return True

    def _judge(self, right: bool) -> None:
        self.used += right
        self.wrong += not right
        self._outcomes.append(right)
        precision = self.precision
        if precision is None or len(self._outcomes) < self._least:
            return
        self.open = precision > self._on if not self.open else precision >= self._off
