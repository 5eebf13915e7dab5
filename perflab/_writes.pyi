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
