"""What will be read next, by all that predicts.

In: the reads of each stream. Out: keys to fetch, each with the predictor that named it and that answers for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from perflab.optimize.associate import Associations
from perflab.optimize.gate import Gate
from perflab.optimize.stride import Strides

__all__ = ["Prediction", "Predictor"]

_TOLD_FOR = 16
"""Reads for which a predicted key is not predicted again: neighbours expect the same."""
_MOST_TOLD = 1_024
_MOST_DEPTH = 64


class Prediction(NamedTuple):
    """A key that will be read soon, and the gate that is told if it was."""

    key: Hashable
    gate: Gate


class Predictor:
    """Association and stride, each behind a gate of its own: one that errs does not silence the other.

    Examples
    --------
    >>> predictor = Predictor()
    >>> for page in (1, 3, 5):
    ...     found = predictor.take("main", page)
    >>> [prediction.key for prediction in found]
    [7, 9]
    """

    def __init__(
        self,
        associations: Associations | None = None,
        strides: Strides | None = None,
        gates: tuple[Gate, Gate] | None = None,
    ) -> None:
        self._associations = Associations() if associations is None else associations
        self._strides = Strides() if strides is None else strides
        self.association_gate, self.stride_gate = gates or (Gate(), Gate())
        self._least_depth = self._strides.depth
        self._reads = 0
        self._told: dict[Hashable, int] = {}

    @property
    def open(self) -> bool:
        """Whether what was predicted so far is worth going on; a predictor without an outcome says nothing of it."""
        gates = (self.association_gate, self.stride_gate)
        judged = [gate.open for gate in gates if gate.precision is not None or not gate.open]
        return any(judged) or not judged

    def take(self, stream: Hashable, key: Hashable) -> list[Prediction]:
        """Learn the next read of a stream, and return what to expect after it, as far as the gates allow."""
        self._reads += 1
        # Asked before it is learned: this use has had no followers yet, and must not count as one without.
        associated = self._associations.expected(key)
        self._associations.learn(stream, key)
        walked = self._strides.learn(stream, key)
        if not associated and not walked:
            return []
        found = [*self._new(walked, self.stride_gate), *self._new(associated, self.association_gate)]
        if len(self._told) > _MOST_TOLD:
            self._told = {key: read for key, read in self._told.items() if read > self._reads - _TOLD_FOR}
        return found

    def adapt(self) -> None:
        """Look further ahead if what was expected of walks came too late, less far if it was wrong."""
        self._strides.depth = self.stride_gate.reach(self._strides.depth, self._least_depth, _MOST_DEPTH)

    def _new(self, keys: tuple[Hashable, ...], gate: Gate) -> list[Prediction]:
        """Return predictions of keys that were not predicted a moment ago, if the gate allows any."""
        told, since = self._told, self._reads - _TOLD_FOR
        new = [key for key in keys if told.get(key, -_TOLD_FOR) <= since]
        if not new or not gate.allows():
            return []
        for key in new:
            told[key] = self._reads
        return [Prediction(key, gate) for key in new]

    def interrupt(self, stream: Hashable) -> None:
        """Take note that reads of a stream were missed: what comes next is no neighbour of what came last."""
        self._associations.interrupt(stream)
        self._strides.interrupt(stream)

    def hint(self, key: Hashable, related: Iterable[Hashable]) -> None:
        """Take the program's word for what may follow a key."""
        self._associations.hint(key, related)
