"""Results of functions in a cache.

In: a function and a `TieredCache`. Out: the function, which computes a result once as long as its code stays the same.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from perflab.cache import codec
from perflab.cache.digest import callable_digest
from perflab.cache.entry import checked_ttl
from perflab.cache.tiered import TieredCache
from perflab.errors import ConfigError, StoreError

__all__ = ["CacheInfo", "Cached", "cached", "callable_digest"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Counts over the recorded rows of one function; `hit_rate` is NaN without calls."""

    hits: int
    misses: int
    loads: int
    hit_rate: float


class Cached(Protocol[P, R_co]):
    """A function whose results are cached."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the cached result, or compute it."""

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key that a call is cached under."""

    def cache_info(self) -> CacheInfo:
        """Return the function's counts, computed from the recorder's `accesses` frame."""

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result of one call; False if there was none."""


@overload
def cached(
    cache: TieredCache, fn: Callable[P, R], *, ttl: float | None = None, key: Callable[..., object] | None = None
) -> Cached[P, R]: ...
@overload
def cached(
    cache: TieredCache, fn: None = None, *, ttl: float | None = None, key: Callable[..., object] | None = None
) -> Callable[[Callable[P, R]], Cached[P, R]]: ...
def cached(
    cache: TieredCache,
    fn: Callable[P, R] | None = None,
    *,
    ttl: float | None = None,
    key: Callable[..., object] | None = None,
) -> Cached[P, R] | Callable[[Callable[P, R]], Cached[P, R]]:
    """Cache the results of a function, sync or async; threads that miss one result at once share one call.

    Of an async function the tasks of one event loop share a call; each other loop makes its own. `invalidate` during a
    call wins: its result goes to those who wait for it, and is not kept.

    A result is filed under the function's module and name, `callable_digest` of its code, and its arguments, with
    defaults filled in, so that `f(1)`, `f(x=1)` and `f(1, y=<its default>)` are one. `1`, `1.0` and `True` are three.
    None is a result like any other; exceptions are not cached. Use as `cached(cache, fn)` or `@cached(cache)`.

    Parameters
    ----------
    ttl
        Seconds that a result lives; None: no end of its own.
    key
        `key(*args, **kwargs)` -> plain data that stands for the arguments, where they are of other types.

    Raises
    ------
    ConfigError
        If the function is a generator, whose items could be read once only.
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
    if fn is None:
        return lambda fn: cached(cache, fn, ttl=ttl, key=key)
    checked_ttl(ttl)
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise ConfigError(f"{fn!r} is a generator; cache a function that returns a list of its items instead")
    keys = _Keys(fn, key)
    wrap = _async_wrapper if inspect.iscoroutinefunction(fn) else _sync_wrapper
    wrapper = wrap(cache, fn, keys, ttl)
    return cast("Cached[P, R]", _with_methods(wrapper, cache, keys))


class _Keys:
    def __init__(self, fn: Callable[..., Any], key: Callable[..., object] | None) -> None:
        self._fn = fn
        self._key = key
        self._signature = inspect.signature(fn)
        self.name = f"{fn.__module__}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"

    @functools.cached_property
    def prefix(self) -> str:
        # At the first call and not at the definition: functions that it calls may be defined after it.
        return f"{self.name}#{callable_digest(self._fn)}#"

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        stands_for = self._arguments(args, kwargs) if self._key is None else self._key(*args, **kwargs)
        try:
            data = codec.encode(stands_for)
        except StoreError as error:
            raise StoreError(
                f"A call of {self.name} cannot be cached by its arguments ({str(error).rstrip('.')}); give key=."
            ) from error
        return self.prefix + hashlib.blake2b(data, digest_size=16).hexdigest()

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parameters = self._signature.parameters
        return [
            (name, sorted(value.items()) if parameters[name].kind is inspect.Parameter.VAR_KEYWORD else value)
            for name, value in bound.arguments.items()
        ]


def _sync_wrapper(cache: TieredCache, fn: Callable[..., Any], keys: _Keys, ttl: float | None) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return cache.get_or_load(keys.of(args, kwargs), lambda: fn(*args, **kwargs), ttl=ttl)

    return wrapper


def _async_wrapper(cache: TieredCache, fn: Callable[..., Any], keys: _Keys, ttl: float | None) -> Callable[..., Any]:
    @functools.wraps(fn)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await cache.aget_or_load(keys.of(args, kwargs), lambda: fn(*args, **kwargs), ttl=ttl)

    return wrapper


def _with_methods(wrapper: Callable[..., Any], cache: TieredCache, keys: _Keys) -> Callable[..., Any]:
    methods: dict[str, Callable[..., Any]] = {
        "cache_key": lambda *args, **kwargs: keys.of(args, kwargs),
        "cache_info": lambda: _info(cache, keys.prefix),
        "invalidate": lambda *args, **kwargs: cache.delete(keys.of(args, kwargs)),
    }
    for name, method in methods.items():
        setattr(wrapper, name, method)
    return wrapper


def _info(cache: TieredCache, prefix: str) -> CacheInfo:
    frame = cache.recorder.frames.accesses
    counts = frame.loc[frame["key"].str.startswith(prefix, na=False), "event"].value_counts()
    hits, misses, loads = (int(counts.get(event, 0)) for event in ("hit", "miss", "load"))
    return CacheInfo(hits, misses, loads, hits / (hits + misses) if hits + misses else float("nan"))
