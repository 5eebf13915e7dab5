"""The recorder that keeps nothing.

In: whatever is recorded. Out: no rows; the hits alone reach the caches, which keep their order of eviction by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.record.log import Taken
from perflab.record.operation import Operation
from perflab.record.recorder import Recorder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NULL_RECORDER", "SilentRecorder"]


class SilentRecorder(Recorder):
    """Keeps nothing; for a cache that is used on its own, which still keeps its order of eviction by the hits."""

    def access(self, *values: object, **named: object) -> None:
        """Forget the event."""

    def cut(self) -> bool:
        """Forget the rows of the caller's tape."""
        self.settle()
        return True

    def settle(self, wait: bool = True) -> None:  # noqa: ARG002 - it takes no lock for long
        """Forget the rows of all tapes."""
        self.tapes.remove(self.tapes.cut_off())

    def add(self, frame: str, **values: object) -> None:
        """Forget the row."""

    def finish(self, operation: Operation) -> None:
        """Forget the operation."""

    def absorb(self, tables: Mapping[str, pa.Table]) -> None:
        """Forget the rows."""

    def take(self, frame: str) -> Taken:  # noqa: ARG002 - all are as empty
        """Return none."""
        return Taken((), (), 0)

    def receive(self, frame: str, taken: Taken) -> None:
        """Forget the rows."""

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "NULL_RECORDER" if self is NULL_RECORDER else super().__reduce__()


NULL_RECORDER: Recorder = SilentRecorder(run_id="none")
