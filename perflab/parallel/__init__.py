"""Parallel work: one ordered map over processes, threads, a Dask cluster or any executor.

In: a function and items. Out: results in order; nothing is left running afterwards.
"""

from __future__ import annotations

from perflab.parallel.batch import BATCH_WEIGHT, Ready
from perflab.parallel.pool import Kind, Workers
from perflab.parallel.task import in_worker, portable

__all__ = ["BATCH_WEIGHT", "Kind", "Ready", "Workers", "in_worker", "portable"]
