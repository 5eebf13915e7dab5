"""Bring into memory what is likely to be wanted next, before it is.

In: the program's reads, as the recorder has them. Out: entries in memory, from disk or by loaders free of side effects.
"""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from perflab.analyze.metrics import Metric, prefetching
from perflab.cache.tiers.ahead import Arrived, Reload
from perflab.config import PrefetchSettings
from perflab.forwarding import forwarded
from perflab.optimize.issue import Issues
from perflab.optimize.loaders import Loaders
from perflab.optimize.pending import Pending
from perflab.optimize.predict import Prediction, Predictor
from perflab.optimize.result import attempt

if TYPE_CHECKING:
    import pandas as pd

    from perflab.cache import TieredCache
    from perflab.record.listening import Ear, Heard

__all__ = ["Prefetcher"]

_PHASE = "prefetching"
_POLL_S = 0.001
_IDLE_POLL_S = 0.02
_CLOSE_S = 0.3
_LEARNED = 64
"""Reads that are learned from in one step, so that no step holds the program up for long."""
_HINTS = 1_024


class Prefetcher:
    """Learns from the program's reads and fetches the keys that it expects, in threads of its own.

    A read costs the program nothing more for it: the recorder notes it in any case, and a thread looks at its tapes now
    and then. That thread takes no more than `cpu_ratio` of one core: it rests after each step for as long as that asks
    for, and of what it finds then it learns from the last reads of each stream. Keys come from disk, or by a loader
    that was declared free of side effects; each is a `prefetch` row and no access. A gate for each predictor measures
    how many of them are used, and stops a bad one.

    Parameters
    ----------
    cache
        The tiers; it must have a recorder, for without one nobody hears of misses.
    settings
        Bounds on what is under way and on what it costs.
    predictor, pending
        What is learned, and what judges it.
    cpu, timer
        CPU seconds of the calling thread; monotonic seconds.

    Notes
    -----
    `step` does by itself what the threads do, once and in the caller: results are the same each time. The program never
    waits for a fetch: one that reads a key meanwhile loads it as if there were no prefetching, and the fetch is late.

    Examples
    --------
    >>> from perflab.cache import build_tiers
    >>> from perflab.config import Config
    >>> from perflab.record import Recorder
    >>> with build_tiers(Config(), Recorder()) as cache:
    ...     prefetcher = Prefetcher(cache)
    ...     prefetcher.register("page-", len, side_effect_free=True)
    ...     prefetcher.listen()
    ...     for page in ("page-1", "page-2", "page-3", "page-4"):
    ...         found = cache.get(page)
    ...         _ = prefetcher.step()
    ...     found
    6
    """

    def __init__(
        self,
        cache: TieredCache,
        settings: PrefetchSettings | None = None,
        *,
        predictor: Predictor | None = None,
        pending: Pending | None = None,
        cpu: Callable[[], float] = time.thread_time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = settings or PrefetchSettings()
        self._cache, self._cpu = cache, cpu
        self._rest = 1 / settings.cpu_ratio - 1
        self._most_bytes = settings.unread_ratio * cache.l1.max_bytes
        self._predictor = Predictor() if predictor is None else predictor
        self._pending = Pending() if pending is None else pending
        self._loaders = Loaders()
        self._issues = Issues(
            self._fetch,
            self._pending,
            queued=settings.queued,
            in_flight=settings.in_flight,
            failed=self._failed,
            timer=timer,
        )
        self._hints: deque[tuple[Hashable, tuple[Hashable, ...]]] = deque(maxlen=_HINTS)
        self._tapes = cache.recorder.tapes
        self._ear: Ear | None = None
        self._paused = False
        self._warned = False
        self._state = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """Expected keys that were not fetched: too much waited, was unread, or it was paused."""
        return self._issues.dropped

    @property
    def enabled(self) -> bool:
        """Whether predictions act at the moment, or only one in 32 as a probe."""
        return self.precise and not self._paused

    @property
    def precise(self) -> bool:
        """Whether so many of the prefetched keys were used as the gates ask for, or none is known to be or not."""
        return self._predictor.open

    register = forwarded("_loaders", Loaders.register)

    def hint(self, key: Hashable, related_keys: Iterable[Hashable]) -> None:
        """Take the program's word that these keys may follow this one; it counts as one time they did. Never blocks."""
        self._hints.append((key, tuple(related_keys)))

    def pause(self) -> None:
        """Fetch nothing until `resume`; learning goes on."""
        self._paused = True

    def resume(self) -> None:
        """Fetch again what is expected."""
        self._paused = False

    def listen(self) -> None:
        """Hear the program's reads from now on, until `close`; nothing if it does already."""
        if self._ear is None:
            self._ear = self._tapes.listen()

    def start(self) -> None:
        """Begin to listen, learn and fetch in the background; nothing if it has begun."""
        with self._state:
            self.listen()
            if self._thread is None:
                self._stopping.clear()
                self._issues.start()
                self._thread = threading.Thread(target=self._run, name="perflab-prefetch", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the threads without fetching what still waits; within 2 s, also while a loader hangs."""
        with self._state:
            thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None:
            thread.join(_CLOSE_S)
        self._ear = None
        self._issues.close()
        self._pending.forget()  # of what was dropped there is no verdict

    def step(self) -> int:
        """Learn from the reads since the last time and fetch what they let expect, here; return how many reads.

        The first time it only begins to listen, unless `listen` was called before.
        """
        self.listen()
        learned = self._learn()
        self._issues.work_off()
        return learned

    def attempt(self, accesses: pd.DataFrame) -> dict[str, Any]:
        """Return what prefetching has done so far, by the recorded accesses, as a row of `optimizations`."""
        found = {metric.name: metric for metric in prefetching(accesses, accesses.head(0))}
        knob, on = "predictive_prefetching_enabled", self.enabled
        precision = found.get("prefetch.precision")
        if precision is None or math.isnan(precision.value):
            reason = "no prefetched entry was read or has left so far."
            return attempt(knob, "not enough data", reason, old=on, new=on, phase=_PHASE)
        return attempt(
            knob,
            "kept" if on else "rolled back",
            f"{self._said(found)}; {self.dropped} more were expected and dropped.",
            old=False,
            new=True,
            phase=_PHASE,
            metric=precision.name,
            unit=precision.unit,
            measured=precision.value,
            low=precision.low,
            high=precision.high,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _said(found: Mapping[str, Metric]) -> str:
        names = ("issued", "used", "late", "evicted_unused", "polluting")
        counts = (f"{found[f'prefetch.{name}'].value:.0f} {name.replace('_', ' ')}" for name in names)
        return f"of prefetched entries were {', '.join(counts)}"

    def _run(self) -> None:
        pause_s = _POLL_S
        while not self._stopping.wait(pause_s):
            begun_s = self._cpu()
            learned = self._learn_safely()
            idle_s = _POLL_S if learned else min(2 * pause_s, _IDLE_POLL_S)
            pause_s = max(idle_s, self._rest * (self._cpu() - begun_s))

    def _learn_safely(self) -> int:
        try:
            self._issues.look_for_hung()
            return self._learn()
        except Exception as error:
            # A tier may fail; the program's own accesses tell it. Prefetching goes on with the next reads.
            if not self._warned:
                self._warned = True
                warnings.warn(f"Prefetching failed: {error!r}; it goes on.", RuntimeWarning, stacklevel=1)
            return 0

    def _learn(self) -> int:
        while self._hints:
            self._predictor.hint(*self._hints.popleft())
        heard = [] if self._ear is None else self._tapes.hear(self._ear)
        share = max(1, _LEARNED // max(1, len(heard)))
        for each in heard:
            self._follow(each, share)
        return sum(len(each.keys) for each in heard)

    def _follow(self, heard: Heard, most: int) -> None:
        """Hear all reads of a stream, and learn from the last ones."""
        stream, keys, gap = heard
        if gap:
            self._pending.lose()
        if gap or len(keys) > most:
            self._predictor.interrupt(stream)
        for key in keys[:-most]:
            self._pending.read(key)
        expected: dict[Hashable, Prediction] = {}
        for key in keys[-most:]:
            self._pending.read(key)
            overtaken = expected.pop(key, None)
            if overtaken is not None:
                overtaken.gate.overtaken()
            for prediction in self._predictor.take(stream, key):
                expected[prediction.key] = prediction
        for prediction in expected.values():
            self._ask(prediction)
        self._predictor.adapt()

    def _ask(self, prediction: Prediction) -> None:
        key = prediction.key
        if key in self._pending or self._in_memory(key) or not self._can_fetch(key):
            return
        if self._paused or self._pending.nbytes >= self._most_bytes:
            self._issues.drop()
        else:
            self._issues.put(prediction)

    def _in_memory(self, key: Hashable) -> bool:
        return key in self._cache.l1 or key in self._cache.l2

    def _can_fetch(self, key: Hashable) -> bool:
        """Tell if there may be something to fetch; whether disk has the key is asked by who fetches."""
        return self._cache.l3 is not None or self._loader_of(key) is not None

    def _loader_of(self, key: Hashable) -> Reload | None:
        return self._loaders.find(key) or self._cache.ahead.reloads.find(key)

    def _fetch(self, key: Hashable) -> Arrived:
        return self._cache.ahead.fetch(key, self._loader_of(key))

    def _failed(self, key: Hashable, error: Exception) -> None:
        self._cache.recorder.access(key, "reject", reason=f"prefetch failed: {type(error).__name__}")
