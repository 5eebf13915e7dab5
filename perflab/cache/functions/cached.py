"""Functions whose results are cached, and methods.

In: calls. Out: results, from the cache or computed; and what the cache knows about a call.
"""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast, overload

from perflab.cache.functions.calls import UNREAD, Call, Calls, Code, SlowArgumentsError
from perflab.cache.functions.explain import Explanation, explain
from perflab.cache.functions.instances import Token, token_of
from perflab.cache.mapping import MISSING
from perflab.cache.tiers.tiered import TieredCache

__all__ = ["AsyncCached", "BoundCached", "CacheInfo", "Cached"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Args = tuple[Any, ...]

_NOT_QUICK = (TypeError, KeyError, ValueError, RecursionError)
_LATEST = 100
"""Codes of one function whose rows are counted, where a name that it reads is bound anew all the time."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Counts over the recorded rows of one function; `hit_rate` is NaN without calls."""

    hits: int
    misses: int
    loads: int
    hit_rate: float


class Cached(Generic[P, R_co]):
    """A function whose results are cached; `cached` makes it and tells how.

    As a method it is bound to an instance (`page.text.explain(2)`) that is left out of the arguments.
    """

    # Attributes in slots are found faster than those in a dict, at every hit.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_aged",
        "_by_instance",
        "_cache",
        "_calls",
        "_changes",
        "_code",
        "_in_memory",
        "_name",
        "_of_class",
        "_owner",
        "_quick",
        "_terms",
    )
    __wrapped__: Callable[P, R_co]

    def __init__(
        self,
        cache: TieredCache,
        fn: Callable[P, R_co],
        *,
        key: Callable[..., object] | None = None,
        in_memory: bool = False,
        of_class: bool = False,
        **terms: Any,
    ) -> None:
        functools.update_wrapper(self, fn)
        self._cache = cache
        self._quick = cache.held
        self._terms = terms
        self._aged = terms.get("ttl") is not None
        self._in_memory = in_memory
        self._by_instance = key is None
        self._of_class = of_class
        self._owner: type | None = None
        module, qualname = getattr(fn, "__module__", "builtins"), getattr(fn, "__qualname__", type(fn).__qualname__)
        self._name = f"{module}.{qualname}"
        self._calls = Calls(fn, self._name, key)
        # At the first call, not at the definition: functions that it calls may be defined after it.
        self._code = UNREAD
        self._changes: deque[tuple[str, tuple[str, ...]]] = deque(maxlen=_LATEST)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the cached result, or compute it."""
        # The same as `_find`, which would be one call more.
        try:
            code = self._code
            if code.same():
                key = code.key_of(*args, **kwargs) if kwargs else code.key_of(*args)
                value = MISSING if self._aged and self._cache.refresh_ratio else self._quick(key, MISSING)
                if value is not MISSING:
                    return cast("R_co", value)
        except SlowArgumentsError as slow:
            value = self._held(slow.key)
            if value is not MISSING:
                return cast("R_co", value)
        except _NOT_QUICK:
            pass
        return cast("R_co", self._load(self._named(args), args, kwargs))

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key that a call is cached under."""
        return self._described(self._named(args), kwargs).key

    def cache_info(self) -> CacheInfo:
        """Return the function's counts, computed from the recorder's `accesses` frame."""
        frame = self._cache.recorder.frames.select("accesses", ["key", "event"], event=("hit", "miss", "load"))
        prefixes = tuple(prefix for prefix, _ in tuple(self._changes))
        counts = frame.loc[frame["key"].str.startswith(prefixes, na=False), "event"].value_counts()
        hits, misses, loads = (int(counts.get(event, 0)) for event in ("hit", "miss", "load"))
        return CacheInfo(hits, misses, loads, hits / (hits + misses) if hits + misses else float("nan"))

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Return why a call would hit or miss now, and why its last miss was one; nothing is computed."""
        return self._explain(self._named(args), kwargs)

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result of one call; False if there was none."""
        return self._invalidate(self._named(args), kwargs)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> BoundCached[R_co]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Self | BoundCached[R_co]:
        """Bind the method to an instance, or to the class of a class method."""
        if self._of_class:
            return BoundCached(self, type(instance) if owner is None else owner)
        return self if instance is None else BoundCached(self, instance)

    def __set_name__(self, owner: type, name: str) -> None:
        if self._owner is None:
            self._owner = owner

    def __reduce__(self) -> str:
        """Travel by name, as functions do."""
        return cast("str", getattr(self, "__qualname__", self._name))

    def __repr__(self) -> str:
        return f"<cached {self._name}>"

    def _answer(self, instance: object, args: Args, kwargs: Mapping[str, Any]) -> Any:
        named = (token_of(instance) if self._by_instance else instance, *args)
        value = self._find(named, kwargs)
        return self._load(named, (instance, *args), kwargs) if value is MISSING else value

    def _find(self, named: Args, kwargs: Mapping[str, Any]) -> Any:
        """Return a result that the first tier holds, the quick way, or MISSING and nothing is recorded."""
        try:
            code = self._code
            if code.same():
                return self._held(code.key_of(*named, **kwargs))
        except SlowArgumentsError as slow:
            return self._held(slow.key)
        except _NOT_QUICK:
            pass
        return MISSING

    def _held(self, key: str | None) -> Any:
        # What has a time to live may be due for a refresh, which `get_or_load` sees to.
        return MISSING if key is None or (self._aged and self._cache.refresh_ratio) else self._quick(key, MISSING)

    def _load(self, named: Args, args: Args, kwargs: Mapping[str, Any]) -> Any:
        code, key = self._key(named, kwargs)

        def load() -> Any:
            return self._kept(self.__wrapped__(*args, **kwargs), code, key)

        return self._cache.get_or_load(key, load, tier=self._tier(named), **self._terms)

    def _kept(self, value: object, code: Code, key: str) -> object:
        """Return a computed result; that of code which has changed meanwhile is not to be stored."""
        # Computed half by the old code and half by the new; what is deleted during its load is not kept.
        if not code.stands():
            self._cache.delete(key)
        return value

    def _tier(self, named: Args) -> str:
        """Return the tier that results of a call may go to."""
        # No other process, and not this one's next run, will ever ask by the same token.
        by_token = bool(named) and type(named[0]) is Token
        return "l1" if self._in_memory or by_token else "l3"

    def _key(self, named: Args, kwargs: Mapping[str, Any]) -> tuple[Code, str]:
        code = self._read()
        try:
            return code, code.key_of(*named, **kwargs)
        except SlowArgumentsError as slow:
            if slow.key is not None:
                return code, slow.key
        except (TypeError, RecursionError):
            pass
        return code, self._calls.key(code.prefix, *self._calls.stand_for(named, kwargs))

    def _read(self) -> Code:
        """Return what the function is now."""
        code = self._code
        if not code.stands():
            names = code.bindings.changed()
            # Without a lock, which a fork could leave held: threads that read at once do so in vain, and no harm.
            self._code = code = self._calls.read(self.__wrapped__, self._owner)
            self._changes.append((code.prefix, names))
        return code

    def _described(self, named: Args, kwargs: Mapping[str, Any]) -> Call:
        return self._calls.describe(self._read().prefix, *self._calls.stand_for(named, kwargs))

    def _explain(self, named: Args, kwargs: Mapping[str, Any]) -> Explanation:
        call = self._described(named, kwargs)
        return explain(self._cache, self._name, call, self._calls.remembered(), dict(self._changes))

    def _invalidate(self, named: Args, kwargs: Mapping[str, Any]) -> bool:
        return self._cache.delete(self._described(named, kwargs).key)

    def _named(self, args: Args) -> Args:
        """Return the arguments of a call that came unbound: the first may be the instance of a method, or a class."""
        if args and (self._owner is not None or isinstance(args[0], type)):
            return self._bound(args[0], args[1:])
        return args

    def _bound(self, instance: object, args: Args) -> Args:
        return (token_of(instance) if self._by_instance else instance, *args)


class AsyncCached(Cached[P, R_co]):
    """An async function whose results are cached."""

    __slots__ = ()

    async def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:  # type: ignore[override]  # R_co is a coroutine
        """Return the cached result, or compute it."""
        named = self._named(args)
        value = self._find(named, kwargs)
        return await self._load(named, args, kwargs) if value is MISSING else value

    async def _answer(self, instance: object, args: Args, kwargs: Mapping[str, Any]) -> Any:
        named = self._bound(instance, args)
        value = self._find(named, kwargs)
        return await self._load(named, (instance, *args), kwargs) if value is MISSING else value

    async def _load(self, named: Args, args: Args, kwargs: Mapping[str, Any]) -> Any:
        code, key = self._key(named, kwargs)

        async def load() -> Any:
            return self._kept(await cast("Any", self.__wrapped__(*args, **kwargs)), code, key)

        return await self._cache.aget_or_load(key, load, tier=self._tier(named), **self._terms)


class BoundCached(Generic[R_co]):
    """A cached method with its instance, or a cached class method with its class."""

    __slots__ = ("__func__", "__self__")

    def __init__(self, method: Cached[Any, R_co], instance: object) -> None:
        self.__func__ = method
        self.__self__ = instance

    def __call__(self, /, *args: Any, **kwargs: Any) -> R_co:
        """Return the cached result of this instance, or compute it."""
        return cast("R_co", self.__func__._answer(self.__self__, args, kwargs))

    def cache_key(self, *args: Any, **kwargs: Any) -> str:
        """Return the key that a call is cached under."""
        return self.__func__._described(self.__func__._bound(self.__self__, args), kwargs).key

    def cache_info(self) -> CacheInfo:
        """Return the counts of the method, those of other instances included."""
        return self.__func__.cache_info()

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """Return why a call would hit or miss now; nothing is computed."""
        return self.__func__._explain(self.__func__._bound(self.__self__, args), kwargs)

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        """Forget the result of one call; False if there was none."""
        return self.__func__._invalidate(self.__func__._bound(self.__self__, args), kwargs)

    @property
    def __wrapped__(self) -> types.MethodType:
        """The method that is not cached, bound; from it comes the signature."""
        return types.MethodType(self.__func__.__wrapped__, self.__self__)

    def __repr__(self) -> str:
        return f"<cached {self.__func__._name} of {self.__self__!r}>"
