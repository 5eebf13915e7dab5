"""A Dask cluster as an executor.

In: a scheduler's address. Out: an executor whose calls run on the cluster's workers; a call whose worker dies runs
again on another one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

from perflab.errors import ConfigError

__all__ = ["ClusterExecutor", "cluster_executor", "connect"]

_CONNECT_S = 5.0


class ClusterExecutor(Executor):
    """The executor of a client that is ours; `end` closes both."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand a call to the cluster."""
        future: Future[Any] = self._executor.submit(fn, *args, **kwargs)
        return future

    def end(self, cancel: bool) -> None:
        """Wait for what was handed over, or cancel it, and disconnect; the cluster stays as it is."""
        self._executor.shutdown(wait=not cancel)
        self._client.close()


def cluster_executor(address: str) -> ClusterExecutor:
    """Return an executor of the cluster at an address; see `connect`."""
    return ClusterExecutor(connect(address))


def connect(address: str, *, timeout_s: float = _CONNECT_S) -> Any:
    """Return a client of the Dask scheduler at an address such as `tcp://10.0.0.7:8786`.

    Raises
    ------
    ConfigError
        If nobody answers there within `timeout_s` seconds, or the package `distributed` is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError("a Dask scheduler needs the package distributed; pip install 'perflab[dask]'") from error
    try:
        return partial(Client, address, timeout=timeout_s, set_as_default=False)()
    except (OSError, ValueError, TimeoutError) as error:
        raise ConfigError(f"no Dask scheduler answers at {address!r} ({error}); start one, or name another") from error
