"""Workers without threads and processes, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from perflab.parallel import Ready


class InlineWorkers:
    """Maps in the caller, one item ahead of its result as real workers are."""

    workers = 1

    def __init__(self) -> None:
        self.items = 0

    def map(
        self, fn: Callable[[Any], Any], items: Iterable[Any], *, weight: Callable[[Any], float] | None = None
    ) -> Iterator[Any]:
        assert weight is not None
        waiting: list[Any] = []
        for item in items:
            if isinstance(item, Ready):
                waiting.append(item.value)
            else:
                self.items += 1
                assert weight(item) > 0
                waiting.append(fn(item))
            if len(waiting) > 2:
                yield waiting.pop(0)
        yield from waiting

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        raise AssertionError(f"nothing broke, yet {fn}{args} came one by one")
