"""Functions whose every call is an operation.

In: a function, plain, async or a generator. Out: one of the same kind.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from perflab.record.operation import F, Operation

__all__ = ["recorded"]

_Begin = Callable[[tuple[Any, ...], dict[str, Any]], "Operation"]


def recorded(fn: F, new: Callable[[object], Operation], key: object) -> F:
    """Return `fn` with each call inside an operation.

    Parameters
    ----------
    fn
        A function, an async function, or a generator function of either kind. A generator's operation lasts from its
        first item to its end, and is the current one only while the generator's own code runs.
    new
        Makes the operation of one call from its key.
    key
        The key, or a function that computes it from the call's arguments.
    """

    def begin(args: tuple[Any, ...], named: dict[str, Any]) -> Operation:
        return new(key(*args, **named) if callable(key) else key)

    if inspect.isasyncgenfunction(fn):
        return cast("F", _async_generator(fn, begin))
    if inspect.iscoroutinefunction(fn):
        return cast("F", _coroutine(fn, begin))
    if inspect.isgeneratorfunction(fn):
        return cast("F", _generator(fn, begin))

    @functools.wraps(fn)
    def call(*args: Any, **named: Any) -> Any:
        with begin(args, named):
            return fn(*args, **named)

    return cast("F", call)


def _coroutine(fn: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(fn)
    async def call(*args: Any, **named: Any) -> Any:
        with begin(args, named):
            return await fn(*args, **named)

    return call


def _generator(fn: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(fn)
    def call(*args: Any, **named: Any) -> Generator[Any, Any, Any]:
        operation = begin(args, named)
        inner = fn(*args, **named)
        step = functools.partial(next, inner)
        with operation:
            while True:
                try:
                    item = step()
                except StopIteration as stop:
                    return stop.value
                operation.pause()
                try:
                    sent = yield item
                except GeneratorExit:
                    operation.resume()
                    inner.close()
                    raise
                except BaseException as error:
                    operation.resume()
                    step = functools.partial(inner.throw, error)
                else:
                    operation.resume()
                    step = functools.partial(inner.send, sent)

    return call


def _async_generator(fn: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(fn)
    async def call(*args: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        operation = begin(args, named)
        inner = fn(*args, **named)
        step = inner.__anext__
        with operation:
            while True:
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                operation.pause()
                try:
                    sent = yield item
                except GeneratorExit:
                    operation.resume()
                    await inner.aclose()
                    raise
                except BaseException as error:
                    operation.resume()
                    step = functools.partial(inner.athrow, error)
                else:
                    operation.resume()
                    step = functools.partial(inner.asend, sent)

    return call
