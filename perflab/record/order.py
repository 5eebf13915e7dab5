"""The order of time, which threads do not hand rows over in.

In: times piece by piece. Out: whether they rise, and the order in which they would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from perflab.record.buffers import numbers_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Rising", "order_of"]


class Rising:
    """Tells whether none of the times that pass is before its predecessor; a missing time is in no order."""

    def __init__(self) -> None:
        self.so_far = True
        self._last: Any = None

    def watched(self, pieces: Iterable[pa.Array]) -> Iterator[pa.Array]:
        """Yield the pieces, and see to it."""
        for piece in pieces:
            if len(piece):
                self._see(piece)
            yield piece

    def _see(self, piece: pa.Array) -> None:
        import numpy as np

        times = numbers_of(piece, np.int64)
        before, self._last = self._last, times[-1]
        in_order = before is None or bool(before <= times[0])
        self.so_far = self.so_far and not piece.null_count and in_order and bool((times[1:] >= times[:-1]).all())


def order_of(pieces: Iterable[pa.Array]) -> NDArray[np.int64] | None:
    """Return the places of the times in rising order, equal ones as they are; None if they rise, or one is missing."""
    import numpy as np

    rising = Rising()
    held = list(rising.watched(pieces))
    if rising.so_far or any(piece.null_count for piece in held):
        return None
    return np.argsort(np.concatenate([numbers_of(piece, np.int64) for piece in held]), kind="stable")
