"""What a callable does, as a digest: the same code with the same surroundings has the same one.

In: a function, method, partial, class or callable object. Out: 32 hexadecimal digits, and the names they depend on.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from perflab.cache.codec import values as codec
from perflab.cache.functions.bindings import ABSENT, Bindings, assigned_cells, global_names
from perflab.errors import StoreError

__all__ = ["callable_digest", "digest_of"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)


def callable_digest(fn: Callable[..., Any]) -> str:
    """Return a digest of what a callable does.

    Covered are the bytecode with its constants and nested code, defaults, closure values, the parts of a partial, the
    instance of a bound method, and, through all of them, the functions and classes of the same module and the plain
    constants that the code names as globals; of functions, classes and modules from elsewhere their name. The bytecode
    stands for the source because it is what runs: a file that was edited after its import changes the source text that
    Python shows and not what is executed, and a worker process has the bytecode of a notebook's function but not its
    cell. Comments and line numbers do not count, nor do globals and closure values that the code itself assigns.

    Not seen are the code of other modules, mutable globals, attributes reached through objects, and data that the code
    reads. Another Python version gives another digest.

    Examples
    --------
    >>> callable_digest(lambda x: x + 1) == callable_digest(lambda x: x + 1)
    True
    >>> callable_digest(lambda x: x + 1) == callable_digest(lambda x: x + 2)
    False
    """
    return digest_of(fn)[0]


def digest_of(*parts: object) -> tuple[str, Bindings]:
    """Return one digest of callables, and the names, cells and code that it was made from."""
    digest, walk = hashlib.blake2b(digest_size=16), _Walk()
    for value in parts:
        for part in _parts(value, walk):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest(), walk.bindings


@dataclass(slots=True)
class _Walk:
    """The objects that were followed, each once, and what their code reads."""

    seen: set[int] = field(default_factory=set)
    bindings: Bindings = field(default_factory=Bindings)

    def enter(self, value: object) -> bool:
        if id(value) in self.seen:
            return False
        self.seen.add(id(value))
        return True


def _parts(value: Any, walk: _Walk) -> Iterator[bytes]:
    """Yield bytes that tell what a value is; code is followed, each object once."""
    if isinstance(value, types.MethodType):
        yield b"method"
        yield from _parts(value.__func__, walk)
        yield from _parts(value.__self__, walk)
    elif isinstance(value, functools.partial):
        yield b"partial"
        for part in (value.func, value.args, value.keywords):
            yield from _parts(part, walk)
    elif isinstance(value, types.FunctionType | type):
        if not walk.enter(value):
            yield b"seen"
            return
        yield from _class(value, walk) if isinstance(value, type) else _function(value, walk)
    elif _wraps(value):
        yield b"wrapped"
        if walk.enter(value):
            yield from _parts(value.__wrapped__, walk)
    else:
        yield from _other(value, walk)


def _function(fn: types.FunctionType, walk: _Walk) -> Iterator[bytes]:
    yield b"function"
    code = walk.bindings.code(fn)
    yield from _code(code)
    yield from _parts(fn.__defaults__, walk)
    yield from _parts(fn.__kwdefaults__, walk)
    state = assigned_cells(code)
    for name, cell in zip(code.co_freevars, fn.__closure__ or (), strict=True):
        if name not in state:
            value = walk.bindings.open(cell, name)
            yield from (b"empty",) if value is ABSENT else _parts(value, walk)
    for name in global_names(code):
        value = walk.bindings.read(fn.__globals__, name)
        for part in _global(value, fn.__module__, walk):
            yield name.encode("utf-8", "surrogatepass")
            yield part


def _global(value: Any, module: str, walk: _Walk) -> Iterator[bytes]:
    """Yield bytes for what a global name is bound to; none for data that may change without being bound anew."""
    if _is_own(value, module) or type(value) in _PLAIN:
        yield from _parts(value, walk)
    elif isinstance(value, types.ModuleType):
        yield f"module {value.__name__}".encode("utf-8", "surrogatepass")
    elif isinstance(value, types.FunctionType | types.BuiltinFunctionType | type) or _wraps(value):
        named = (getattr(value, part, "") for part in ("__module__", "__qualname__"))
        yield ".".join(map(str, named)).encode("utf-8", "surrogatepass")


def _class(cls: type, walk: _Walk) -> Iterator[bytes]:
    yield f"class {cls.__module__}.{cls.__qualname__}".encode()
    for name, member in sorted(vars(cls).items()):
        for fn in _functions_of(member):
            yield name.encode("utf-8", "surrogatepass")
            yield from _parts(fn, walk)
    for base in cls.__bases__:
        if _is_own(base, cls.__module__):
            yield from _parts(base, walk)


def _functions_of(member: object) -> list[types.FunctionType]:
    found = [getattr(member, name, None) for name in ("__func__", "__wrapped__", "fget", "fset", "fdel", "func")]
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


def _wraps(value: object) -> bool:
    """Tell if this is an object that stands before a function: a cached one, or that of `functools.lru_cache`."""
    return callable(value) and hasattr(value, "__wrapped__")


def _is_own(value: Any, module: str) -> bool:
    return (isinstance(value, types.FunctionType | type) or _wraps(value)) and getattr(
        value, "__module__", ""
    ) == module


def _other(value: Any, walk: _Walk) -> Iterator[bytes]:
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
    if not walk.enter(value):
        yield b"seen"
    elif kind in (tuple, list, dict):
        yield f"{kind.__name__} {len(value)}".encode()
        for item in itertools.chain.from_iterable(value.items()) if kind is dict else value:
            yield from _parts(item, walk)
    elif isinstance(value, types.BuiltinFunctionType):
        yield f"builtin {value.__module__}.{value.__qualname__}".encode()
    elif hasattr(value, "__dict__") and kind.__module__ != "builtins":
        yield from _parts(kind, walk)
        yield from _parts(vars(value), walk)
    else:
        yield f"{kind.__module__}.{kind.__qualname__} {value!r}".encode("utf-8", "surrogatepass")


def _plain(constant: object) -> bytes:
    try:
        return codec.encode(constant)
    except StoreError:
        return repr(constant).encode("utf-8", "surrogatepass")  # Ellipsis, and tuples that hold it
