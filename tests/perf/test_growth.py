"""What one edit costs when the corpus is twice as large: at most 2.3 times as much."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path

import pytest

from perflab.config import Config
from perflab.workloads import arms, staging
from perflab.workloads.corpus import copy_corpus, select

SMALL = 2_400_000
CONFIG = Config(parallel_processing_enabled=False)


def incremental_s(workload: str, limit: int, folder: Path) -> float:
    """Return the median CPU seconds of five optimized executions after one function was edited."""
    found = staging.WORKLOADS[workload]
    corpus = copy_corpus(select(limit_bytes=limit), folder / "source" / "library")
    stage = staging.staged(found, corpus, folder / "stage", CONFIG)
    store = staging.filled_store(stage, found.work)
    run = getattr(arms, f"optimized_{found.work}")
    seconds = []
    for number in range(5):
        own = folder / str(number)
        shutil.copytree(store, own / "store")
        start = time.process_time()
        run(**stage.edited, out=str(own / "out"), store=str(own / "store"), run=None, settings=stage.settings)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


@pytest.mark.parametrize("workload", staging.WORKLOADS)
def test_twice_the_corpus_costs_little_more_than_twice(workload: str, tmp_path: Path) -> None:
    small, large = (incremental_s(workload, times * SMALL, tmp_path / str(times)) for times in (1, 2))
    print(
        f"\n{workload}, one edit: {small:.3f} s of CPU, {large:.3f} s with twice the corpus, {large / small:.2f} times"
    )
    assert large / small <= 2.3
