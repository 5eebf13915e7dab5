"""Keys that were issued, until it is known if that was right.

In: predictions that were issued, what they brought, and the program's reads. Out: verdicts to the predictors' gates.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from perflab.cache.keys import slot_of
from perflab.optimize.predict import Prediction

__all__ = ["Pending"]


@dataclass(slots=True)
class _Issued:
    prediction: Prediction
    at: int
    nbytes: int = 0


class Pending:
    """A key that is read within `patience` reads was right to issue, else wrong.

    Parameters
    ----------
    patience
        Reads, of all streams together.
    most
        Keys that may be pending; past it the oldest counts as wrong.

    Examples
    --------
    >>> from perflab.optimize.gate import Gate
    >>> gate, pending = Gate(), Pending(patience=2)
    >>> for key in ("a", "b"):
    ...     pending.issue(Prediction(key, gate))
    >>> for key in ("a", "x", "y"):
    ...     pending.read(key)
    >>> gate.precision, len(pending)
    (0.5, 0)
    """

    def __init__(self, *, patience: int = 1_000, most: int = 512) -> None:
        self._patience, self._most = patience, most
        self._issued: OrderedDict[Hashable, _Issued] = OrderedDict()
        self._reads = 0
        # Who fetches tells of what came in a thread of its own.
        self._lock = threading.Lock()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._issued)

    def __contains__(self, key: Hashable) -> bool:
        return slot_of(key) in self._issued

    def issue(self, prediction: Prediction) -> None:
        """Take note of a key that is being fetched."""
        with self._lock:
            self._issued[slot_of(prediction.key)] = _Issued(prediction, self._reads)
            if len(self._issued) > self._most:
                self._end(next(iter(self._issued)), right=False)

    def came(self, key: Hashable, nbytes: int) -> None:
        """Take note of what came for a key, in bytes; 0 for nothing, of which there is no verdict."""
        with self._lock:
            issued = self._issued.get(slot_of(key))
            if issued is None:
                return
            if nbytes:
                self.nbytes += nbytes
                issued.nbytes = nbytes
            else:
                del self._issued[slot_of(key)]

    def failed(self, key: Hashable) -> None:
        """Take note of a key that could not be fetched."""
        with self._lock:
            self._end(slot_of(key), right=False)

    def read(self, key: Hashable) -> None:
        """Take the program's next read."""
        self._reads += 1
        if not self._issued:
            return
        with self._lock:
            self._end(slot_of(key), right=True)
            while self._issued and next(iter(self._issued.values())).at <= self._reads - self._patience:
                self._end(next(iter(self._issued)), right=False)

    def lose(self) -> None:
        """Give up on all verdicts, as there were reads that nobody heard of, and tell the gates that."""
        with self._lock:
            for issued in self._issued.values():
                issued.prediction.gate.unheard()
        self.forget()

    def forget(self) -> None:
        """Give up on all verdicts: what waited to be fetched was dropped."""
        with self._lock:
            self._issued.clear()
            self.nbytes = 0

    def _end(self, slot: Hashable, *, right: bool) -> None:
        issued = self._issued.pop(slot, None)
        if issued is not None:
            self.nbytes -= issued.nbytes
            issued.prediction.gate.judge(right, late=right and not issued.nbytes)
