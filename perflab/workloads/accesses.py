"""A stream of accesses as caches see them: few keys wanted often, many keys wanted once in a while.

In: how many accesses to how many objects, how skewed, a seed. Out: object numbers.
"""

from __future__ import annotations

import random

from perflab.errors import ConfigError

__all__ = ["zipf"]


def zipf(accesses: int, objects: int, *, exponent: float = 1.0, seed: int = 2026) -> list[int]:
    """Return object numbers from 0, where object `i` is wanted in proportion to `1 / (i + 1) ** exponent`.

    Parameters
    ----------
    accesses
        Length of the stream.
    objects
        Number of different objects.
    exponent
        Skew: 0 wants all alike, 1 is usual for web pages and files (Breslau et al., "Web Caching and Zipf-like
        Distributions", INFOCOM 1999).
    seed
        The same seed gives the same stream on every machine.

    Raises
    ------
    ConfigError
        If there are no objects, or a number is negative.

    Examples
    --------
    >>> stream = zipf(1_000, 50)
    >>> len(stream), stream.count(0) > stream.count(49), stream == zipf(1_000, 50)
    (1000, True, True)
    """
    if objects < 1 or accesses < 0 or exponent < 0:
        raise ConfigError(
            f"{accesses} accesses to {objects} objects with exponent {exponent} are no stream; "
            "give at least one object and no negative number."
        )
    weights = [1 / (rank + 1) ** exponent for rank in range(objects)]
    return random.Random(seed).choices(range(objects), weights, k=accesses)
