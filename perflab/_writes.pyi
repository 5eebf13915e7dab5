from contextvars import ContextVar
from typing import Any

class Events:
    def access(
        self,
        key: object,
        event: str,
        tier: str | None = None,
        nbytes: int | None = None,
        duration_s: float | None = None,
        reason: str | None = None,
    ) -> None: ...
    def _note_on(self, current: ContextVar[Any], tape: type, stride: int, full: int, /) -> None: ...

class Store:
    nbytes: int
    max_bytes: int
    max_entries: int
    on_evict: Any

    def _holds_entries(self, entry: type, plain: object, never: float, /) -> None: ...
    def _store_plain(self, entry: Any, event: str | None, reason: str | None, /) -> bool | None: ...
    def new_entry(self, key: object, value: object, nbytes: int, /) -> Any: ...
