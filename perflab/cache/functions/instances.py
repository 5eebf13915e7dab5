"""Names for objects that have no canonical bytes: the instances whose methods are cached.

In: an object. Out: a token that stands for it as long as it lives, and for nothing else ever.
"""

from __future__ import annotations

import itertools
import os
import threading
import uuid
import weakref

from perflab.errors import ConfigError

__all__ = ["Token", "token_of"]


class Token:
    """Stands for one object of this process; it does not keep the object alive.

    Attributes
    ----------
    plain : tuple of str
        The same as plain data: the object's class, and a text that no other object has, in this process or another.
    """

    __slots__ = ("plain",)

    def __init__(self, kind: str, text: str) -> None:
        self.plain = (f"instance of {kind}", text)

    def __repr__(self) -> str:
        return f"<{' '.join(self.plain)}>"


class _Tokens:
    def __init__(self) -> None:
        self.known: dict[int, tuple[weakref.ref[object], Token]] = {}
        self.forget_all()

    def forget_all(self) -> None:
        # A forked child's objects go their own way, and may share a cache on disk with its parent's.
        self._lock = threading.RLock()  # a collection of garbage may run `_forget` while it is held
        self.known.clear()
        self._process = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)

    def find(self, value: object) -> Token:
        with self._lock:
            found = self.known.get(id(value))
            return found[1] if found is not None and found[0]() is value else self._make(value)

    def _make(self, value: object) -> Token:
        kind = value.__qualname__ if isinstance(value, type) else type(value).__qualname__
        number = id(value)
        try:
            ref = weakref.ref(value, lambda gone: self._forget(number, gone))
        except TypeError as error:
            raise ConfigError(
                f"An instance of {kind} cannot be told from others, as it takes no weak references; give key=, or add "
                "'__weakref__' to its __slots__."
            ) from error
        token = Token(kind, f"{self._process}-{next(self._numbers)}")
        self.known[number] = ref, token
        return token

    def _forget(self, number: int, gone: weakref.ref[object]) -> None:
        with self._lock:
            found = self.known.get(number)
            if found is not None and found[0] is gone:
                del self.known[number]


def token_of(value: object) -> Token:
    """Return the token of an object, by identity: objects that are equal have tokens of their own.

    Raises
    ------
    ConfigError
        If the object takes no weak references.

    Examples
    --------
    >>> class Page: ...
    >>> one, other = Page(), Page()
    >>> token_of(one) is token_of(one), token_of(one) is token_of(other)
    (True, False)
    """
    found = _known.get(id(value))
    if found is not None and found[0]() is value:
        return found[1]
    return _tokens.find(value)


_tokens = _Tokens()
_known = _tokens.known
os.register_at_fork(after_in_child=_tokens.forget_all)
