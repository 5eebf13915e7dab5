"""The keys of a block.

In: entries and events, with keys of any kind, and sizes. Out: a number each, and the columns that these point into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from perflab.record.arrow import LONGEST_TEXT, as_text
from perflab.record.block import MISSING
from perflab.record.tape import Hit
from perflab.record.texts import Texts

__all__ = ["Known"]


class Known:
    """The keys of a block: their texts, each once, and under each number a key with its size.

    An entry has a number of its own; events with the same key and size, which come all at once, share one.
    """

    def __init__(self, entries: Sequence[Hit]) -> None:
        self.texts: dict[str, int] = {}
        self.keys = [self._place(_text(entry.key)) for entry in entries]
        self.sizes = [_size_of(entry.nbytes) for entry in entries]
        self._numbers: dict[tuple[int, int], int] = {}

    def numbers(self, keys: Sequence[object], sizes: Iterable[Any]) -> list[int]:
        """Return the numbers of events, from their keys and sizes."""
        pairs = [(self._place(text), _size_of(size)) for text, size in zip(_texts(keys), sizes, strict=True)]
        first = len(self.keys)
        found = [self._numbers.setdefault(pair, first + len(self._numbers)) for pair in pairs]
        self.keys += [key for key, _ in self._numbers]
        self.sizes += [size for _, size in self._numbers]
        return found

    def columns(self) -> dict[str, Any]:
        """Return what a block holds of them."""
        import numpy as np

        keys, sizes = np.array(self.keys, np.int32), np.array(self.sizes, np.int64)
        return {"texts": Texts.of(list(self.texts)), "keys": keys, "sizes": sizes}

    def _place(self, text: str | None) -> int:
        return -1 if text is None else self.texts.setdefault(text, len(self.texts))


def _size_of(nbytes: Any) -> int:
    if type(nbytes) is int and 0 <= nbytes < 2**63:
        return nbytes
    try:
        size = int(nbytes)
    except (TypeError, ValueError, OverflowError):
        return MISSING
    return size if 0 <= size < 2**63 else MISSING


def _texts(keys: Sequence[object]) -> Iterator[str | None]:
    # A key may be slow to print, and the same object comes often; `keys` keeps each alive, so its id stands for it.
    printed: dict[int, str | None] = {}
    for key in keys:
        if id(key) not in printed:
            printed[id(key)] = _text(key)
        yield printed[id(key)]


def _text(key: object) -> str | None:
    # What `as_text` says of most keys, without the call.
    return key if type(key) is str and len(key) <= LONGEST_TEXT and key.isascii() else as_text(key)
