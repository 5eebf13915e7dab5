"""Storing what is simple, which most of what is stored is.

In: entries without a time to live, tags or anything that has to be told or written. Out: each stored at once, if
`perflab._writes` was built; else nothing, and the stock does it in Python.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

__all__ = ["PythonStore", "Store"]


class PythonStore:
    """`perflab._writes.Store` where that was not built."""

    def _holds_entries(self, entry: type, plain: object, never: float, /) -> None:  # noqa: ARG002 (for C alone)
        """Hold entries of a class."""
        self._new = entry

    def _store_plain(self, entry: Any, event: str | None, reason: str | None, /) -> bool:  # noqa: ARG002 (as above)
        """Return False: it was not stored."""
        return False

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
