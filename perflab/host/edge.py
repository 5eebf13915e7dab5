"""When a value rises past a threshold.

In: one value after the other. Out: whether this one crossed it; once, until it has fallen clearly below.
"""

from __future__ import annotations

__all__ = ["REARM_RATIO", "Edge"]

REARM_RATIO = 0.9
"""A warning is armed again when the value has fallen below this share of its threshold."""


class Edge:
    """Tells when a value rises past a threshold; once, until it has fallen clearly below.

    Examples
    --------
    >>> edge = Edge(100)
    >>> [edge.rises(value) for value in (99, 101, 150, 95, 101, 89, 101)]
    [False, True, False, False, False, False, True]
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._armed = True

    def rises(self, value: float | None) -> bool:
        """Take the next value; a missing one changes nothing."""
        if value is None:
            return False
        if value > self.threshold:
            rose, self._armed = self._armed, False
            return rose
        self._armed = self._armed or value < self.threshold * REARM_RATIO
        return False
