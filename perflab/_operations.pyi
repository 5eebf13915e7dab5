import mmap
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

class Scope:
    name: str
    key: object
    number: int
    parent: int | None
    around: Any
    tape: Any
    stream: str
    duration_s: float
    ended_s: float | None
    nbytes: int | None
    cache_hit: bool | None
    error: str | None
    related_keys: tuple[object, ...]
    _home: Any
    _inside: Any
    _token: Any

    def __new__(cls, name: str, key: object, home: Any, /) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

class Slots:
    missed: int

    @property
    def on(self) -> bool: ...
    def began(self, operation: Any, /) -> None: ...
    def ended(self, operation: Any, /) -> None: ...
    def _map(
        self, view: mmap.mmap, first: int, slots: int, slot_bytes: int, clock: Callable[[], int] | None, /
    ) -> None: ...
    def _put(self, code: int, text: bytes, number: int, duration_s: float, /) -> None: ...
    def _unmap(self) -> None: ...

def number_from(start: int, /) -> None: ...
