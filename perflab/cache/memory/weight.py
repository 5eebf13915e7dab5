"""What a cached value costs in memory.

In: any Python object. Out: bytes, as `int`; the memory tiers are bounded by the sum of these.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Hashable, Iterable

__all__ = ["ENTRY_BYTES", "entry_weight", "weight"]

ENTRY_BYTES = 200
"""Bookkeeping of one entry: tracemalloc over 100,000 entries of a memory tier says 165 (CPython 3.11, least recently
used), and the allocator rounds up. Ages and ends, of which the TTL tier keeps track, take up to 260 more."""

_LEAVES = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, type, range, type(...)})
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""Leaves without a garbage collector's header, so that `__sizeof__` tells all; `getsizeof` takes thrice its time."""


def weight(value: object) -> int:
    """Return the bytes that a value keeps in memory.

    Containers and instance attributes are followed, each object is counted once, and cycles end. Arrays, frames,
    series, tables and buffers answer for themselves; a view counts what it keeps alive. Modules, functions and classes
    count as nothing more than their own header.

    Examples
    --------
    >>> weight(b"x" * 1000) - weight(b"")
    1000
    >>> row = [0.5]
    >>> row.append(row)
    >>> weight(row) == sys.getsizeof(row) + sys.getsizeof(0.5)
    True
    """
    if type(value) in _LEAVES:
        return sys.getsizeof(value)
    seen: set[int] = set()
    total = 0
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) in _LEAVES:
            total += sys.getsizeof(item)
            continue
        known = _buffer_bytes(item)
        if known is None:
            total += sys.getsizeof(item)
            pending.extend(_parts(item))
        else:
            total += known
    return total


def entry_weight(key: Hashable, value: object) -> int:
    """Return what one entry costs: value, key and bookkeeping.

    Examples
    --------
    >>> entry_weight("key", b"value") == weight("key") + weight(b"value") + ENTRY_BYTES
    True
    """
    if type(key) in _PLAIN and type(value) in _PLAIN:
        return key.__sizeof__() + value.__sizeof__() + ENTRY_BYTES
    return weight(value) + weight(key) + ENTRY_BYTES


def _buffer_bytes(item: object) -> int | None:
    """Return the size that an array-like object states itself; only libraries that are already loaded are asked."""
    if isinstance(item, memoryview):
        return item.nbytes + sys.getsizeof(item)
    for module, measure in (("numpy", _numpy_bytes), ("pandas", _pandas_bytes), ("pyarrow", _arrow_bytes)):
        if module in sys.modules:
            size = measure(item)
            if size is not None:
                return size
    return None


def _numpy_bytes(item: object) -> int | None:
    import numpy as np

    if not isinstance(item, np.ndarray):
        return None
    owner = item
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    elements = weight(owner.ravel().tolist()) if owner.dtype.hasobject else 0
    return owner.nbytes + elements + _header(item)


def _header(item: object) -> int:
    return object.__sizeof__(item)


def _pandas_bytes(item: object) -> int | None:
    import pandas as pd

    if isinstance(item, pd.DataFrame):
        return int(item.memory_usage(index=True, deep=True).sum()) + _header(item)
    if isinstance(item, pd.Series | pd.Index):
        return int(item.memory_usage(deep=True)) + _header(item)
    return None


def _arrow_bytes(item: object) -> int | None:
    import pyarrow as pa

    if isinstance(item, pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray | pa.Buffer):
        return int(item.size if isinstance(item, pa.Buffer) else item.nbytes) + _header(item)
    return None


def _parts(item: object) -> Iterable[object]:
    """Return what an object holds: items, keys and values, attributes."""
    if callable(item) or type(item).__name__ == "module":
        return ()
    held: list[object] = []
    if isinstance(item, dict):
        held.extend(item.keys())
        held.extend(item.values())
    elif isinstance(item, list | tuple | set | frozenset | deque):
        held.extend(item)
    attributes = getattr(item, "__dict__", None)
    if isinstance(attributes, dict):
        held.append(attributes)
    held.extend(_slots(item))
    return held


def _slots(item: object) -> Iterable[object]:
    for cls in type(item).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            # A private slot is stored under its mangled name; an unset one holds nothing.
            attribute = f"_{cls.__name__.lstrip('_')}{name}" if name[:2] == "__" and name[-2:] != "__" else name
            if attribute not in ("__dict__", "__weakref__") and hasattr(item, attribute):
                yield getattr(item, attribute)
