"""The name of a call: which result of which code it asks for.

In: a function and the arguments of a call. Out: the text under which the result is cached, the same in every process.

The text is a digest of canonical bytes, and making it takes some 10 us. Calls with arguments whose equality means the
same bytes find theirs again through `functools.lru_cache`, in 0.1 us; tuples of them are opened first, in 2 us.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import reprlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from perflab.cache.codec import values as codec
from perflab.cache.functions.bindings import Bindings
from perflab.cache.functions.digest import digest_of
from perflab.cache.functions.flat import MOST, flat, is_quick, nested
from perflab.cache.functions.instances import Token
from perflab.errors import ConfigError, StoreError

__all__ = ["UNREAD", "Call", "Calls", "Code", "SlowArgumentsError"]

QUICK_CALLS = 10_000
"""Calls of a function whose names are kept at hand."""
REMEMBERED_CALLS = 1_000
"""Calls of a function whose arguments are remembered, to say what another call differs in."""


class SlowArgumentsError(Exception):
    """Arguments whose equality does not tell that they have the same bytes, or code that was not read yet.

    Attributes
    ----------
    key : str, optional
        The key of the call, where it was found in another way.
    """

    def __init__(self, key: str | None = None) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its key, and a digest and a short text of each argument by name."""

    key: str
    digests: Mapping[str, bytes]
    texts: Mapping[str, str]

    def differing(self, other: Call) -> list[str]:
        """Return the names of the arguments that are not the same in another call."""
        names = dict.fromkeys([*self.digests, *other.digests])
        return [name for name in names if self.digests.get(name) != other.digests.get(name)]


@dataclass(eq=False, slots=True)
class Code:
    """What a function is now.

    Attributes
    ----------
    prefix
        Module, name and digest, with which the keys of its calls begin.
    same
        Tells if nothing that the digest covers was bound anew; may also say so with a KeyError or a ValueError.
    key_of
        The quick way from arguments to the key; it raises SlowArgumentsError or TypeError where there is none.
    """

    prefix: str
    same: Callable[[], bool]
    key_of: Callable[..., str]
    bindings: Bindings

    def stands(self) -> bool:
        """Tell if nothing that the digest covers was bound anew."""
        try:
            return self.same()
        except (KeyError, ValueError):
            return False


def _unread(*_: Any, **__: Any) -> str:
    raise SlowArgumentsError


UNREAD = Code("", bool, _unread, Bindings())
"""The code of a function before its first call."""


class Calls:
    """Names the calls of one function.

    Parameters
    ----------
    fn
        The function; a call that does not fit its signature raises TypeError.
    key
        Makes plain data that stands for the arguments; None: they do so themselves.

    Raises
    ------
    ConfigError
        If the function has no signature, and there is no `key`.
    """

    def __init__(self, fn: Callable[..., Any], name: str, key: Callable[..., object] | None) -> None:
        self._signature = inspect.Signature() if key is not None else _signature(fn, name)
        self._name = name
        self._key = key
        # Each step on it is one of the interpreter's: no lock, which a fork could leave held.
        self._remembered: OrderedDict[str, Call] = OrderedDict()

    def read(self, *parts: object) -> Code:
        """Return what the function is now; `parts` is what its digest is of."""
        digest, bindings = digest_of(*parts)
        prefix = f"{self._name}#{digest}#"
        return Code(prefix, bindings.check(), self._quick(prefix), bindings)

    def stand_for(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Return what stands for the arguments of a call: they themselves, or what `key` makes of them."""
        return (args, kwargs) if self._key is None else ((self._key(*args, **kwargs),), {})

    def key(self, prefix: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return the key of a call by what stands for its arguments, and remember the call."""
        stands_for = self._arguments(args, kwargs)
        digests = self._digests(stands_for)
        key = prefix + _joined(digests)
        if key in self._remembered:
            with contextlib.suppress(KeyError):  # another thread's call took its place
                self._remembered.move_to_end(key)
            return key
        self._remembered[key] = Call(key, digests, {name: _SHORT.repr(value) for name, value in stands_for.items()})
        if len(self._remembered) > REMEMBERED_CALLS:
            self._remembered.popitem(last=False)
        return key

    def describe(self, prefix: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Return a call by what stands for its arguments, and do not remember it."""
        stands_for = self._arguments(args, kwargs)
        digests = self._digests(stands_for)
        texts = {name: _SHORT.repr(value) for name, value in stands_for.items()}
        return Call(prefix + _joined(digests), digests, texts)

    def remembered(self) -> list[Call]:
        """Return the calls that are remembered, latest last."""
        return list(self._remembered.values())

    def _quick(self, prefix: str) -> Callable[..., str]:
        # Types are part of its keys, so that 1, 1.0 and True are three. Only what passes `is_quick` is ever kept in it,
        # and an argument equal to that and of the same type has the same bytes.
        @functools.lru_cache(QUICK_CALLS, typed=True)
        def key_of(*args: Any, **kwargs: Any) -> str:
            if all(map(is_quick, args)) and all(map(is_quick, kwargs.values())):
                return self.key(prefix, args, kwargs)
            opened = flat(args, kwargs)
            raise SlowArgumentsError(key_of_flat(*opened) if len(opened) <= MOST else None)

        @functools.lru_cache(QUICK_CALLS, typed=True)
        def key_of_flat(*opened: Any) -> str:
            if all(map(is_quick, opened)):
                return self.key(prefix, *nested(list(opened)))
            raise SlowArgumentsError

        make = self._key
        return key_of if make is None else lambda *args, **kwargs: key_of(make(*args, **kwargs))

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if self._key is not None:
            return {"key": args[0]}
        bound = self._signature.bind(*(arg.plain if type(arg) is Token else arg for arg in args), **kwargs)
        bound.apply_defaults()
        named = {name: p for name, p in self._signature.parameters.items() if p.kind is p.VAR_KEYWORD}
        return {name: sorted(value.items()) if name in named else value for name, value in bound.arguments.items()}

    def _digests(self, arguments: Mapping[str, Any]) -> dict[str, bytes]:
        try:
            return {
                name: hashlib.blake2b(codec.encode([name, value]), digest_size=16).digest()
                for name, value in arguments.items()
            }
        except StoreError as error:
            raise StoreError(
                f"A call of {self._name} cannot be cached by its arguments ({str(error).rstrip('.')}); give key=."
            ) from error


def _signature(fn: Callable[..., Any], name: str) -> inspect.Signature:
    try:
        return inspect.signature(fn)
    except ValueError as error:
        raise ConfigError(f"{name} does not tell its arguments, as some builtins do not; give key=.") from error


def _joined(digests: Mapping[str, bytes]) -> str:
    return hashlib.blake2b(b"".join(digests.values()), digest_size=16).hexdigest()


class _Short(reprlib.Repr):
    """Short texts of arguments; objects whose `repr` may be long in the making are named by their class."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60

    def repr_instance(self, x: Any, level: int) -> str:  # noqa: ARG002 - the signature is reprlib's
        return f"<{type(x).__qualname__}>"


_SHORT = _Short()
