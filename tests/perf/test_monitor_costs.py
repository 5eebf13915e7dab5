"""What watching costs: run with `make perf`. Each line is a share of one core, or a time for each operation.

Nothing here asserts a time; what was counted is asserted, since a sample that was not taken costs nothing.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from perflab.config import ResourceMonitoring
from perflab.events import Events
from perflab.host import Headroom, Monitor
from perflab.host.garbage import Collector
from perflab.optimize import Drift
from perflab.record import Recorder

SECONDS = 12.0
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.fixture
def family() -> object:
    """Four child processes and forty threads, as a system at work has them."""
    children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(4)]
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(40)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()
    for child in children:
        child.communicate(b"\n")


def idle_share() -> float:
    """Return what this process takes of a core while it sleeps."""
    began, used = time.perf_counter(), time.process_time()
    time.sleep(SECONDS)
    return (time.process_time() - used) / (time.perf_counter() - began)


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("full", [False, True], ids=["1 Hz", "10 Hz, memory short"])
def test_share_of_a_core(full: bool, say: Say) -> None:
    recorder = Recorder()
    headroom = Headroom(1 if full else 1 << 50)
    monitor = Monitor(recorder, Events(), ResourceMonitoring(memory_threshold_bytes="1TB"), 0, headroom=headroom)
    monitor.sample()  # its imports are no cost of watching
    without = idle_share()
    with monitor:
        watched = idle_share()
    rows = recorder.frames.resources.iloc[1:]
    assert len(rows) >= (SECONDS * 3 if full else SECONDS / 2)
    own = rows["cost_s"].sum() / SECONDS
    each = rows.groupby(rows["cpu_ratio"].notna())["cost_s"].median() * 1e3
    said = ", ".join(f"{'a sample' if whole else 'a glance'} {cost:.2f} ms" for whole, cost in each.items())
    rate = "10 Hz and 1 Hz" if full else "1 Hz"
    say(
        f"\nmonitor at {rate}, 4 children, 40 threads: {own:.2%} of a core by its own account, "
        f"{watched - without:.2%} by the process's clock, bound 0.5 %; {len(rows)} rows, {said}"
    )


def test_collections(say: Say) -> None:
    """Time a collection of the youngest generation with and without the callback, alternating."""
    collector = Collector()
    spans: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(200):
        for name, times in spans.items():
            (collector.start if name == "with" else collector.stop)()
            began = time.perf_counter()
            for _ in range(20):
                gc.collect(0)
            times.append((time.perf_counter() - began) / 20)
    collector.stop()
    assert collector.seen.count == 200 * 20
    extra = np.median(np.array(spans["with"]) - np.array(spans["without"])) * 1e6
    say(f"\na collection of garbage that is counted costs {extra:.2f} us more")


def test_drift(say: Say) -> None:
    durations = np.random.default_rng(2026).lognormal(-4, 0.4, 100_000)
    drift = Drift(0.25)
    began = time.thread_time()
    drift.take((f"operation-{number % 20}", float(value)) for number, value in enumerate(durations))
    each = (time.thread_time() - began) / len(durations)
    assert drift.slowest() is None
    say(
        f"\ndrift: {each * 1e6:.2f} us an operation, so {512 * each:.3%} of a core at the 512 a second that it looks at"
    )
