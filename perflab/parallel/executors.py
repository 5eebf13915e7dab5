"""Start and end the executors that `Workers` owns.

In: a kind and a number of workers; later that executor. Out: an executor; later no thread and no process of it.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Literal

from perflab.parallel.cluster import ClusterExecutor, cluster_executor
from perflab.parallel.trackers import trackers

__all__ = ["Kind", "shut_down", "start"]

Kind = Literal["processes", "threads"]

_JOIN_S = 5.0


def start(kind: Kind, workers: int, scheduler: str | None = None) -> Executor:
    """Return a new executor; its threads or processes start with its first work, or are a Dask scheduler's.

    Raises
    ------
    ConfigError
        If no scheduler answers at the address, or the package is not installed.
    """
    if scheduler is not None:
        return cluster_executor(scheduler)
    if kind == "threads":
        return ThreadPoolExecutor(workers, thread_name_prefix="perflab-worker")
    import loky

    # A pool of our own: loky's reusable one is shared with other libraries and outlives us.
    executor: Executor = trackers.start(partial(loky.ProcessPoolExecutor, max_workers=workers))
    return executor


def shut_down(executor: Executor, cancel: bool) -> None:
    """End an executor that `start` made and wait for its workers; with `cancel`, without finishing its work."""
    if isinstance(executor, ClusterExecutor):
        executor.end(cancel)
        return
    if isinstance(executor, ThreadPoolExecutor):
        executor.shutdown(wait=True, cancel_futures=cancel)
        return
    try:
        _end_pool(executor, cancel)
    finally:
        trackers.end(executor)


def _end_pool(executor: Executor, cancel: bool) -> None:
    # loky neither waits for the thread that writes calls to the workers nor keeps a way to it.
    queue = getattr(executor, "_call_queue", None)
    executor.shutdown(wait=True, kill_workers=cancel)  # type: ignore[call-arg]  # loky's own argument
    thread = getattr(queue, "_thread", None)
    if queue is not None and thread is not None:
        # Where workers were killed it hangs in a long write; losing the last reader ends that.
        queue._reader.close()
        thread.join(_JOIN_S)
