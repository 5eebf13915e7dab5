"""The policies by name.

In: a name, a class, a cache of cachetools. Out: a function that makes the order of eviction of one tier.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.cache.entry import UNBOUNDED
from perflab.cache.policy.foreign import Foreign
from perflab.cache.policy.gdsf import GDSF
from perflab.cache.policy.lfu import LFU
from perflab.cache.policy.protocol import Policy
from perflab.cache.policy.queues import FIFO, LRU
from perflab.cache.policy.s3fifo import S3FIFO
from perflab.cache.policy.sieve import Sieve
from perflab.cache.policy.tinylfu import TinyLFU
from perflab.errors import ConfigError

if TYPE_CHECKING:
    import cachetools  # it is loaded only for those who use a cache of it

__all__ = ["POLICIES", "Choice", "choose"]

POLICIES: Mapping[str, Callable[[], Policy]] = {
    "lru": LRU,
    "fifo": FIFO,
    "lfu": LFU,
    "sieve": Sieve,
    "s3fifo": S3FIFO,
    "tinylfu": TinyLFU,
    "gdsf": GDSF,
}
"""Name -> what makes the policy."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a tier takes over from the policy that it was given.

    Attributes
    ----------
    make
        Makes the order of eviction.
    bound
        Bound that a cache of cachetools has of its own, in entries, or in the unit of `weigh`.
    weigh
        `weigh(key, value)` by the `getsizeof` of such a cache, or None.
    lifetime
        `lifetime(key, value)` -> seconds that an entry stays by such a cache, or None.
    """

    make: Callable[[], Policy]
    bound: int = UNBOUNDED
    weigh: Callable[[Hashable, Any], int] | None = None
    lifetime: Callable[[Hashable, Any], float] | None = None


def choose(policy: object) -> Choice:
    """Return what a name, a class of policies, or a cache or class of cachetools stands for.

    A cache of cachetools keeps its bound. One that knows times gives its times to live, and is least recently used for
    the rest.

    Raises
    ------
    ConfigError
        If it is nothing of these.

    Examples
    --------
    >>> choose("sieve").make
    <class 'perflab.cache.policy.sieve.Sieve'>
    """
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ConfigError(f"policy is {policy!r}; it must be one of {', '.join(POLICIES)}")
        return Choice(POLICIES[policy])
    known = sys.modules.get("cachetools")  # whoever has a cache of it has loaded it
    if known is not None and isinstance(policy, known.Cache):
        return _of_cache(policy)
    if known is not None and isinstance(policy, type) and issubclass(policy, known.Cache):
        return _of_class(policy)
    if callable(policy):
        return Choice(policy)
    raise ConfigError(f"policy is {policy!r}; it must be a name, a function that makes one, or a cache of cachetools")


def _of_class(kind: type[cachetools.Cache[Any, Any]]) -> Choice:
    try:
        kind(math.inf)
    except TypeError as error:
        raise ConfigError(
            f"policy is the class {kind.__name__}, which needs more than a size; give an empty cache of it instead"
        ) from error
    return Choice(lambda: Foreign(kind(math.inf)))


def _of_cache(cache: Any) -> Choice:
    import cachetools

    if len(cache):
        raise ConfigError(f"policy is a {type(cache).__name__} with entries; it must be empty")
    bound = UNBOUNDED if cache.maxsize == math.inf else int(cache.maxsize)
    weigh = None if cache.getsizeof is cachetools.Cache.getsizeof else _sizes_of(cache)
    lifetime = _lifetimes_of(cache)
    return Choice(LRU if lifetime else lambda: Foreign(cache), bound, weigh, lifetime)


def _sizes_of(cache: Any) -> Callable[[Hashable, Any], int]:
    return lambda _, value: cache.getsizeof(value)


def _lifetimes_of(cache: Any) -> Callable[[Hashable, Any], float] | None:
    if hasattr(cache, "ttu"):

        def left(key: Hashable, value: Any) -> float:
            now = cache.timer()
            return max(0.0, float(cache.ttu(key, value, now) - now))

        return left
    return (lambda *_: float(cache.ttl)) if hasattr(cache, "ttl") else None
