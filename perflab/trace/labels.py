"""Keys as dense numbers.

In: keys as they come, a block at a time. Out: a number for each, from 0 in order of first appearance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Labels"]

_MOST = (1 << 31) - 2


class Labels:
    """Numbers keys: whole numbers in numpy arrays, anything else in Arrow arrays of bytes or text.

    Examples
    --------
    >>> import numpy as np
    >>> labels = Labels()
    >>> labels.numbers(np.array([7, 9, 7])).tolist()
    [0, 1, 0]
    >>> labels.numbers(np.array([9, 2**64 - 1], dtype=np.uint64)).tolist()
    [1, 2]
    >>> labels.in_order().tolist()
    [7, 9, 18446744073709551615]
    """

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}

    def numbers(self, keys: Any) -> npt.NDArray[np.int32]:
        """Return the number of each key.

        Raises
        ------
        SourceError
            If there are more different keys than an int32 can number.
        """
        import numpy as np

        codes, different = self._distinct(keys)
        known = self._known
        places = np.array([known.setdefault(key, len(known)) for key in different], dtype=np.int64)
        if len(known) > _MOST:
            raise SourceError(f"The trace has more than {_MOST:,} different keys; take a sample of it.")
        return places.astype(np.int32)[codes] if len(places) else np.zeros(0, dtype=np.int32)

    def in_order(self) -> npt.NDArray[np.object_]:
        """Return the keys by number; bytes become text, what is no UTF-8 among them in escapes."""
        import numpy as np

        keys = np.empty(len(self._known), dtype=object)
        for number, key in enumerate(self._known):
            keys[number] = key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else key
        return keys

    @staticmethod
    def _distinct(keys: Any) -> tuple[Any, list[Any]]:
        import numpy as np
        import pandas as pd

        if isinstance(keys, np.ndarray):
            codes, different = pd.factorize(keys)
            return codes, different.tolist()
        encoded = keys.dictionary_encode()
        return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
