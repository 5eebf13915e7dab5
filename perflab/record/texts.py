"""Many short texts in one piece of memory.

In: texts. Out: their bytes and where each begins, as Arrow has them; a third of what a list of `str` takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Texts"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts that can be encoded as UTF-8.

    Attributes
    ----------
    data : bytes
        All of them, UTF-8.
    offsets : int32 array
        Where each begins in `data`, and where the last ends.

    Examples
    --------
    >>> texts = Texts.of(["a.py", "ü"])
    >>> texts.data, texts.offsets.tolist(), list(texts)
    (b'a.py\\xc3\\xbc', [0, 4, 6], ['a.py', 'ü'])
    """

    data: bytes
    offsets: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Return texts in their order."""
        import numpy as np

        whole = "".join(texts)
        encoded: Sequence[str | bytes] = texts if whole.isascii() else [text.encode() for text in texts]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum(np.fromiter(map(len, encoded), np.int64, len(texts)), out=offsets[1:])
        return cls(whole.encode(), offsets)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self.data) + self.offsets.nbytes

    def arrow(self) -> pa.Array:
        """Return them as an array of strings, without a copy."""
        import pyarrow as pa

        # `pyarrow.array` would import pandas.
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.string(), len(self), buffers)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        return (self.data[start:stop].decode() for start, stop in pairwise(self.offsets.tolist()))
