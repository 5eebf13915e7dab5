"""Fetching what was predicted, a little at a time and beside the program.

In: predictions. Out: what they name in memory; or nothing where too much is under way, or the fetch fails or hangs.
"""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress

from perflab.cache.tiers.ahead import Arrived
from perflab.optimize.pending import Pending
from perflab.optimize.predict import Prediction

__all__ = ["CLOSE_S", "Issues"]

CLOSE_S = 0.8
"""Seconds that `close` gives to fetches that are under way."""
_HUNG_S = 10.0


class Issues:
    """A bounded queue of keys, and the few threads that fetch them.

    Parameters
    ----------
    fetch
        `fetch(key)` brings a key into memory; it may raise, hang, or take long.
    pending
        Told of what came.
    queued, in_flight
        Keys that may wait, and that may be fetched at once; what finds no place is dropped and counted.
    failed
        Told of each key whose fetch raised, with the error.
    timer
        Monotonic seconds.
    """

    def __init__(
        self,
        fetch: Callable[[Hashable], Arrived],
        pending: Pending,
        *,
        queued: int = 64,
        in_flight: int = 4,
        failed: Callable[[Hashable, Exception], object] = lambda _key, _error: None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch, self._pending, self._failed, self._timer = fetch, pending, failed, timer
        self._queue: queue.Queue[Prediction | None] = queue.Queue(queued)
        self._in_flight = in_flight
        self._threads: list[threading.Thread] = []
        self._begun: dict[int, tuple[Hashable, float]] = {}
        self._open = False
        self._warned: set[str] = set()
        self.dropped = 0

    def start(self) -> None:
        """Let threads fetch what is put; they begin when there is something."""
        self._open = True

    def put(self, prediction: Prediction) -> bool:
        """Have a key fetched; False if too many wait. Never blocks."""
        self._pending.issue(prediction)
        try:
            self._queue.put_nowait(prediction)
        except queue.Full:
            self._pending.came(prediction.key, 0)
            self.drop()
            return False
        if self._open and len(self._threads) < self._in_flight and len(self._begun) == len(self._threads):
            self._grow()
        return True

    def drop(self) -> None:
        """Count a key that is not fetched."""
        self.dropped += 1

    def work_off(self) -> None:
        """Fetch all that waits, in the caller's thread."""
        with suppress(queue.Empty):
            while True:
                prediction = self._queue.get_nowait()
                if prediction is not None:
                    self._bring(prediction)

    def look_for_hung(self) -> None:
        """Warn once if a fetch takes so long that it will hardly end."""
        late = [key for key, begun in list(self._begun.values()) if self._timer() - begun > _HUNG_S]
        if late:
            self._warn("hung", f"Fetching {late[0]!r} ahead has taken more than {_HUNG_S:.0f} s; it is left alone.")

    def close(self, wait_s: float = CLOSE_S) -> None:
        """End the threads; a fetch that is under way has so many seconds, then it is left behind with a warning."""
        self._open = False
        with suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        threads, self._threads = self._threads, []
        for _ in threads:
            with suppress(queue.Full):
                self._queue.put_nowait(None)
        until = self._timer() + wait_s
        for thread in threads:
            thread.join(max(0.0, until - self._timer()))
        if any(thread.is_alive() for thread in threads):
            self._warn("hung", f"A fetch ahead did not end within {wait_s} s of the close; its thread is left behind.")

    def _grow(self) -> None:
        thread = threading.Thread(target=self._run, name="perflab-prefetch-fetch", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        while (prediction := self._queue.get()) is not None and self._open:
            self._bring(prediction)

    def _bring(self, prediction: Prediction) -> None:
        key, me = prediction.key, threading.get_ident()
        self._begun[me] = (key, self._timer())
        try:
            arrived = self._fetch(key)
        except Exception as error:
            # The program's own load of the key tells it; it must not be told by a thread that it knows nothing of.
            self._pending.failed(key)
            self._failed(key, error)
            self._warn("failed", f"Fetching {key!r} ahead failed: {error!r}; prefetching goes on with other keys.")
        else:
            self._pending.came(key, arrived.nbytes)
        finally:
            del self._begun[me]

    def _warn(self, about: str, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            warnings.warn(message, RuntimeWarning, stacklevel=2)
