"""Metrics of a system at work, for a monitoring system that asks for them.

In: a run that goes on. Out: an HTTP server that answers with Prometheus' text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from perflab.errors import PerflabError
from perflab.present.families import Family, families
from perflab.present.prometheus import collected

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from perflab.system.run import Run

__all__ = ["MetricsServer", "Snapshots"]

_LEAST_AGE_S = 1.0
_COST_SHARE = 0.05


class Snapshots:
    """The families of a run, computed anew when they are asked for and old enough.

    They are counted over the frames, which takes longer the more was recorded. So they may age by twenty times what
    they took: however often they are asked for, that is no more than 5 % of one core.

    Parameters
    ----------
    run
        Called for the run so far.
    clock
        Seconds.
    """

    def __init__(self, run: Callable[[], Run], clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._known: list[Family] = []
        self._due_s = float("-inf")

    def __call__(self) -> list[Family]:
        """Return the families of now, or of a moment ago."""
        with self._lock:
            begun = self._clock()
            if begun >= self._due_s:
                self._known = families(self._run().report_data())
                ended = self._clock()
                self._due_s = ended + max(_LEAST_AGE_S, (ended - begun) / _COST_SHARE)
            return self._known


class _Collector:
    """What prometheus_client asks for metrics."""

    def __init__(self, snapshots: Callable[[], Iterable[Family]]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        return collected(self._snapshots())

    def describe(self) -> Sequence[Metric]:
        """Return none: what there is depends on what was recorded."""
        return ()


class MetricsServer:
    """Answers `GET /metrics` until it is closed.

    Parameters
    ----------
    snapshots
        Called for the families at each request.
    port
        0 takes a free one.
    host
        Address to listen at. Whoever can reach it can read the names of operations and targets; by default that is
        this machine alone.

    Raises
    ------
    PerflabError
        If the port is taken or not allowed, or the address is none of this machine.
    """

    def __init__(self, snapshots: Callable[[], Iterable[Family]], port: int = 0, host: str = "127.0.0.1") -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(_Collector(snapshots))
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PerflabError(
                f"Metrics cannot be served at {host}:{port}: {reason}; choose another port, or 0 for a free one."
            ) from error
        self.host, self.port = host, int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where the metrics are."""
        return f"http://{self.host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop answering, and wait for that; a second call does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __repr__(self) -> str:
        return f"<MetricsServer {self.url}>"
