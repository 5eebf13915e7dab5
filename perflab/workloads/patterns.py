"""Streams of accesses with a structure that prefetching may find, and one without.

In: a pattern's name, a seed, how long. Out: `Pattern`: streams that take turns, and the size of a cache for them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from perflab.errors import BenchmarkError
from perflab.workloads.accesses import zipf

__all__ = ["PATTERNS", "Pattern", "pattern"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A program's reads.

    Attributes
    ----------
    name : str
        One of `PATTERNS`.
    reads : sequence of (int, str)
        Number of the stream, and the key, in the order in which they happen.
    cached : int
        Entries that the cache holds.
    """

    name: str
    reads: Sequence[tuple[int, str]]
    cached: int

    def by_stream(self) -> dict[int, list[str]]:
        """Return the keys of each stream."""
        found: dict[int, list[str]] = {}
        for stream, key in self.reads:
            found.setdefault(stream, []).append(key)
        return found


def pattern(name: str, *, accesses: int = 40_000, seed: int = 2026, size: float = 1.0) -> Pattern:
    """Return a pattern, the same one for the same seed on every machine.

    Parameters
    ----------
    name
        One of `PATTERNS`.
    accesses
        Reads of all streams.
    seed
        Of keys and choices.
    size
        Scale of the number of keys and of the cache: a small one has fewer first reads in a short time.

    Raises
    ------
    BenchmarkError
        If there is no pattern of this name.

    Examples
    --------
    >>> pattern("loop", accesses=4).reads
    [(0, 'item-0'), (0, 'item-1'), (0, 'item-2'), (0, 'item-3')]
    """
    if name not in PATTERNS:
        raise BenchmarkError(f"{name!r} is no pattern of accesses; choose {', '.join(PATTERNS)}.")
    return PATTERNS[name](accesses, random.Random(seed), size)


def _correlated(accesses: int, chance: random.Random, size: float) -> Pattern:
    """Groups of keys that are always read together, popular ones more often; four programs at a time, with noise.

    Three of four reads go through a group, in its order; the others are of single keys. Names say nothing of it.
    """
    many, rest = round(600 * size), round(1_500 * size)
    names = [f"{chance.getrandbits(48):012x}" for _ in range(6 * many + rest)]
    groups = [names[start : start + 6] for start in range(0, 6 * many, 6)]
    singles = names[6 * many :]
    weights, rare = _weights(len(groups), 0.9), _weights(len(singles), 1.1)

    def program() -> Iterator[str]:
        while True:
            yield from chance.choices(groups, weights)[0]
            yield from chance.choices(singles, rare, k=2)

    return Pattern("correlated", _interleaved([program() for _ in range(4)], accesses, chance), round(1_200 * size))


def _loop(accesses: int, _: random.Random, size: float) -> Pattern:
    """The same items from the first to the last, again and again: twice as many as the cache holds."""
    cached = round(1_000 * size)
    return Pattern("loop", [(0, f"item-{number % (2 * cached)}") for number in range(accesses)], cached)


def _strides(accesses: int, chance: random.Random, size: float) -> Pattern:
    """Walks through the regions of a large field, each region with an even step of its own; two take turns."""
    steps = [chance.choice((1, 2, 3, 5, 7, 11)) for _ in range(16)]
    many = round(64 * size)
    starts = _weights(many, 0.7)

    def walks() -> Iterator[str]:
        while True:
            region = chance.randrange(len(steps))
            start = region * 100_000 + chance.choices(range(many), starts)[0] * 1_000
            yield from (f"cell-{start + number * steps[region]}" for number in range(24))

    def turns() -> Iterator[str]:
        pair = [walks(), walks()]
        while True:
            yield next(pair[chance.randrange(2)])

    return Pattern("strides", _interleaved([turns()], accesses, chance), round(2_000 * size))


def _random(accesses: int, chance: random.Random, size: float) -> Pattern:
    """Independent reads, popular keys more often: there is nothing to learn."""
    return _independent("random", accesses, chance, round(5_000 * size), 0.9, round(500 * size))


def _restart(accesses: int, chance: random.Random, size: float) -> Pattern:
    """Independent reads of a flatter kind, which fill a cache slowly: the program whose restart is warmed."""
    return _independent("restart", accesses, chance, round(4_000 * size), 0.7, round(2_000 * size))


def _independent(name: str, accesses: int, chance: random.Random, many: int, exponent: float, cached: int) -> Pattern:
    keys = [f"{chance.getrandbits(48):012x}" for _ in range(many)]
    drawn = zipf(accesses, many, exponent=exponent, seed=chance.getrandbits(32))
    return Pattern(name, [(0, keys[number]) for number in drawn], cached)


PATTERNS: Mapping[str, Callable[[int, random.Random, float], Pattern]] = {
    "correlated": _correlated,
    "loop": _loop,
    "strides": _strides,
    "random": _random,
    "restart": _restart,
}
"""The patterns by name."""


def _weights(many: int, exponent: float) -> list[float]:
    return [1 / (rank + 1) ** exponent for rank in range(many)]


def _interleaved(programs: Sequence[Iterator[str]], accesses: int, chance: random.Random) -> list[tuple[int, str]]:
    def reads() -> Iterator[tuple[int, str]]:
        while True:
            number = chance.randrange(len(programs))
            yield number, next(programs[number])

    return list(islice(reads(), accesses))
