"""Promote what is likely to be wanted next, before it is.

In: the stream of accesses. Out: entries moved from the lower tiers to the upper ones; never a call of a loader.
"""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from perflab.cache.keys import slot_of
from perflab.optimize.associate import Associations, wilson_low
from perflab.optimize.gate import Gate
from perflab.optimize.result import attempt

if TYPE_CHECKING:
    from perflab.cache import TieredCache
    from perflab.record import Recorder

__all__ = ["Prefetcher"]

_Z95 = 1.96
_LISTEN_S = 0.05
_HEARD = 64
"""Hits of one batch that are learned from: neighbours, since it is neighbours that tell something."""


@dataclass(frozen=True, slots=True)
class _Observed:
    stream: Hashable
    key: Hashable
    related: tuple[Hashable, ...] = ()
    accessed: bool = True


class Prefetcher:
    """Learns from accesses and promotes the keys that it expects, in a thread of its own.

    While it runs it listens to the cache's accesses. Listening only puts the key into a bounded queue; when that is
    full the observation is dropped and counted, so the program never waits. Only entries that are on disk and not in
    memory are promoted, through `cache.prefetch`, which records them as `prefetch` and not as accesses. A gate measures
    how many of them are used and stops a bad predictor.

    Parameters
    ----------
    cache
        The tiers; its `recorder` is replaced by one that also tells the prefetcher, until `close`.
    associations, gate
        What is learned, and what lets predictions act.
    queue_size
        Observations that may wait.

    Examples
    --------
    >>> from perflab.cache import build_tiers
    >>> from perflab.config import Config
    >>> with build_tiers(Config()) as cache, Prefetcher(cache) as prefetcher:
    ...     _ = cache.get("page")
    ...     prefetcher.issued, prefetcher.dropped
    (0, 0)
    """

    def __init__(
        self,
        cache: TieredCache,
        *,
        associations: Associations | None = None,
        gate: Gate | None = None,
        queue_size: int = 4096,
    ) -> None:
        self._cache = cache
        self._associations = associations or Associations()
        self._gate = gate or Gate()
        self._queue: queue.SimpleQueue[_Observed | None] = queue.SimpleQueue()
        self._queue_size = queue_size
        self._dropped = 0
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._paused = False
        self._hits: Callable[[], Iterable[list[Any]]] = tuple

    @property
    def dropped(self) -> int:
        """Observations that found the queue full."""
        return self._dropped

    @property
    def issued(self) -> int:
        """Entries promoted so far."""
        return self._gate.issued

    @property
    def used(self) -> int:
        """Entries promoted and then accessed."""
        return self._gate.used

    @property
    def precision(self) -> float | None:
        """Share of the last promoted entries that were used; None before any outcome is known."""
        return self._gate.precision

    @property
    def enabled(self) -> bool:
        """Whether predictions act at the moment, or only one in 32 as a probe."""
        return self._gate.open

    def observe(self, key: Hashable, *, stream: Hashable = None) -> None:
        """Take note of an access; the stream is by default the calling thread. Never blocks."""
        self._put(_Observed(threading.get_ident() if stream is None else stream, key))

    def announce(self, key: Hashable, related_keys: Iterable[Hashable]) -> None:
        """Take the program's word that these keys follow this one. Never blocks."""
        self._put(_Observed(None, key, tuple(related_keys), accessed=False))

    def pause(self) -> None:
        """Promote nothing until `resume`; learning goes on."""
        self._paused = True

    def resume(self) -> None:
        """Promote again."""
        self._paused = False

    def start(self) -> None:
        """Begin to listen, learn and promote in the background; nothing if it has begun."""
        with self._state:
            if self._thread is None:
                self._hits = self._cache.recorder.follow(self._cache.l1.holds)
                self._cache.recorder = cast("Recorder", _Tap(self._cache.recorder, self.observe))
                self._thread = threading.Thread(target=self._run, name="perflab-prefetch", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the background thread without working off what still waits."""
        with self._state:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            tap = cast("_Tap", self._cache.recorder)
            self._cache.recorder = tap.recorder
        self._empty()
        self._queue.put(None)
        thread.join()

    def step(self, timeout_s: float | None = 0.0) -> bool:
        """Work off one observation; False if none came within the time, or the end was asked for."""
        try:
            observed = self._queue.get(timeout=timeout_s) if timeout_s != 0.0 else self._queue.get_nowait()
        except queue.Empty:
            return False
        if observed is None:
            return False
        self._take(observed)
        return True

    def hear(self) -> None:
        """Take note of the hits in l1 since the last time, of some if they are many."""
        for batch in self._hits():
            for entry in batch[:_HEARD]:
                self._take(_Observed(None, entry.key))
            with self._state:
                self._dropped += max(0, len(batch) - _HEARD)

    def attempt(self) -> dict[str, Any]:
        """Return what prefetching has done so far as a row of `optimizations`; bounds are Wilson's, 95 %."""
        knob, on = "predictive_prefetching_enabled", self.enabled
        used, known = self._gate.used, self._gate.used + self._gate.wrong
        if not known:
            return attempt(knob, "not enough data", "no promoted entry was used or given up yet.", old=on, new=on)
        return attempt(
            knob,
            "kept" if on else "rolled back",
            f"{self.issued} entries were promoted; of {known} with a known outcome {used} were used; "
            f"{self.dropped} observations were dropped.",
            old=False,
            new=True,
            metric="prefetch.precision",
            unit="ratio",
            measured=used / known,
            low=wilson_low(used, known, _Z95),
            high=1 - wilson_low(known - used, known, _Z95),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, observed: _Observed) -> None:
        if self._queue.qsize() < self._queue_size:
            self._queue.put(observed)
            return
        with self._state:
            self._dropped += 1

    def _empty(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            return

    def _run(self) -> None:
        warned = False
        while True:
            try:
                if not self.step(timeout_s=_LISTEN_S) and self._thread is None:
                    return
                self.hear()
            except Exception as error:
                # A tier may fail; the program's own accesses tell it. Prefetching goes on with the next key.
                if not warned:
                    warned = True
                    warnings.warn(f"Prefetching failed: {error!r}; it goes on.", RuntimeWarning, stacklevel=1)

    def _take(self, observed: _Observed) -> None:
        key = observed.key
        if not observed.accessed:
            self._associations.announce(key, observed.related)
            return
        self._gate.use(slot_of(key))
        # Asked before it is learned: this use has had no followers yet, and must not count as one without.
        wanted = [expected for expected in self._associations.expected(key) if self._promotable(expected)]
        self._associations.learn(observed.stream, key)
        if wanted and not self._paused and self._gate.allows():
            self._issue(wanted)

    def _promotable(self, key: Hashable) -> bool:
        cache = self._cache
        return not self._in_memory(key) and cache.l3 is not None and key in cache.l3

    def _in_memory(self, key: Hashable) -> bool:
        return key in self._cache.l1 or key in self._cache.l2

    def _issue(self, wanted: list[Hashable]) -> None:
        self._cache.prefetch(wanted)
        for key in wanted:
            if self._in_memory(key):  # others vanished meanwhile, or found no room
                self._gate.issue(slot_of(key))


class _Tap:
    """A recorder that also tells of each access; everything else of it is the recorder's own."""

    def __init__(self, recorder: Recorder, observe: Callable[[Hashable], None]) -> None:
        self.recorder = recorder
        self._observe = observe

    def access(self, key: Hashable, event: str, *rest: Any, **named: Any) -> None:
        """Record the event; tell of it if it is a read by the program. Hits in l1 do not come this way."""
        self.recorder.access(key, event, *rest, **named)
        if event in ("hit", "miss"):
            self._observe(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recorder, name)
