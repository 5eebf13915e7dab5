"""Start and end the executors that `Workers` owns.

In: a kind and a number of workers; later that executor. Out: an executor; later no thread and no process of it.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Literal

from perflab.parallel.cluster import ClusterExecutor, cluster_executor
from perflab.parallel.processes import ProcessExecutor

__all__ = ["Kind", "shut_down", "start"]

Kind = Literal["processes", "threads"]


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
    return ProcessExecutor(workers)


def shut_down(executor: Executor, cancel: bool) -> None:
    """End an executor that `start` made and wait for its workers; with `cancel`, without finishing its work."""
    if isinstance(executor, ClusterExecutor | ProcessExecutor):
        executor.end(cancel)
    else:
        executor.shutdown(wait=True, cancel_futures=cancel)
