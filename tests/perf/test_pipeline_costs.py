"""What processing files costs: run with `make perf`. Each line is a figure and the bound that it is held against.

Nothing here asserts a time; counts and bytes are asserted, since a chunk that is lost costs nothing. CPU time is that
of this process and its children. Ratios are of runs on one machine in one call, alternating where there are two arms.
"""

from __future__ import annotations

import multiprocessing
import shutil
import statistics
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from perflab import Config, PerformanceSystem
from perflab.chunk import OPERATIONS, Chunk
from perflab.parallel import Workers

Say = Callable[[str], None]

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
}
GIGABYTES_2 = 2_000_000_000
MEGABYTES_10 = 10_000_000


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@dataclass
class Cost:
    """What some work took: wall and CPU time in seconds, and peaks of resident memory in bytes above its start."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    grown_bytes: int = 0
    children_bytes: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    cost, stop = Cost(), threading.Event()
    me = psutil.Process()
    base = me.memory_info().rss

    def look() -> None:
        while not stop.wait(0.02):
            cost.grown_bytes = max(cost.grown_bytes, me.memory_info().rss - base)
            children = [child.memory_info().rss for child in me.children(recursive=True)]
            cost.children_bytes = max(cost.children_bytes, sum(children))

    watcher = threading.Thread(target=look)
    watcher.start()
    began, used = time.perf_counter(), cpu_s()
    try:
        yield cost
    finally:
        cost.wall_s, cost.cpu_s = time.perf_counter() - began, cpu_s() - used
        stop.set()
        watcher.join()


def cpu_s() -> float:
    me = psutil.Process()
    own = me.cpu_times()
    found = own.user + own.system + own.children_user + own.children_system
    for child in me.children(recursive=True):
        times = child.cpu_times()
        found += times.user + times.system
    return float(found)


def write_markdown(path: Path, nbytes: int) -> Path:
    """Write a handbook whose sections have 0.8 to 4 kB and a code block each."""
    line = b"some words that make a paragraph of plain text, and more of them in a second line.\n"
    done = 0
    with path.open("wb") as file:
        while nbytes > 0:
            parts = []
            for number in range(done + 1, done + 501):
                head = b"## Section %d of the handbook\n\nWords of section %d: " % (number, number)
                code = b"\n```python\n# no heading %d\nvalue = %d\n```\n\n" % (number, number)
                parts.append(head + line * (8 + number * 7 % 40) + code)
            block = b"".join(parts)[:nbytes]
            file.write(block)
            nbytes -= len(block)
            done += 500
    return path


def standard_library(nbytes: int) -> bytes:
    """Return so many bytes of the standard library's modules, one behind the other."""
    found = b""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if not {"test", "site-packages"} & set(path.parts) and len(found) < nbytes:
            data = path.read_bytes()
            found += data.rstrip() + b"\n\n\n" if data.isascii() else b""
    return found[:nbytes]


def spaces(chunk: Chunk) -> int:
    return chunk.data.count(b" ")


def test_two_gigabytes_of_markdown(folder: Path, say: Say) -> None:
    free = shutil.disk_usage(folder).free
    if free < 2 * GIGABYTES_2:
        pytest.skip(f"two gigabytes of Markdown need twice that on the disk of {folder}, where {free} bytes are free")
    path = write_markdown(folder / "handbook.md", GIGABYTES_2)
    with PerformanceSystem(Config(**QUIET)) as system:
        with measured() as cost:
            result = system.process_large_file(path, spaces)
        with measured() as again:
            second = system.process_large_file(path, spaces)
    assert result.nbytes == GIGABYTES_2
    assert (second.reused, second.results) == (len(result), result.results)
    speed, known = (GIGABYTES_2 / 1e6 / used.cpu_s for used in (cost, again))
    say(
        f"\n2 GB of Markdown, {len(result)} chunks of sections: peak {cost.grown_bytes / 1e6:.0f} MB above the start "
        f"(<= 100; workers {cost.children_bytes / 1e6:.0f} MB), {speed:.0f} MB/s of CPU (>= 60), "
        f"wall {cost.wall_s:.0f} s; once known {known:.0f} MB/s of CPU"
    )


def grown(path: Path) -> Cost:
    """Process a file; called in a process of its own, whose memory nothing else has stretched."""
    with PerformanceSystem(Config(**QUIET)) as system, measured() as cost:
        system.process_large_file(path, len)
    return cost


def test_twice_the_bytes(folder: Path, say: Say) -> None:
    paths = [write_markdown(folder / f"{times}.md", times * 150_000_000) for times in (1, 2)]
    ratios, peaks = [], []
    for _ in range(3):
        costs = []
        for path in paths:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
                costs.append(alone.submit(grown, path).result())
        ratios.append(costs[1].cpu_s / costs[0].cpu_s)
        peaks.append(f"{costs[0].grown_bytes / 1e6:.0f} and {costs[1].grown_bytes / 1e6:.0f} MB")
    say(
        f"twice the bytes (150 and 300 MB): {statistics.median(ratios):.2f} x the CPU time (<= 2.2); "
        f"peaks above the start {', '.join(peaks)}"
    )


@pytest.mark.parametrize("operation", ["length", "analyze"])
def test_an_edit_of_one_function(folder: Path, say: Say, operation: str) -> None:
    path = folder / "module.py"
    data = standard_library(MEGABYTES_10)
    path.write_bytes(data)
    fn: Callable[[Chunk], Any] = len if operation == "length" else OPERATIONS["analyze"]
    with PerformanceSystem(Config(**QUIET)) as system:
        with measured() as first:
            total = len(system.process_large_file(path, fn))
        walls, cpus = [], []
        for number in range(7):
            at = data.find(b"    return ", (number + 1) * len(data) // 9)
            data = data[:at] + b"    return %d or " % number + data[at + 11 :]
            path.write_bytes(data)
            with measured() as edit:
                result = system.process_large_file(path, fn)
            assert result.processed <= 3
            walls.append(edit.wall_s / first.wall_s)
            cpus.append(edit.cpu_s / first.cpu_s)
    say(
        f"one function of {len(data) / 1e6:.0f} MB edited ({operation}, {total} chunks): saved to complete "
        f"{statistics.median(walls):.3f} x the first run's time, {statistics.median(cpus):.3f} x its CPU time (<= 0.10)"
    )


def spin(duration_s: float) -> None:
    """Use the CPU for so many seconds of CPU time, however long that takes."""
    end = time.thread_time() + duration_s
    while time.thread_time() < end:
        pass


def idle_s() -> float:
    """Return the seconds that cores have had nothing to do since the machine started."""
    times = psutil.cpu_times()
    return float(times.idle + times.iowait)


@pytest.mark.parametrize(("task_s", "bound"), [(0.010, 0.80), (0.001, 0.60)])
def test_efficiency_on_two_cores(say: Say, task_s: float, bound: float) -> None:
    """What others take of the cores is not there to be used: what is left is what we use and what nobody uses."""
    cores = psutil.cpu_count() or 1
    if cores > 2:
        pytest.skip(f"the share that others take is told for all {cores} cores, and only two are used")
    found = []
    tasks = [bytes(2000)] * int(4 / task_s)
    with Workers(2, "processes", in_flight=8) as workers:
        list(workers.map(abs, range(4)))
        for _ in range(5):
            idle, used = idle_s(), cpu_s()
            assert sum(1 for _ in workers.map(lambda _: spin(task_s), tasks, weight=len)) == len(tasks)
            given_s = (idle_s() - idle) + (cpu_s() - used)
            found.append(len(tasks) * task_s / given_s)
    say(
        f"two cores, tasks of {task_s * 1000:.0f} ms: {statistics.median(found):.2f} of the CPU time that others left "
        f"(>= {bound}; {', '.join(f'{ratio:.2f}' for ratio in found)})"
    )
