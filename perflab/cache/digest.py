"""What a callable does, as a digest: the same code with the same surroundings has the same one.

In: a function, method, partial, class or callable object. Out: 32 hexadecimal digits.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

from perflab.cache import codec
from perflab.errors import StoreError

__all__ = ["callable_digest"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)


def callable_digest(fn: Callable[..., Any]) -> str:
    """Return a digest of what a callable does.

    Covered are the bytecode with its constants and nested code, defaults, closure values, the parts of a partial, the
    instance of a bound method, and, through all of them, the functions and classes of the same module and the plain
    constants that the code names as globals. The bytecode stands for the source because it is what runs: a file that
    was edited after its import changes the source text that Python shows and not what is executed, and a worker process
    has the bytecode of a notebook's function but not its cell. Comments and line numbers do not count.

    Not seen are functions of other modules, mutable globals, attributes reached through objects, and data that the code
    reads. Another Python version gives another digest.

    Examples
    --------
    >>> callable_digest(lambda x: x + 1) == callable_digest(lambda x: x + 1)
    True
    >>> callable_digest(lambda x: x + 1) == callable_digest(lambda x: x + 2)
    False
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in _parts(fn, set()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield bytes that tell what a value is; code is followed, each object once."""
    if isinstance(value, types.MethodType):
        yield b"method"
        yield from _parts(value.__func__, seen)
        yield from _parts(value.__self__, seen)
    elif isinstance(value, functools.partial):
        yield b"partial"
        for part in (value.func, value.args, value.keywords):
            yield from _parts(part, seen)
    elif isinstance(value, types.FunctionType | type):
        if id(value) in seen:
            yield b"seen"
            return
        seen.add(id(value))
        yield from _class(value, seen) if isinstance(value, type) else _function(value, seen)
    else:
        yield from _other(value, seen)


def _function(fn: types.FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield b"function"
    yield from _code(fn.__code__)
    yield from _parts(fn.__defaults__, seen)
    yield from _parts(fn.__kwdefaults__, seen)
    for cell in fn.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:
            yield b"empty"
    for name in sorted(set(_names(fn.__code__))):
        used = fn.__globals__.get(name)
        if _is_own(used, fn.__module__) or (used is not None and type(used) in _PLAIN):
            yield name.encode("utf-8", "surrogatepass")
            yield from _parts(used, seen)


def _class(cls: type, seen: set[int]) -> Iterator[bytes]:
    yield f"class {cls.__module__}.{cls.__qualname__}".encode()
    for name, member in sorted(vars(cls).items()):
        for fn in _functions_of(member):
            yield name.encode("utf-8", "surrogatepass")
            yield from _parts(fn, seen)
    for base in cls.__bases__:
        if _is_own(base, cls.__module__):
            yield from _parts(base, seen)


def _functions_of(member: object) -> list[types.FunctionType]:
    found = [getattr(member, name, None) for name in ("__func__", "fget", "fset", "fdel", "func")]
    return [fn for fn in (member, *found) if isinstance(fn, types.FunctionType)]


def _code(code: types.CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)).encode()
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        yield codec.encode(names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        else:
            yield _plain(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _is_own(value: object, module: str) -> bool:
    return isinstance(value, types.FunctionType | type) and value.__module__ == module


def _other(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield bytes of data, of a container that holds code, or of an object that is called through its class."""
    stands_for = getattr(type(value), "digest_as", None)
    if isinstance(stands_for, str):  # what records a function does not change its value, and changes all the time
        yield stands_for.encode()
        return
    try:
        yield codec.encode(value)
        return
    except StoreError:
        kind = type(value)
    if id(value) in seen:
        yield b"seen"
        return
    seen.add(id(value))
    if kind in (tuple, list, dict):
        yield f"{kind.__name__} {len(value)}".encode()
        for item in itertools.chain.from_iterable(value.items()) if kind is dict else value:
            yield from _parts(item, seen)
    elif isinstance(value, types.BuiltinFunctionType):
        yield f"builtin {value.__module__}.{value.__qualname__}".encode()
    elif hasattr(value, "__dict__") and kind.__module__ != "builtins":
        yield from _parts(kind, seen)
        yield from _parts(vars(value), seen)
    else:
        yield f"{kind.__module__}.{kind.__qualname__} {value!r}".encode("utf-8", "surrogatepass")


def _plain(constant: object) -> bytes:
    try:
        return codec.encode(constant)
    except StoreError:
        return repr(constant).encode("utf-8", "surrogatepass")  # Ellipsis, and tuples that hold it
