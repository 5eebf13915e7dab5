from collections.abc import Callable
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

class EventRows:
    """`perflab.record.happened.PythonEventRows`, as far as a tape needs it."""

    def append(self, event: tuple[Any, ...], /) -> None: ...
    def clear(self) -> None: ...
    def counted(self) -> dict[Any, int]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, place: Any, /) -> Any: ...
    def __delitem__(self, first: slice, /) -> None: ...

def event_columns(
    keys: tuple[object, ...],
    sizes: tuple[Any, ...],
    batches: tuple[EventRows, ...],
    text_of: Callable[[object], str | None],
    kind_of: Callable[[Any, Any, Any], int],
    size_of: Callable[[Any], int],
    seconds_of: Callable[[Any], float],
    /,
) -> tuple[Any, ...]: ...
def use_entries(entry: type, plain: object, never: float, /) -> None: ...
