"""Storing what is simple, which most of what is stored is.

In: entries without a time to live, tags or anything that has to be told or written. Out: each stored at once, if
`perflab._writes` was built; else nothing, and the stock does it in Python.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

__all__ = ["PythonStore", "Store"]


class PythonStore:
    """`perflab._writes.Store` where that was not built.

    There `nbytes`, `max_bytes`, `max_entries`, `_largest`, `_left_bytes` and `_bearable` are integers of 64 bits, and
    `_dating` and `_heard` are `bool`.
    """

    def _holds_entries(self, entry: type, plain: object, never: float, /) -> None:  # noqa: ARG002 (for C alone)
        """Hold entries of a class."""
        self._new = entry

    def _store_plain(self, entry: Any, event: str | None, reason: str | None, /) -> bool | None:  # noqa: ARG002 (as above)
        """Return whether an entry was stored; None, and nothing was done, if that needs more than is done here."""
        return None

    def new_entry(self, key: Hashable, value: object, nbytes: int, /) -> Any:
        """Return an entry without facts."""
        return self._new(key, value, nbytes)


if TYPE_CHECKING:
    Store = PythonStore
else:
    try:
        from perflab._writes import Store
    except ImportError:
        Store = PythonStore
