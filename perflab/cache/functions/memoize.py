"""Results of functions in a cache.

In: a function and a `TieredCache`. Out: the function, which computes a result once as long as its code stays the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast, overload

from perflab.cache.entry import checked_ttl
from perflab.cache.functions.cached import AsyncCached, Cached
from perflab.cache.tiers.tiered import TieredCache
from perflab.errors import ConfigError

__all__ = ["cached"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def cached(
    cache: TieredCache,
    fn: Callable[P, R],
    *,
    ttl: float | None = None,
    key: Callable[..., object] | None = None,
    tier: str = "l3",
    cost: float | None = None,
    side_effect_free: bool = False,
) -> Cached[P, R]: ...
@overload
def cached(
    cache: TieredCache,
    fn: None = None,
    *,
    ttl: float | None = None,
    key: Callable[..., object] | None = None,
    tier: str = "l3",
    cost: float | None = None,
    side_effect_free: bool = False,
) -> Callable[[Callable[P, R]], Cached[P, R]]: ...
def cached(
    cache: TieredCache,
    fn: Callable[P, R] | None = None,
    *,
    ttl: float | None = None,
    key: Callable[..., object] | None = None,
    tier: str = "l3",
    cost: float | None = None,
    side_effect_free: bool = False,
) -> Cached[P, R] | Callable[[Callable[P, R]], Cached[P, R]]:
    """Cache the results of a function, sync or async; threads that miss one result at once share one call.

    Of an async function the tasks of one event loop share a call; each other loop makes its own. `invalidate` during a
    call wins: its result goes to those who wait for it, and is not kept. So does a change of the code during a call.

    A result is filed under the function's module and name, `callable_digest` of its code, and its arguments, with
    defaults filled in, so that `f(1)`, `f(x=1)` and `f(1, y=<its default>)` are one. `1`, `1.0` and `True` are three.
    None is a result like any other; exceptions are not cached. Use as `cached(cache, fn)` or `@cached(cache)`.

    The digest is taken at the first call, and again at the next call after something that it covers was bound anew: a
    global name or a closure variable that the function, or one that it calls in its module, reads, or their code. Each
    call checks that, at some 15 ns a name. What changes in place, such as a list or an attribute, is not noticed.

    In a class it caches methods, class methods and static methods. An instance, or a class, counts as itself: two that
    are equal have results of their own, which are not found any more when it is gone, nor in another process. It is not
    kept alive. With `key`, instances that give the same key share results. The digest covers the functions of the class
    that the method is defined in.

    Parameters
    ----------
    ttl
        Seconds that a result lives; None: no end of its own.
    key
        `key(*args, **kwargs)` -> plain data that stands for the arguments, where they are of other types; of a method
        the first one is the instance.
    tier
        `"l1"`: results are kept in memory alone, in l1 and what it demotes in l2; `"l3"`: on disk too. Results that
        belong to an instance as such are in memory alone in any case.
    cost
        What computing a result costs, for eviction by cost: seconds, or any weight; None: the seconds that it took.
    side_effect_free
        The function does nothing but return its result, so that it may be called again with arguments that it had
        before, in another thread and before anybody asks; see `perflab.optimize.Prefetcher`.

    Raises
    ------
    ConfigError
        If the function is a generator, whose items could be read once only, or does not tell its arguments and there is
        no `key`; or `ttl`, `tier` or `cost` is not allowed; or an async function is declared `side_effect_free`.
    StoreError
        At a call, if an argument is of a type that has no canonical bytes.

    Examples
    --------
    >>> from perflab.cache import MemoryCache, TTLCache
    >>> cache = TieredCache(MemoryCache(10_000), TTLCache(10_000), None)
    >>> @cached(cache)
    ... def double(x, times=2):
    ...     return x * times
    >>> double(4), double(x=4), double.invalidate(4), double.invalidate(4)
    (8, 8, True, False)
    """
    options: dict[str, Any] = {"ttl": ttl, "key": key, "tier": tier, "cost": cost, "side_effect_free": side_effect_free}
    if fn is None:
        return lambda fn: cached(cache, fn, **options)
    if isinstance(fn, staticmethod):
        return cast("Cached[P, R]", staticmethod(cached(cache, fn.__func__, **options)))
    inner = cast("Callable[P, R]", fn.__func__) if isinstance(fn, classmethod) else fn
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise ConfigError(f"{inner!r} is a generator; cache a function that returns a list of its items instead")
    if tier not in ("l1", "l3"):
        raise ConfigError(f"tier is {tier!r}; it must be 'l1' for memory alone, or 'l3' for disk too")
    if side_effect_free and inspect.iscoroutinefunction(inner):
        raise ConfigError(f"{inner!r} is async and cannot be called ahead in a thread; leave out side_effect_free")
    kind: type[Cached[Any, Any]] = AsyncCached if inspect.iscoroutinefunction(inner) else Cached
    of_class = isinstance(fn, classmethod)
    return kind(cache, inner, key=key, in_memory=tier == "l1", of_class=of_class, **_terms(ttl, cost, side_effect_free))


def _terms(ttl: float | None, cost: float | None, side_effect_free: bool) -> dict[str, Any]:
    """Return what `get_or_load` is told with each call."""
    checked_ttl(ttl)
    terms: dict[str, Any] = {"ttl": ttl, "side_effect_free": True} if side_effect_free else {"ttl": ttl}
    if cost is None:
        return terms
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not cost >= 0:
        raise ConfigError(f"cost is {cost!r}; it must be a number, 0 or more, or None for the measured seconds")
    return {**terms, "cost": cost}
