"""Peak memory where the system does not tell some figure: it is missing, never 0."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import arms_under_test as under_test
import pytest

from perflab.bench import Arm, Outcome, children, sample
from perflab.host import baseline_rss, peak_rss


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Yield a living child of this process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\n")


def unknown_for(pid, real):
    return lambda asked="self", **_: None if asked == pid else real(asked)


def measured(target=under_test.total, **arguments):
    found = sample.take_memory(Arm("optimized", target, arguments))
    return found.peak_bytes, found.growth_bytes


def test_what_the_arm_does_not_know_is_watched(child):
    watched = Outcome(children_peak_bytes=None)
    peak, growth = measured(lambda: watched)
    assert peak > peak_rss(child.pid) + 1_000_000
    assert growth is not None
    told, _ = measured(lambda: Outcome(children_peak_bytes=10**12))
    assert 10**12 < told < 10**12 + 10**10


def test_a_childs_unknown_peak_leaves_the_sum_missing(child, monkeypatch):
    monkeypatch.setattr(children, "peak_rss", unknown_for(child.pid, peak_rss))
    assert measured() == (None, None)
    peak, growth = measured(under_test.reports_child, megabytes=500)
    assert peak > 500e6
    assert growth is not None


def test_a_childs_unknown_start_leaves_the_growth_missing(child, monkeypatch):
    monkeypatch.setattr(children, "baseline_rss", unknown_for(child.pid, baseline_rss))
    peak, growth = measured()
    assert peak > 0
    assert growth is None


@pytest.mark.parametrize("function", ["peak_rss", "baseline_rss"])
def test_its_own_unknown_memory_is_missing(function, monkeypatch):
    monkeypatch.setattr(sample, function, lambda: None)
    peak, growth = measured()
    assert (peak is None) == (function == "peak_rss")
    assert growth is None


def test_without_a_reset_the_peak_is_not_the_arms(monkeypatch):
    monkeypatch.setattr(sample, "reset_peak", lambda: False)
    assert measured() == (None, None)


def test_what_a_child_shared_with_its_parent_until_it_became_a_program_is_not_counted():
    ballast = b"1" * 100_000_000
    with children.PeakWatch() as watch:
        # Between fork and exec the child has its parent's memory; the pauses make sure that it is seen then, and after.
        command = [sys.executable, "-c", "import time; time.sleep(1.5)"]
        with subprocess.Popen(command, preexec_fn=lambda: time.sleep(0.3)) as process:
            process.wait()
    assert 1_000_000 < watch.peak_bytes < min(60_000_000, len(ballast))


def test_a_child_that_has_ended_needs_no_memory():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    try:
        assert None not in measured()
    finally:
        process.wait()
