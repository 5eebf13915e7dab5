"""Simultaneous requests: all are answered, errors are counted, percentiles are of all samples."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from perflab import Config
from perflab.analyze.load import fairness, load
from perflab.errors import BenchmarkError
from perflab.record import Recorder
from perflab.workloads.concurrency import drive, measure_concurrency

CONFIG = Config(parallel={"workers": 1})


def test_so_many_requests_are_in_flight_as_there_are_clients() -> None:
    together = threading.Barrier(4)
    found = drive(4, [lambda: together.wait(10)] * 8)  # fewer clients would never meet
    assert (found.requests, found.errors, found.fairness) == (8, 0, 1.0)


def test_a_request_that_raises_is_an_error_and_no_more() -> None:
    def broken() -> None:
        raise ValueError("no")

    found = drive(2, [broken, lambda: None] * 5)
    assert (found.requests, found.errors) == (10, 5)


def test_percentiles_are_those_of_all_seconds() -> None:
    seconds = list(np.random.default_rng(5).exponential(1.0, 400))
    found = load(4, seconds, [0, 1, 2, 3] * 100, errors=40, elapsed_s=100.0)
    assert [found.p50_s, found.p95_s, found.p99_s] == list(np.quantile(seconds, [0.5, 0.95, 0.99]))
    assert found.p95_low_s < found.p95_s < found.p95_high_s
    assert found.throughput_per_s == 3.6


def test_fairness_falls_with_the_share_of_one_client() -> None:
    assert fairness([5, 5]) == 1.0
    assert fairness([9, 1]) == pytest.approx(100 / 164)
    assert load(3, [1.0] * 3, [1] * 3, errors=0, elapsed_s=1.0).fairness == pytest.approx(1 / 3)


@pytest.mark.parametrize("workload", ["document-creation", "cross-validation"])
def test_each_level_answers_every_request(workload: str, tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "work.py").write_text(f'"""Work of {name}."""\n\n\ndef do_{name}():\n    """Do it."""\n')
    recorder = Recorder()
    found = measure_concurrency(workload, config=CONFIG, source=tmp_path, levels=(1, 4), requests=12, recorder=recorder)
    assert [(level.simultaneous, level.requests, level.errors) for level in found] == [(1, 12, 0), (4, 12, 0)]
    assert (recorder.frames.operations["name"] == "request").sum() == 24
    reads = recorder.frames.accesses["event"].value_counts()
    assert reads["hit"] > reads["miss"] > 0


def test_an_unknown_workload_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="'pages' is no workload"):
        measure_concurrency("pages", config=CONFIG)
