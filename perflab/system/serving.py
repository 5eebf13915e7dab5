"""Metrics of a system at work, for a monitoring system that asks for them.

In: a run that goes on. Out: an HTTP server that answers with Prometheus' text, on this machine alone unless told.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from perflab.errors import PerflabError
from perflab.present.families import Family, families
from perflab.present.prometheus import collected

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from perflab.system.run import Run

__all__ = ["MetricsServer", "Snapshots"]

_LEAST_AGE_S = 1.0
_COST_SHARE = 0.05
_REQUEST_S = 10.0


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


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_S  # who connects and says nothing holds a thread no longer

    def log_message(self, *_: object) -> None:
        """Write no line for each scrape."""


class MetricsServer:
    """Answers `GET /metrics` until it is closed.

    While it listens on this machine alone it answers no request that was meant for another name: a page in a browser
    here could otherwise read it, by a name that it lets lead to this machine (DNS rebinding).

    Parameters
    ----------
    snapshots
        Called for the families at each request.
    port
        0 takes a free one.
    host
        Address to listen at. Whoever can reach it can read the names of operations and targets; by default that is
        this machine alone, and a warning says so if it is not.

    Raises
    ------
    PerflabError
        If the port is taken or not allowed, or the address is none of this machine.
    """

    def __init__(self, snapshots: Callable[[], Iterable[Family]], port: int = 0, host: str = "127.0.0.1") -> None:
        try:
            kind = _Server6 if ":" in host else _Server
            self._server = make_server(host, port, _application(snapshots, host), kind, _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PerflabError(
                f"Metrics cannot be served at {host}:{port}: {reason}; choose another port, or 0 for a free one."
            ) from error
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="perflab-metrics", daemon=True)
        self._thread.start()
        if not _is_here(host):
            warnings.warn(
                f"Metrics are served at {self.url} to whoever can reach this address, without a password; "
                "serve them at 127.0.0.1, which is the default, unless that is wanted.",
                RuntimeWarning,
                stacklevel=3,
            )

    @property
    def url(self) -> str:
        """Where the metrics are."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}/metrics"

    def close(self) -> None:
        """Stop answering, and wait for that; a second call does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __repr__(self) -> str:
        return f"<MetricsServer {self.url}>"


Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def _application(snapshots: Callable[[], Iterable[Family]], host: str) -> Application:
    from prometheus_client import CollectorRegistry, make_wsgi_app

    registry = CollectorRegistry()
    registry.register(_Collector(snapshots))
    metrics: Application = make_wsgi_app(registry)
    return _for_this_machine(metrics) if _is_here(host) else metrics


def _for_this_machine(metrics: Application) -> Application:
    """Refuse requests whose `Host` is not this machine."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if _is_here(_host_in(environ.get("HTTP_HOST", ""))):
            return metrics(environ, start)
        start("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Metrics are for this machine alone: ask for 127.0.0.1 or localhost.\n"]

    return answer


def _host_in(header: str) -> str:
    """Return the name or address in a `Host` header, without its port (RFC 9110, section 7.2)."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_here(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
