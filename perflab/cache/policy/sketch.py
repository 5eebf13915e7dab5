"""How often keys were asked for lately, in a fixed amount of memory.

In: hashes of keys. Out: an estimate of each one's recent requests, never too low by more than ageing took.
"""

from __future__ import annotations

__all__ = ["Sketch"]

_ROWS = 4
_MOST = 15
_SAMPLE = 10
_HALVED = bytes(pair >> 1 & 0x77 for pair in range(256))
"""By two counters, their halves."""
_MIX = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


class Sketch:
    """A count-min sketch whose counters stop at 15 and are halved after ten requests a place.

    Cormode, Muthukrishnan: An improved data stream summary: the count-min sketch and its applications, 2005; the ageing
    is that of Einziger, Friedman, Manes: TinyLFU, ACM TOS 13(4), 2017. A place takes two bytes.

    Parameters
    ----------
    places
        Keys to tell apart; rounded up to a power of two.

    Examples
    --------
    >>> sketch = Sketch(100)
    >>> for key in ("a", "b", "a"):
    ...     sketch.add(hash(key))
    >>> sketch.count(hash("a")), sketch.count(hash("c"))
    (2, 0)
    """

    def __init__(self, places: int) -> None:
        self.places = max(64, 1 << (places - 1).bit_length())
        self._mask = self.places - 1
        self._rows = tuple(bytearray(self.places // 2) for _ in range(_ROWS))
        self._added = 0

    def add(self, number: int) -> None:
        """Count a request."""
        mixed = number * _MIX & _WORD
        at, step, mask = mixed >> 32, mixed | 1, self._mask
        for row in self._rows:
            place = at & mask
            one = 16 if place & 1 else 1
            pair = row[place >> 1]
            if pair // one & _MOST != _MOST:
                row[place >> 1] = pair + one
            at += step
        self._added += 1
        if self._added >= _SAMPLE * self.places:
            self._age()

    def count(self, number: int) -> int:
        """Return the estimate."""
        mixed = number * _MIX & _WORD
        at, step, mask = mixed >> 32, mixed | 1, self._mask
        places = (at + turn * step & mask for turn in range(_ROWS))
        return min(row[place >> 1] >> 4 * (place & 1) & _MOST for row, place in zip(self._rows, places, strict=True))

    def _age(self) -> None:
        self._rows = tuple(row.translate(_HALVED) for row in self._rows)
        self._added //= 2
