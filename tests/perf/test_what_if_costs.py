"""What a what-if costs, beside libCacheSim on the same trace in the same process: run with `make perf`.

Nothing here asserts a time; each line is for people to read. Ratios are medians of interleaved pairs, by CPU time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from perflab import Trace, whatif
from perflab.analyze.curve import lru_curve
from perflab.analyze.simulate.run import hits, misses
from perflab.analyze.simulate.workload import Workload

libcachesim = pytest.importorskip("libcachesim", reason="libcachesim has no wheel for this platform")

LARGE, SMALL, CATALOG, PAIRS = 10_000_000, 1_000_000, 1_000_000, 3
SIZE_SHARE = 10
HASH_POWERS = {"its default table, of 2**24 places": 24, "a table of 2**18 places, which suits this size": 18}
"""libCacheSim's own time depends on this more than on anything else, above all where other programs want the memory."""

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from perflab import Trace
from perflab.analyze.curve import lru_curve
from perflab.analyze.simulate.workload import Workload

def status(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000

ids = np.load(sys.argv[1])
lru_curve(Workload.of(Trace(ids[:1000], range(int(ids.max()) + 1)), "entries"))
work = Workload.of(Trace(ids, range(int(ids.max()) + 1)), "entries")
start = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
lru_curve(work)
print(status("VmHWM") - start)
"""


def zipf_ids(accesses: int) -> np.ndarray:
    """Numbers of keys in order of first appearance, drawn from a million by Zipf's law with exponent 1."""
    shares = np.cumsum(1 / np.arange(1, CATALOG + 1))
    drawn = np.searchsorted(shares / shares[-1], np.random.default_rng(1).random(accesses))
    _, first, numbers = np.unique(drawn, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers].astype(np.int32)


def work_of(ids: np.ndarray) -> Workload:
    return Workload.of(Trace(ids, range(int(ids.max()) + 1)), "entries")


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return zipf_ids(LARGE)


@pytest.fixture(scope="module")
def reader(ids: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> object:
    records = np.zeros(len(ids), dtype=[("time", "<u4"), ("key", "<u8"), ("size", "<u4"), ("next", "<i8")])
    records["key"], records["size"], records["next"] = ids, 1, -2
    path = tmp_path_factory.mktemp("trace") / "zipf.oracleGeneral.bin"
    records.tofile(path)
    kind = libcachesim.TraceType.ORACLE_GENERAL_TRACE
    return libcachesim.TraceReader(str(path), kind, libcachesim.ReaderInitParam())


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


def cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def paired(ours: Callable[[], object], theirs: Callable[[], object]) -> list[tuple[float, float]]:
    """CPU seconds of both, one after the other, in turns; the first pair warms up and is dropped."""
    pairs = []
    for turn in range(PAIRS + 1):
        order = (ours, theirs) if turn % 2 else (theirs, ours)
        seconds = {work: cpu_s(work) for work in order}
        pairs.append((seconds[ours], seconds[theirs]))
    return pairs[1:]


def simulated(reader: object, policy: str, size: int, power: int) -> Callable[[], object]:
    def run() -> None:
        reader.reset()
        getattr(libcachesim, policy)(size, hashpower=power).process_trace(reader)

    return run


@pytest.mark.parametrize("table", HASH_POWERS)
def test_the_exact_curve_beside_one_size_of_libcachesim(
    table: str, ids: np.ndarray, reader: object, say: Callable[[str], None]
) -> None:
    work = work_of(ids)
    pairs = paired(lambda: lru_curve(work), simulated(reader, "LRU", work.keys // SIZE_SHARE, HASH_POWERS[table]))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ours = median(pair[0] for pair in pairs)
    say(
        f"\nexact LRU curve, all sizes, {LARGE:,} requests, {work.keys:,} keys / libCacheSim, one size, {table}: "
        f"{median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}], {ours:.3f} s"
    )


def test_the_exact_curve_of_a_million_and_how_it_grows(ids: np.ndarray, say: Callable[[str], None]) -> None:
    large, small = work_of(ids), work_of(ids[:SMALL])
    pairs = paired(lambda: lru_curve(large), lambda: lru_curve(small))
    growth = sorted(many / few for many, few in pairs)
    seconds = median(few for _, few in pairs)
    say(
        f"\nexact LRU curve of {SMALL:,} requests: {seconds * 1e3:.0f} ms; ten times as many take "
        f"{median(growth):.1f} [{growth[0]:.1f}, {growth[-1]:.1f}] times as long"
    )


@pytest.mark.parametrize("table", HASH_POWERS)
@pytest.mark.parametrize(("policy", "theirs"), [("fifo", "FIFO"), ("clock", "Clock"), ("sieve", "Sieve")])
def test_one_size_beside_libcachesim(
    policy: str, theirs: str, table: str, ids: np.ndarray, reader: object, say: Callable[[str], None]
) -> None:
    work = work_of(ids)
    size = work.keys // SIZE_SHARE
    pairs = paired(lambda: hits(policy, work, size), simulated(reader, theirs, size, HASH_POWERS[table]))
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    found = f"{median(ratios):.1f} [{ratios[0]:.1f}, {ratios[-1]:.1f}]"
    say(f"\n{policy}, one size, requests/s: {found} x libCacheSim's, with {table}")


@pytest.mark.parametrize("spaced", ["evenly", "by logarithm"])
def test_a_hundred_sizes_of_sieve(spaced: str, ids: np.ndarray, say: Callable[[str], None]) -> None:
    work = work_of(ids[:SMALL])
    few = work.keys // 100
    sizes = np.linspace(few, work.keys, 100) if spaced == "evenly" else np.geomspace(10, work.keys, 100)
    misses("sieve", work, sizes[:9].astype(int))
    seconds = [cpu_s(lambda: misses("sieve", work, sizes.astype(int))) for _ in range(PAIRS)]
    say(f"\n100 sizes of SIEVE, {spaced}, {SMALL:,} requests: {median(seconds):.2f} s CPU, least {min(seconds):.2f} s")


def test_a_query_on_a_ready_curve(ids: np.ndarray, say: Callable[[str], None]) -> None:
    what_if = whatif(Trace(ids[:SMALL], range(int(ids[:SMALL].max()) + 1)))
    for policy in ("lru", "sieve"):
        curve = what_if.curve(policy)
        seconds = cpu_s(lambda curve=curve: [curve.at(size) for size in range(1, 20_000, 20)]) / 1_000
        say(f"\na query on the ready curve of {policy}: {seconds * 1e6:.0f} us")


def test_memory_of_the_exact_curve(ids: np.ndarray, tmp_path: Path, say: Callable[[str], None]) -> None:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("needs /proc/self/clear_refs")
    np.save(tmp_path / "ids.npy", ids)
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "ids.npy")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    say(f"\npeak memory of the exact curve of {LARGE:,} requests: {float(found.stdout):.0f} MB above start")
