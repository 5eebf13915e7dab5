"""Facts of source files, asked for while documents are still being read.

In: paths, some at a time. Out: the facts of all of them.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Final, Self

from perflab.workloads.factsheet import FileFacts
from perflab.workloads.reuse import Reuse

__all__ = ["FactsAhead"]

SHARE_BYTES: Final = 300_000
"""Source that is asked for at once: a tenth of a second for one worker, so that all get some."""


class FactsAhead:
    """Collects paths, and has their facts computed in the background as soon as they are worth it.

    Parameters
    ----------
    reuse
        Makes what finds or computes the facts; called once, and not if nothing is wanted.
    sizes
        Bytes of each file that may be wanted.
    threads
        Shares that are in the making at once.
    """

    def __init__(self, reuse: Callable[[], Reuse], sizes: Mapping[str, int], threads: int) -> None:
        self._make_reuse = reuse
        self._sizes = sizes
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="perflab-facts")
        self._wanted: set[str] = set()
        self._next: list[str] = []
        self._shares: list[Future[list[FileFacts]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def want(self, paths: Iterable[str]) -> None:
        """Ask for the facts of files; those that are asked for again are not computed again."""
        new = sorted(set(paths) - self._wanted)
        self._wanted.update(new)
        self._next += new
        if sum(self._sizes[path] for path in self._next) >= SHARE_BYTES:
            self._begin()

    def all(self) -> dict[str, FileFacts]:
        """Return the facts of all files that were asked for, by path."""
        self._begin()
        return {facts["path"]: facts for share in self._shares for facts in share.result()}

    @property
    def work(self) -> Mapping[str, int]:
        """What was counted; nothing if nothing was wanted."""
        return self._reuse.work if self._wanted else {}

    @cached_property
    def _reuse(self) -> Reuse:
        return self._make_reuse()

    def _begin(self) -> None:
        if self._next:
            paths, self._next = self._next, []
            self._shares.append(self._pool.submit(contextvars.copy_context().run, self._reuse.facts, paths))
