"""The keys and events of a block as columns.

In: entries and events, with keys of any kind, and sizes. Out: a number each, the columns that these point into, and
those of the events; in C where that was built.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from perflab.record.arrow import LONGEST_TEXT, as_text
from perflab.record.block import MISSING
from perflab.record.happened import EventRows
from perflab.record.tape import Hit
from perflab.record.texts import Texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Known", "known"]


class Known(NamedTuple):
    """What is told of each event, and of each key with its size; entries come first, in their order.

    An entry has a number of its own; events with the same key and size, which come all at once, share one.

    Attributes
    ----------
    at, now_s, took_s : int64 and float64 arrays
        Hits before an event, its time, its duration or NaN.
    kind, code : int32 arrays
        What `kind_of` says of an event, and the number of its key with its size.
    keys, sizes : int32 and int64 arrays
        One for each such number: the place of the text or -1, and bytes or -1.
    texts : Texts
        The texts of the keys, each once.
    """

    at: NDArray[np.int64]
    now_s: NDArray[np.float64]
    kind: NDArray[np.int32]
    code: NDArray[np.int32]
    took_s: NDArray[np.float64]
    keys: NDArray[np.int32]
    sizes: NDArray[np.int64]
    texts: Texts


def known(entries: Sequence[Hit], batches: Iterable[EventRows], kind_of: Callable[[Any, Any, Any], int]) -> Known:
    """Return the columns of entries and events; `kind_of(event, tier, reason)` gives each kind of event a number."""
    import numpy as np

    keys, sizes = tuple(entry.key for entry in entries), tuple(entry.nbytes for entry in entries)
    *columns, data, offsets = event_columns(keys, sizes, tuple(batches), _text, kind_of, _size_of, _seconds_of)
    dtypes = (np.int64, np.float64, np.int32, np.int32, np.float64, np.int32, np.int64)
    arrays: list[Any] = list(map(np.frombuffer, columns, dtypes))
    return Known._make([*arrays, Texts(data, np.frombuffer(offsets, np.int32))])


def _event_columns(
    keys: Sequence[object],
    sizes: Sequence[Any],
    batches: Iterable[EventRows],
    text_of: Callable[[object], str | None],
    kind_of: Callable[[Any, Any, Any], int],
    size_of: Callable[[Any], int],
    seconds_of: Callable[[Any], float],
) -> tuple[Any, ...]:
    """Do what `perflab._writes.event_columns` does, where that was not built."""
    at, now_s, kind, code, took_s = array("q"), array("d"), array("i"), array("i"), array("d")
    texts: dict[str, int] = {}
    # A key may be slow to print, and the same object comes often; it stays alive meanwhile, so its id stands for it.
    met: dict[int, int] = {}

    def place_of(key: object) -> int:
        if id(key) not in met:
            text = text_of(key)
            met[id(key)] = -1 if text is None else texts.setdefault(text, len(texts))
        return met[id(key)]

    places, held = array("i", map(place_of, keys)), array("q", map(size_of, sizes))
    numbers: dict[tuple[int, int], int] = {}
    for before, now, key, event, tier, nbytes, duration_s, reason in (row for batch in batches for row in batch):
        at.append(before)
        now_s.append(now)
        kind.append(kind_of(event, tier, reason))
        code.append(len(places) + numbers.setdefault((place_of(key), size_of(nbytes)), len(numbers)))
        took_s.append(math.nan if duration_s is None else seconds_of(duration_s))
    places.extend(place for place, _ in numbers)
    held.extend(size for _, size in numbers)
    whole = Texts.of(list(texts))
    return at, now_s, kind, code, took_s, places, held, whole.data, whole.offsets


if TYPE_CHECKING:
    event_columns = _event_columns
else:
    try:
        from perflab._writes import event_columns
    except ImportError:
        event_columns = _event_columns


def _size_of(nbytes: Any) -> int:
    if type(nbytes) is int and 0 <= nbytes < 2**63:
        return nbytes
    try:
        size = int(nbytes)
    except (TypeError, ValueError, OverflowError):
        return MISSING
    return size if 0 <= size < 2**63 else MISSING


def _seconds_of(duration_s: Any) -> float:
    try:
        return float(duration_s)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _text(key: object) -> str | None:
    # What `as_text` says of most keys, without the call.
    return key if type(key) is str and len(key) <= LONGEST_TEXT and key.isascii() else as_text(key)
