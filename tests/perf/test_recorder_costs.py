"""What recording costs: run with `make perf`. Each line is a ratio of interleaved pairs in one process, or a size.

Nothing here asserts a time; counts are asserted, since a row that is lost costs nothing.
"""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cachetools
import numpy as np
import pytest

from perflab.bench import Arm, run
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.config import Config, RecordSettings
from perflab.record import Recorder
from perflab.system import PerformanceSystem

KEYS = [f"key-{number}" for number in range(1_000)]
LOOPS = 20
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


def tiered(timestamps: str) -> TieredCache:
    recorder = Recorder(settings=RecordSettings(timestamps=timestamps))
    return TieredCache(MemoryCache(10_000_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)


@functools.cache
def filled(kind: str) -> Any:
    """Return this process's cache of a kind, with all keys."""
    cache: Any = cachetools.LRUCache(10_000) if kind == "cachetools" else tiered(kind)
    for key in KEYS:
        cache[key] = 1
    return cache


def getting(kind: str) -> None:
    """Make 20,000 hits through `get`."""
    get = filled(kind).get
    for _ in range(LOOPS):
        for key in KEYS:
            get(key)


def subscripting(kind: str) -> None:
    """Make 20,000 hits through `[]`."""
    cache = filled(kind)
    for _ in range(LOOPS):
        for key in KEYS:
            cache[key]


@functools.lru_cache(10_000)
def answer(key: str) -> str:
    return key


def calling() -> None:
    """Make 20,000 hits of a function under `functools.lru_cache`."""
    for _ in range(LOOPS):
        for key in KEYS:
            answer(key)


LOCK = threading.Lock()


def one_thread(kind: str) -> None:
    get = filled(kind).get
    for _ in range(5):
        for key in KEYS:
            if kind == "cachetools":
                with LOCK:
                    get(key)
            else:
                get(key)


def four_threads(kind: str) -> None:
    """Make 20,000 hits in four threads, under a lock where the cache needs one."""
    threads = [threading.Thread(target=one_thread, args=(kind,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Bare:
    """What an empty `with` statement costs."""

    def __enter__(self) -> None: ...

    def __exit__(self, *exception: object) -> None: ...


def entering(make: Callable[[], Any]) -> Callable[[], None]:
    def work() -> None:
        for _ in range(5_000):
            with make():
                pass

    return work


PAIRS: list[tuple[str, Callable[[], None], Callable[[], None], str]] = [
    ("get, chunk / cachetools get", partial(getting, "cachetools"), partial(getting, "chunk"), "0.7"),
    ("get, exact / cachetools get", partial(getting, "cachetools"), partial(getting, "exact"), "1.0"),
    ("[], chunk / cachetools []", partial(subscripting, "cachetools"), partial(subscripting, "chunk"), "none"),
    ("[], exact / cachetools []", partial(subscripting, "cachetools"), partial(subscripting, "exact"), "none"),
    ("get, chunk / functools.lru_cache", calling, partial(getting, "chunk"), "1.8"),
    ("get, exact / functools.lru_cache", calling, partial(getting, "exact"), "2.7"),
    (
        "4 threads, exact / cachetools locked",
        partial(four_threads, "cachetools"),
        partial(four_threads, "exact"),
        "1.0",
    ),
]


@pytest.mark.parametrize(("title", "baseline", "other", "bound"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_hits(title: str, baseline: Callable[[], None], other: Callable[[], None], bound: str, say: Say) -> None:
    clock = "wall" if "threads" in title else "cpu"  # who waits for a lock uses no processor
    arms = (
        Arm("baseline", baseline, clock=clock, inputs="baseline"),
        Arm("optimized", other, clock=clock, inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=48).comparisons[0].comparison
    assert found.pairs >= 48
    noise = max(found.baseline_noise, found.noise)
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    say(f"\nrecorded hit, {title}: {interval}, bound {bound}, noise floor {noise:.1%}")


@pytest.mark.parametrize("folder", [False, True], ids=["in memory", "with a run folder"])
def test_operation(folder: bool, tmp_path: Path, say: Say) -> None:
    config = Config(cache={"l3_enabled": False}, enable_auto_optimization=False)
    system = PerformanceSystem(config, run_dir=tmp_path / "run" if folder else None)
    operation = functools.partial(system.operation, "parse")
    works = {"bare": entering(Bare), "operation": entering(operation)}
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(60):
        for name, work in works.items():
            start = time.process_time()
            work()
            seconds[name].append((time.process_time() - start) / 5_000)
    extra = np.array(seconds["operation"]) - np.array(seconds["bare"])
    system.close()
    assert len(system.frames.operations) == 60 * 5_000
    where = "with a run folder and its flight ring" if folder else "in memory"
    low, middle, high = np.quantile(extra, [0.25, 0.5, 0.75]) * 1e6
    say(
        f"\noperation over an empty with, {where}: {middle:.2f} us [{low:.2f}, {high:.2f}], bound 1.2 us; "
        f"{extra.mean() * 1e6:.2f} us on average, with becoming columns meanwhile"
    )


def test_four_threads_lose_no_row() -> None:
    recorder = filled("exact").recorder
    before = recorder.totals()["hit"]
    four_threads("exact")
    assert recorder.totals()["hit"] - before == 4 * 5 * len(KEYS)
    assert (recorder.frames.accesses["event"] == "hit").sum() == recorder.totals()["hit"]


def test_retained_bytes(say: Say) -> None:
    for timestamps in ("exact", "chunk"):
        cache = tiered(timestamps)
        for key in KEYS:
            cache[key] = 1
        cache.recorder.settle()
        gc.collect()
        tracemalloc.start()
        for _ in range(1_000):
            for key in KEYS:
                cache.get(key)
        cache.recorder.settle()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert cache.recorder.totals()["hit"] == 1_000_000
        say(f"\nretained, {timestamps}: {grown / 1e6:.1f} bytes a row, bound 24")


TEN_MILLION = """
import sys, time
from pathlib import Path
import numpy as np, pandas, pyarrow.parquet
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder

def status(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

rows, folder = int(sys.argv[1]), Path(sys.argv[2])
shares = 1 / np.arange(1, 100_001)
keys = [f"key-{n}" for n in range(100_000)]
ids = np.random.default_rng(2026).choice(100_000, 1_000_000, p=shares / shares.sum())
trace = [keys[n] for n in ids]
recorder = Recorder(folder)
tiers = MemoryCache(100_000_000, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder
cache = TieredCache(*tiers)
for key in keys:
    cache.set(key, 1)
recorder.settle()
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
began = time.process_time()
get = cache.get
for _ in range(rows // len(trace)):
    for key in trace:
        get(key)
noted = time.process_time() - began
recorder.flush()
cost = time.process_time() - began
peak = status("VmHWM") - before
recorder.close()
seconds = []
for _ in range(3):  # at first the kernel hands out the memory, which in a virtual machine may take most of the time
    frame = None
    began = time.perf_counter()
    frame = recorder.frames.accesses
    seconds.append(time.perf_counter() - began)
lost = rows + len(keys) - len(frame) - recorder.rows_dropped
size = (folder / "accesses.parquet").stat().st_size / len(frame)
print(noted, cost, peak, seconds[0], min(seconds), lost, recorder.rows_dropped, size)
"""


def test_ten_million(tmp_path: Path, say: Say) -> None:
    cost: dict[int, float] = {}
    for rows in (1_000_000, 10_000_000):
        command = [sys.executable, "-c", TEN_MILLION, str(rows), str(tmp_path / str(rows))]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        noted, cost[rows], peak, first, seconds, lost, dropped, size = map(float, found)
        assert (lost, dropped) == (0, 0)
        say(
            f"\n{rows:,} hits: {noted / rows * 1e9:.0f} ns each, {cost[rows] / rows * 1e9:.0f} ns with all on disk, "
            f"peak growth {peak / 1e6:.0f} MB (bound 128), "
            f"0 lost, frames.accesses {first:.2f} s, then {seconds:.2f} s (bound 1.5), "
            f"{size:.2f} bytes a row on disk (bound 4)"
        )
    say(f"\ngrowth of cost from 1M to 10M: {cost[10_000_000] / cost[1_000_000]:.1f} x, bound 11")


def test_import(say: Say) -> None:
    seconds: dict[str, list[float]] = {"import json": [], "import perflab": []}
    for _ in range(15):
        for code, found in seconds.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            found.append(time.perf_counter() - began)
    extra = np.median(seconds["import perflab"]) - np.median(seconds["import json"])
    say(f"\nimport perflab over import json: {extra * 1e3:.0f} ms, bound 150")
